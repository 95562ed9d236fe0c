"""Stage 3, processed -> verdict: record count, null shares, schema drift, data set rules, anomalies. Writes no rows."""

from __future__ import annotations

from collections.abc import Iterable

from gluehouse.errors import QualityError
from gluehouse.quality import anomaly, dqdl
from gluehouse.quality.drift import drift
from gluehouse.quality.measured import measured
from gluehouse.quality.profile import profile
from gluehouse.spec.manifest import Counts, RuleReport
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.memory import run_of
from gluehouse.stages.report import Report


def run(context: StageContext) -> Report:
    """Judge what would be published. A failing rule of severity stop is the report's problem, GH3001."""
    contract, quality = context.pipeline.output_contract, context.pipeline.spec.quality
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    processed = zones.read_processed(context)
    rows, shares = profile(processed, contract)
    judged = (
        *(dqdl.evaluate(context.spark, processed, quality.rules, "stop") if quality.rules else ()),
        *(dqdl.evaluate(context.spark, processed, quality.warn, "warn") if quality.warn else ()),
    )
    nulls = {column.name: share.metrics["null_share"] for column, share in zip(contract.columns, shares, strict=True)}
    values = measured(rows, _set_aside(context), nulls, judged)
    reports = (
        drift(context.spark.read.parquet(uri).schema, processed.schema, contract.contract),
        *shares,
        *judged,
        *_anomalies(context, Report(measured=values)),
    )
    return Report(counts=Counts(**{"in": rows}), quality=reports, problem=_verdict(reports), measured=values)


def _set_aside(context: StageContext) -> int:
    """Rows of this batch in quarantine: a rerun may have skipped the stage that put them there, so they are counted."""
    found = (zones.read_quarantine(context, stage) for stage in ("ingest", "process"))
    return sum(rows.count() for rows in found if rows is not None)


def _anomalies(context: StageContext, report: Report) -> Iterable[RuleReport]:
    rules, plan = context.pipeline.spec.quality.anomaly, context.plan
    if not rules:
        return ()
    last = max(rule.window for rule in rules)
    memory = context.metrics.earlier(plan.triggered_at, last) if context.metrics else []
    return anomaly.evaluate(rules, report.measured, memory, run_of(context, report))


def _verdict(reports: tuple[RuleReport, ...]) -> QualityError | None:
    failed = [report for report in reports if report.outcome == "failed" and report.severity == "stop"]
    if not failed:
        return None
    told = "; ".join(f"{report.rule} ({report.reason})" for report in failed)
    return QualityError(
        "GH3001",
        f"{len(failed)} of {len(reports)} data set rules failed: {told}.",
        "Nothing was published. Mend the source or the rule, then run `gluehouse rerun RUN_ID --from process`.",
    )
