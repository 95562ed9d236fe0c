"""The checks of stage 3 that DQDL cannot say, over the zones of a batch: what they ask of it, and their reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.quality import audit, freshness, reconcile, references
from gluehouse.spec.check import Audit, ReferenceCheck, view_of
from gluehouse.spec.contract import Contract
from gluehouse.spec.judgeable import reconciled_keys, reference_tables
from gluehouse.spec.manifest import RuleReport
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext


def asked(context: StageContext) -> dict[str, Column]:
    """What the checks want of the processed rows, as aggregates by name: the profile takes them in its own pass."""
    quality = context.pipeline.spec.quality
    return {
        **{f"sum {name}": column for name, column in sums_of(context).items()},
        **{f"newest {check.column}": freshness.newest(check.column) for check in quality.freshness},
        **{f"referring {place}": references.referring(check) for place, check in enumerate(quality.references)},
    }


def sums_of(context: StageContext) -> dict[str, Column]:
    """The sums of processed columns that are reconciled, by column: here with staging, and at Publish once more."""
    reconciled = context.pipeline.spec.quality.reconcile
    named = [check.column for check in reconciled.sums] if reconciled else []
    return _sums(named, context.pipeline.output_contract)


def judge(
    context: StageContext, processed: DataFrame, rows: int, measured: Mapping[str, Any], aside: Mapping[str, int]
) -> tuple[RuleReport, ...]:
    """One report a check. ``measured``: what ``asked`` came to; ``aside``: rows in quarantine by stage."""
    quality = context.pipeline.spec.quality
    fresh = (
        freshness.freshness(check, measured[f"newest {check.column}"], context.plan.due_at)
        for check in quality.freshness
    )
    referring = [(check, measured[f"referring {place}"]) for place, check in enumerate(quality.references)]
    return (
        *_reconciled(context, processed, rows, measured, aside),
        *fresh,
        *(_referenced(context, check, processed, count) for check, count in referring),
        *_audited(context, processed, rows),
    )


def _reconciled(
    context: StageContext, processed: DataFrame, rows: int, measured: Mapping[str, Any], aside: Mapping[str, int]
) -> list[RuleReport]:
    check = context.pipeline.spec.quality.reconcile
    if check is None:
        return []
    found = []
    staged, contract = zones.read_staging(context), context.pipeline.contract
    if check.rows is not None or check.sums:
        columns = _sums([one.staged for one in check.sums], contract)
        asked_for = [column.alias(f"s{place}") for place, column in enumerate(columns.values())]
        before = staged.agg(F.count(F.lit(1)).alias("rows"), *asked_for).collect()[0]
        if check.rows is not None:
            refused = zones.read_staging(context, rejected=True).count()
            found.append(reconcile.rows(check.rows, before["rows"] + refused, rows, sum(aside.values())))
        there = {name: before[f"s{place}"] for place, name in enumerate(columns)}
        found += reconcile.sums(check.sums, there, {one.column: measured[f"sum {one.column}"] for one in check.sums})
    if check.keys is not None:
        keys = reconciled_keys(context.pipeline.spec, contract)
        fates = reconcile.keys_lost(staged, processed, _keys_aside(context, keys), keys)
        counted = fates.agg(F.count(F.lit(1)).alias("staged"), F.count_if("lost").alias("lost")).collect()[0]
        found.append(reconcile.lost_keys(check.keys, keys, counted["staged"], counted["lost"]))
    return found


def _keys_aside(context: StageContext, keys: tuple[str, ...]) -> DataFrame | None:
    """The keys of rows that the transform set aside, where quarantine has just these columns for its key."""
    rows = zones.read_quarantine(context, "process")
    kind = None if rows is None else rows.schema["key"].dataType
    if rows is None or tuple(getattr(kind, "names", ())) != keys:
        return None
    return rows.where("key IS NOT NULL").select("key")


def _referenced(context: StageContext, check: ReferenceCheck, processed: DataFrame, referring: int) -> RuleReport:
    try:
        table = _table(context, check.table)()
    except AnalysisException:
        return references.not_judged(check, f"there is no Delta table {check.table} at its place in the curated zone")
    unlike = references.misfit(check, processed, table)
    if unlike:
        return references.not_judged(check, unlike)
    lost = references.orphans(check, processed, table).agg(F.coalesce(F.sum("rows"), F.lit(0)).alias("rows"))
    return references.judged(check, referring, lost.collect()[0]["rows"] if referring else 0)


def _audited(context: StageContext, processed: DataFrame, rows: int) -> list[RuleReport]:
    named = {check.name: check for check in context.pipeline.spec.quality.audits}
    audits = {named.get(name, Audit(name=name)): text for name, text in context.pipeline.audits.items()}
    if not audits:
        return []
    views: dict[str, Callable[[], DataFrame]] = {
        **{view_of(table): _table(context, table) for table in reference_tables(context.pipeline.spec)},
        "processed": lambda: processed,
        "staging": lambda: zones.read_staging(context),
    }
    return audit.evaluate(context.spark, audits, views, rows)


def _table(context: StageContext, table: str) -> Callable[[], DataFrame]:
    return lambda: context.spark.read.format("delta").load(context.table_location(table))


def _sums(names: list[str], contract: Contract) -> dict[str, Column]:
    kinds = {column.name: column.type for column in contract.columns}
    return {name: reconcile.sum_of(name, kinds[name]) for name in names}
