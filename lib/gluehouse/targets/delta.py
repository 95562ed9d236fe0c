"""The curated zone's Delta tables: a history through the engine, or a plain table once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from gluehouse.history import LockPort, Snapshot, apply_batch
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.pipeline import DeltaTarget


@dataclass(frozen=True)
class Published:
    """What became of one table. ``rejected``: rows the engine set aside, with ``rule`` and ``reason``."""

    report: TableReport
    rejected: DataFrame | None = None
    warnings: tuple[str, ...] = ()


def publish_history(
    spark: SparkSession,
    target: DeltaTarget,
    location: str,
    batch: DataFrame,
    history: HistorySpec,
    batch_id: str,
    snapshot: Snapshot | None,
    lock: LockPort,
    allow_mass_delete: bool = False,
    replays: Sequence[str] = (),
) -> Published:
    """Merge a batch into a history table, in one commit of it; a batch that it already has changes nothing.

    ``replays``: see ``apply_batch``.
    """
    result = apply_batch(
        spark,
        location,
        batch,
        history,
        batch_id,
        snapshot=snapshot,
        lock=lock,
        allow_mass_delete=allow_mass_delete,
        replays=replays,
    )
    report = TableReport(
        table=target.table,
        strategy=result.strategy,
        version_before=result.version_before,
        version_after=result.version_after,
        opened=result.opened,
        closed=result.closed,
        updated=result.updated,
        unchanged=result.unchanged,
        rejected=result.rejected_count,
    )
    return Published(report, result.rejected if result.rejected_count else None, tuple(result.warnings))


def publish_plain(
    spark: SparkSession, target: DeltaTarget, location: str, batch: DataFrame, batch_id: str, lock: LockPort
) -> Published:
    """Replace or extend a table without history. Delta skips the write where the batch's transaction is there."""
    before = version(spark, location)
    lock.check()
    writer = (
        batch.write.format("delta")
        .mode(target.mode)
        .option("txnAppId", f"{target.table}/{batch_id}")
        .option("txnVersion", 1)
    )
    if target.mode == "overwrite":
        writer = writer.option("overwriteSchema", "true")
    if target.partition_by:
        writer = writer.partitionBy(*target.partition_by)
    writer.save(location)
    after = version(spark, location)
    return Published(TableReport(table=target.table, strategy=target.mode, version_before=before, version_after=after))


def version(spark: SparkSession, location: str) -> int | None:
    """The table's newest commit number, or None where no table is."""
    if not DeltaTable.isDeltaTable(spark, location):
        return None
    return int(DeltaTable.forPath(spark, location).history(1).select("version").collect()[0][0])
