"""What a batch changes in a history table: planned from the table as it is, without writing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.history.events import Events, earliest, split_events
from gluehouse.history.known import Known
from gluehouse.history.layout import Layout, layout_of
from gluehouse.history.memory import KINDS
from gluehouse.history.plan import plan_changes
from gluehouse.history.ranges import Range
from gluehouse.history.result import Snapshot
from gluehouse.history.scope import Scope, scope_of_events, scope_of_snapshot
from gluehouse.history.session import quick
from gluehouse.history.small import SMALL_BYTES, bytes_to_read, one_row
from gluehouse.history.store import ACTION, change_schema, visible_rows
from gluehouse.spec.history import HistorySpec


@dataclass(frozen=True)
class Current:
    """A history table as it is. ``visible``: its rows; ``memory``: its companion's rows; None where there are none.

    ``within``: answers the visible rows that lie in some ranges, without looking at files that have none of them.
    ``kinds``: which kinds of rows memory has; ``stored_bytes``: what both take in storage, which tells whether
    to hold them; ``applied``: the transaction of the batch to be planned, where it was applied before;
    ``replayed``: those of the batches that it replays, the first of them first, as far as the table has them.
    """

    visible: DataFrame | None = None
    memory: DataFrame | None = None
    kinds: frozenset[str] = KINDS
    stored_bytes: int | None = None
    applied: str | None = None
    replayed: tuple[str, ...] = ()
    within: Callable[[Sequence[Range]], DataFrame] | None = None


@dataclass
class ChangeSet:
    """The rows that a batch changes, not computed yet, and what is known without computing them.

    ``rows``: as ``plan_changes`` answers, None where the batch has nothing new (``nothing_new`` says why).
    """

    layout: Layout
    batch: DataFrame
    known: Known
    parts: Events
    scope: Scope
    rows: DataFrame | None = None

    @property
    def nothing_new(self) -> str:
        return self.scope.nothing_new

    def versions(self) -> DataFrame:
        """The versions that change, in the table's columns, with ``action``: insert, update, delete.

        A surrogate key is NULL where the version is new: it is given when the change set is applied.
        """
        if self.rows is None:
            return self.batch.sparkSession.createDataFrame([], change_schema(self.layout))
        rows = self.rows.withColumn("sk", F.col("row.sk"))
        return visible_rows(rows, self.layout, "").drop("batch_id", "loaded_at").withColumnRenamed(ACTION, "action")

    def close(self) -> None:
        """Free what planning keeps in Spark's storage."""
        self.scope.release()


def plan(
    current: Current,
    batch: DataFrame,
    spec: HistorySpec,
    *,
    payload: list[str] | None = None,
    snapshot: Snapshot | None = None,
    allow_mass_delete: bool = False,
) -> ChangeSet:
    """What ``batch`` changes in the table that ``current`` is. Nothing is written; Spark jobs look at keys and times.

    Grain of ``batch``: an event a row, or with ``deletes: absence`` a key of one full snapshot; its columns are those
    that the spec names, and the payload (all others, or those of ``payload``).
    Raises ConfigError GH1401 to GH1404, HistoryRefused GH4001 to GH4005, GH4101.

    >>> # changes = plan(Current(read_history(spark, location)), batch, spec)
    >>> # changes.versions().where("action = 'update'").show()
    """
    spark, visible = batch.sparkSession, current.visible
    remembered = current.memory.schema if current.memory is not None else None
    layout = layout_of(spec, batch.schema, visible.schema if visible is not None else None, payload, remembered)
    batch_bytes = bytes_to_read(batch)
    small = current.stored_bytes is not None and current.stored_bytes + batch_bytes <= SMALL_BYTES
    with quick(spark, small), Scope() as scope:
        known = Known(spark, layout, visible, current.memory, current.kinds, small, current.within)
        newest, pruned = known.bounds(current.applied)
        if current.replayed and current.applied is None:
            # A replay comes as late as the batch that it mends; only what memory has forgotten since is out of reach.
            newest = known.bounds(current.replayed[0])[0]
        scope.late_before = earliest(layout, newest, pruned)
        with quick(spark, batch_bytes <= SMALL_BYTES):
            parts = split_events(batch, layout, scope.late_before, hold=batch_bytes <= SMALL_BYTES)
        if spec.deletes == "absence":
            allowed = allow_mass_delete or current.applied is not None
            scope_of_snapshot(scope, known, batch, parts, snapshot or Snapshot(), allowed, current.replayed)
        else:
            scope_of_events(scope, known, parts)
        if newest is not None:
            scope.horizon = one_row(spark, newest.alias("at"))
        planned = ChangeSet(layout, batch, known, parts, scope)
        if not scope.nothing_new:
            planned.rows = plan_changes(layout, scope.evidence())
        return planned
