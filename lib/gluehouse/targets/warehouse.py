"""A batch into a warehouse's table: changed, reconciled and remembered in one transaction, or not at all.

Without a history a batch replaces or extends the table. With one, the warehouse follows the Delta table: what changes
is the difference between the version that it shows and the version that there is, so a batch that it missed is in the
next one, whatever order they came in.

The rows are on their way before the transaction begins, in a table that only its session sees: so nobody waits for the
ledger while Spark works, and Snowflake, where each DDL statement commits, takes the same way (ADR 25).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import TableLockLost
from gluehouse.history import LockPort
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.session import quick
from gluehouse.history.small import SMALL_BYTES
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.target import WarehouseTarget
from gluehouse.targets import difference, shape
from gluehouse.targets.change import Change, Moved
from gluehouse.targets.columns import WENT, Column, columns_of, exported
from gluehouse.targets.export import Export, export
from gluehouse.targets.ledger import Entry, Ledger
from gluehouse.targets.order import refuse_older
from gluehouse.targets.published import Published
from gluehouse.targets.reconcile import Judged, measured
from gluehouse.targets.session import Session, Warehouse


@dataclass(frozen=True)
class Batch:
    """What every publishing is given: the batch's id and when it was first asked for, the run's lock of the table, a
    folder for rows on their way, and what the gate judged (None where a stage is debugged alone)."""

    id: str
    asked_at: datetime
    lock: LockPort
    uri: str
    judged: Judged | None = None


def publish_plain(warehouse: Warehouse, target: WarehouseTarget, rows: DataFrame, batch: Batch) -> Published:
    """Replace or extend a table without history; a batch that the ledger has changes nothing.

    Raises QualityError GH3002 where what came is not what the gate judged, InputError GH2056 where it would replace a
    newer delivery, PublishError GH5001 and GH5002, TableLockLost GH6002, InfrastructureError GH9001: nothing is visible
    then.
    """
    columns = columns_of(rows.schema, target.name)
    with Session(warehouse, target) as session:
        ledger = Ledger(session)
        if ledger.knows(batch.id):
            return Published(TableReport(table=target.name, strategy="none"))
        with export(rows.select(*exported(rows, columns), F.lit(False).alias(WENT)), columns, batch.uri) as files:
            came, _ = files.counts()
            change = Change(files, columns, target.mode == "overwrite", batch.judged or Judged(came))
            change.stage(session)
            ledger.create()
            with session.transaction():
                ledger.take()
                if ledger.knows(batch.id):
                    raise _overtaken(target)
                if target.mode == "overwrite":
                    refuse_older(target.name, batch.id, batch.asked_at, ledger.newest())
                moved = change.make(session)
                ledger.keep(Entry(batch.id, moved.came, batch.asked_at))
                batch.lock.check()
    return Published(_report(target, target.mode, moved))


def follow(
    warehouse: Warehouse, target: WarehouseTarget, table: DeltaLocation, history: HistorySpec, batch: Batch
) -> Published:
    """Bring a warehouse to the version that the Delta ``table`` of a history has; the one that it has changes nothing.

    It is loaded whole where it has no such table, or where the version that it shows cannot be read any more. Raises
    as ``publish_plain`` does, and GH3002 where an invariant of histories does not hold of the keys that changed.
    """
    state = table.state()
    version, identity = state.version, table.table_id()
    assert version is not None, "the history of record is published before what follows it"
    columns = columns_of(table.schema(), target.name)
    with quick(table.spark, state.size <= SMALL_BYTES), Session(warehouse, target) as session:
        ledger = Ledger(session)
        told = ledger.shown(identity)
        shown = told if shape.types_there(session) else None
        report = partial(_report, target, before=shown, after=version)
        if shown == version and ledger.knows(batch.id):
            return Published(report("none", Moved(0, 0)))
        entry = partial(Entry, batch.id, asked_at=batch.asked_at, delta_table=identity, delta_version=version)
        netted = None if shown is None else difference.difference(table, shown, columns)
        rows = difference.whole(table, columns) if netted is None else netted
        with export(rows, columns, batch.uri) as files:
            change = _following(files, columns, netted is None, table, history, batch.judged)
            change.stage(session)
            ledger.create()
            with session.transaction():
                ledger.take()
                if ledger.shown(identity) != told:
                    raise _overtaken(target)
                moved = change.make(session)
                ledger.keep(entry(rows=moved.came))
                batch.lock.check()
    return Published(report("load" if netted is None else "difference", moved))


def _following(
    files: Export,
    columns: tuple[Column, ...],
    empties: bool,
    table: DeltaLocation,
    history: HistorySpec,
    judged: Judged | None,
) -> Change:
    """The gate judged the batch, not the versions that it became: their sums are those that Spark finds on the way."""
    came, went = files.counts()
    there = {column.name for column in columns}
    measures = {name: column for name, column in (judged.measures if judged else {}).items() if name in there}
    sums = measured(files.came(), Judged(came, {}, measures))[1] if measures else {}
    total = table.spark.read.format("delta").load(table.path).count()
    return Change(files, columns, empties, Judged(came, sums, measures), went, total, history)


def _report(
    target: WarehouseTarget, strategy: str, moved: Moved, before: int | None = None, after: int | None = None
) -> TableReport:
    return TableReport(
        table=target.name,
        strategy=strategy,
        version_before=before,
        version_after=after,
        rows_came=moved.came,
        rows_went=moved.went,
    )


def _overtaken(target: WarehouseTarget) -> TableLockLost:
    return TableLockLost(
        "GH6002",
        f"another run has published to {target.name} since this one began. Nothing was committed there.",
        "run the batch again, and let no other writer write the table without its lock.",
    )
