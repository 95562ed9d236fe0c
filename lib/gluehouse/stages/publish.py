"""Stage 4, processed -> curated: each target in one transaction, under the run's lock, then the catalog."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import DataError
from gluehouse.frames.parse import VIOLATIONS
from gluehouse.history import Snapshot
from gluehouse.history.delta import DeltaLocation
from gluehouse.spec.manifest import Counts, RuleReport
from gluehouse.spec.target import DeltaTarget, Target
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.judged import judged_by_the_gate
from gluehouse.stages.report import Report
from gluehouse.targets import delta, warehouse
from gluehouse.targets.delivery import Delivery
from gluehouse.targets.published import Published
from gluehouse.targets.reconcile import Judged


def run(context: StageContext) -> Report:
    """Publish a batch that the gate let through, target by target.

    A target that refuses the batch is the report's problem. The targets before it keep what they committed, which
    the report says; a rerun finds their transactions there and goes on with the rest. What is not what the gate judged
    is refused before its commit, GH3002 and GH3003.
    """
    judged = judged_by_the_gate(context)
    processed = zones.read_processed(context)
    published: list[Published] = []
    problem = None
    for target in context.pipeline.spec.publish:
        try:
            published.append(_publish(context, target, processed, judged))
        except DataError as refusal:
            problem = refusal
            break
    # Every target keeps the same history of the same batch, so what one rejects all reject: one copy is set aside.
    rejected = next((one.rejected for one in published if one.rejected is not None), None)
    done = {one.report.table for one in published}
    outputs = {
        target.name: context.table_location(target.table)
        for target in context.pipeline.spec.delta_targets
        if target.name in done
    }
    if rejected is not None:
        outputs["quarantine_publish"] = _set_aside(context, rejected)
    else:
        zones.clear_quarantine(context, "publish")
    return Report(
        counts=Counts(quarantined=max((one.report.rejected for one in published), default=0)),
        tables=tuple(one.report for one in published),
        quality=tuple(_warning(text) for one in published for text in one.warnings),
        outputs=outputs,
        published=bool(published),
        problem=problem,
    )


def _warning(text: str) -> RuleReport:
    return RuleReport(rule="history", outcome="failed", severity="warn", reason=text)


def _publish(context: StageContext, target: Target, processed: DataFrame, judged: Judged | None) -> Published:
    if isinstance(target, DeltaTarget):
        return _publish_to_delta(context, target, processed, judged)
    batch = warehouse.Batch(
        id=context.plan.batch_id,
        asked_at=context.plan.due_at,
        lock=context.lock_for(target.name),
        uri=context.environment.export_uri(context.plan.pipeline, context.plan.batch_id, target.name),
        judged=judged,
    )
    reached, history = context.warehouse_of(target), context.pipeline.spec.history
    if history is None:
        return warehouse.publish_plain(reached, target, processed, batch)
    record = context.table_location(context.pipeline.spec.history_of_record(target).table)
    return warehouse.follow(reached, target, DeltaLocation(context.spark, record), history, batch)


def _publish_to_delta(
    context: StageContext, target: DeltaTarget, processed: DataFrame, judged: Judged | None
) -> Published:
    location, lock = context.table_location(target.table), context.lock_for(target.name)
    history, batch_id = context.pipeline.spec.history, context.plan.batch_id
    if history is None:
        replays = context.plan.replay.of if context.plan.replay else None
        delivery = Delivery(target.table, batch_id, context.plan.due_at, replays)
        published = delta.publish_plain(context.spark, target, location, processed, delivery, lock, judged)
    else:
        published = delta.publish_history(
            context.spark,
            target,
            location,
            processed,
            history,
            batch_id,
            _snapshot(context),
            lock,
            context.plan.allow_mass_delete,
            judged,
            context.plan.replay.batches if context.plan.replay else (),
        )
    if context.catalog is not None:
        table = context.spark.read.format("delta").load(location)
        context.catalog.register(target.table, location, table, target.tags)
    return published


def _snapshot(context: StageContext) -> Snapshot | None:
    """For full snapshots: keys that stand in quarantine are not absent; a row without a legible key may be any."""
    history = context.pipeline.spec.history
    if history is None or context.pipeline.spec.source.mode != "snapshot" or history.deletes != "absence":
        return None
    aside = [rows for stage in ("ingest", "process") if (rows := zones.read_quarantine(context, stage)) is not None]
    if not aside:
        return Snapshot()
    keys, illegible = None, 0
    for rows in aside:
        illegible += rows.where("key IS NULL").count()
        if dict(rows.dtypes)["key"].startswith("struct"):
            legible = rows.where("key IS NOT NULL").select("key.*")
            keys = legible if keys is None else keys.unionByName(legible)
    return Snapshot(quarantined_keys=keys, illegible_rows=illegible)


def _set_aside(context: StageContext, rejected: DataFrame) -> str:
    """Rows that the history engine cannot take go to quarantine, as they came to it."""
    keys = tuple(context.pipeline.spec.history.keys) if context.pipeline.spec.history else ()
    *_, rule, reason = rejected.columns
    told = F.struct(F.col(rule).alias("rule"), F.col(reason).alias("reason"))
    rows = rejected.withColumn(VIOLATIONS, F.array(told)).drop(rule, reason)
    return zones.write_quarantine(context, "publish", zones.as_quarantine(context, rows, keys), keys)
