"""The curated zone's Delta tables: a history through the engine, or a plain table once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from gluehouse.history import LockPort, Snapshot, apply_batch
from gluehouse.history.delta import DeltaLocation, TableState
from gluehouse.history.file_commit import FileCommit
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.target import DeltaTarget
from gluehouse.targets.delivery import Delivery
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
    delivery: Delivery,
    lock: LockPort,
    judged: Judged | None = None,
) -> Published:
    """Replace or extend a table without history, in one commit of it; a batch that it already has changes nothing.

    A replay that extends takes the place of the rows of the batch that it replays, in the same commit; one that
    replaces is refused where another batch has done so since: InputError GH2054, GH2055. What replaces a delivery that
    was asked for later is refused: GH2056.
    The files are written first, then held against what the gate ``judged``, and only then committed. Raises
    QualityError GH3002 where they differ: nothing is visible then.
    """
    table, replaces = DeltaLocation(spark, location), target.mode == "overwrite"
    state = table.state()
    report = TableReport(table=target.table, strategy=target.mode, version_before=state.version)
    if delivery.transaction in state.transactions:
        return Published(report.model_copy(update={"version_after": state.version}))
    if replaces and not delivery.replays:
        delivery.refuse_older(state.transactions)
    commit = FileCommit(table, state.version)
    if state.version is None or (commit.fits() and _has_its_form(table, target, batch)):
        gone = _files_to_replace(table, target, delivery, state)
        commit.remove(gone)
        _write_files(commit, target, batch, delivery, state.version is None)
        reconcile_files(spark, commit, batch, target.table, judged)
        named = delivery.transactions(commit.rows_added(), replaces, state.transactions)
        commit.commit(lock.check, named, "Overwrite" if gone else target.mode.capitalize())
        report = report.model_copy(update={"strategy": "replay"}) if gone else report
    elif delivery.replays:
        raise delivery.cannot_tell("has features, partitions or columns that Delta's own writer must keep up")
    else:
        # Delta's own writer knows the features that such a commit would have to keep up: it is asked beforehand.
        reconcile_rows(batch, target.table, judged)
        lock.check()
        _write_by_delta(target, location, batch, delivery.transaction)
    return Published(report.model_copy(update={"version_after": table.version()}))


def _files_to_replace(table: DeltaLocation, target: DeltaTarget, delivery: Delivery, state: TableState) -> list[Any]:
    """What a replay takes away of a table that is appended to. One that is replaced loses all of its files anyway."""
    if not delivery.replays or state.version is None:
        return []
    if target.mode == "append":
        return delivery.files_to_replace(table, state.transactions)
    delivery.refuse_unless_shown(table, state.transactions)
    return []


def _has_its_form(table: DeltaLocation, target: DeltaTarget, batch: DataFrame) -> bool:
    """Whether the table is partitioned as the target says, and an append brings just its columns."""
    same = [(f.name, f.dataType) for f in table.schema()] == [(f.name, f.dataType) for f in batch.schema]
    return table.partition_columns() == target.partition_by and (same or target.mode == "overwrite")


def _write_files(commit: FileCommit, target: DeltaTarget, batch: DataFrame, delivery: Delivery, new: bool) -> None:
    if new:
        commit.create(batch, target.partition_by)
    elif target.mode == "overwrite":
        commit.replace_all(batch)
    commit.add(batch, delivery.tags)


def _write_by_delta(target: DeltaTarget, location: str, batch: DataFrame, transaction: str) -> None:
    writer = batch.write.format("delta").mode(target.mode).option("txnAppId", transaction).option("txnVersion", 1)
    if target.mode == "overwrite":
        writer = writer.option("overwriteSchema", "true")
    if target.partition_by:
        writer = writer.partitionBy(*target.partition_by)
    writer.save(location)
