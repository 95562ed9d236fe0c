"""The curated zone's Delta tables: a history through the engine, or a plain table once a batch."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from gluehouse.history import LockPort, Snapshot, apply_batch
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.file_commit import FileCommit
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.target import DeltaTarget
from gluehouse.targets.published import Published
from gluehouse.targets.reconcile import Judged, reconcile_files, reconcile_rows


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
    judged: Judged | None = None,
    replays: Sequence[str] = (),
) -> Published:
    """Merge a batch into a history table, in one commit of it; a batch that it already has changes nothing.

    ``replays``: see ``apply_batch``. Raises QualityError GH3002 where the batch is not what the gate ``judged``, or the
    engine's change set is not what it planned: nothing is visible then.
    """
    reconcile_rows(batch, target.table, judged)
    result = apply_batch(
        spark,
        location,
        batch,
        history,
        batch_id,
        snapshot=snapshot,
        lock=lock,
        allow_mass_delete=allow_mass_delete,
        reconcile=True,
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
    spark: SparkSession,
    target: DeltaTarget,
    location: str,
    batch: DataFrame,
    batch_id: str,
    lock: LockPort,
    judged: Judged | None = None,
) -> Published:
    """Replace or extend a table without history, in one commit of it; a batch that it already has changes nothing.

    The files are written first, then held against what the gate ``judged``, and only then committed. Raises
    QualityError GH3002 where they differ: nothing is visible then.
    """
    table = DeltaLocation(spark, location)
    state, transaction = table.state(), f"{target.table}/{batch_id}"
    report = TableReport(table=target.table, strategy=target.mode, version_before=state.version)
    if transaction in state.transactions:
        return Published(report.model_copy(update={"version_after": state.version}))
    commit = FileCommit(table, state.version)
    if state.version is None or (commit.fits() and _has_its_form(table, target, batch)):
        _write_files(commit, target, batch, state.version is None)
        reconcile_files(spark, commit, batch, target.table, judged)
        commit.commit(lock.check, transaction, mode=target.mode.capitalize())
    else:
        # Delta's own writer knows the features that such a commit would have to keep up: it is asked beforehand.
        reconcile_rows(batch, target.table, judged)
        lock.check()
        _write_by_delta(target, location, batch, transaction)
    return Published(report.model_copy(update={"version_after": table.version()}))


def _has_its_form(table: DeltaLocation, target: DeltaTarget, batch: DataFrame) -> bool:
    """Whether the table is partitioned as the target says, and an append brings just its columns."""
    same = [(f.name, f.dataType) for f in table.schema()] == [(f.name, f.dataType) for f in batch.schema]
    return table.partition_columns() == target.partition_by and (same or target.mode == "overwrite")


def _write_files(commit: FileCommit, target: DeltaTarget, batch: DataFrame, new: bool) -> None:
    if new:
        commit.create(batch, target.partition_by)
    elif target.mode == "overwrite":
        commit.replace_all(batch)
    commit.add(batch)


def _write_by_delta(target: DeltaTarget, location: str, batch: DataFrame, transaction: str) -> None:
    writer = batch.write.format("delta").mode(target.mode).option("txnAppId", transaction).option("txnVersion", 1)
    if target.mode == "overwrite":
        writer = writer.option("overwriteSchema", "true")
    if target.partition_by:
        writer = writer.partitionBy(*target.partition_by)
    writer.save(location)
