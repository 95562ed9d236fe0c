"""One batch into one history table: plan, remember, commit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.history.changes import ChangeSet, Current, plan
from gluehouse.history.compaction import compact_if_due
from gluehouse.history.computed import PlanFile, held_plan
from gluehouse.history.delta import MANY_BATCHES, OLD_TIMES, DeltaLocation, TableState
from gluehouse.history.events import undecided_rows
from gluehouse.history.lock import LockPort, lock_of
from gluehouse.history.memory import SUFFIX, Memory, app_id
from gluehouse.history.reconcile import refuse_broken, refuse_unaccounted
from gluehouse.history.result import HistoryResult, Snapshot
from gluehouse.history.scope import Scope
from gluehouse.history.session import options, quick
from gluehouse.history.small import one_row
from gluehouse.history.store import Write, allow_local_times, switch_on_deletion_vectors, write_table
from gluehouse.history.surrogate import retired_keys, with_surrogates
from gluehouse.spec.history import HistorySpec

_LOCAL_TIME = re.compile('"(type|elementType|keyType|valueType)":"timestamp_ntz"')
RETENTION = "delta.setTransactionRetentionDuration"


def apply_batch(
    spark: SparkSession,
    location: str,
    batch: DataFrame,
    spec: HistorySpec,
    batch_id: str,
    *,
    payload: list[str] | None = None,
    snapshot: Snapshot | None = None,
    lock: LockPort | None = None,
    allow_mass_delete: bool = False,
    app: str = "gluehouse",
    reconcile: bool = False,
    replays: Sequence[str] = (),
) -> HistoryResult:
    """Apply a batch of events (or, with ``deletes: absence``, one full snapshot) to the Delta table at ``location``.

    The history table gets at most one commit, as the Delta transaction ``app/batch_id``; its companion ``__memory``
    gets one before it. A batch that was applied before changes nothing. ``reconcile``: what is to be written is held
    against what was planned, and against the invariants of the keys that it touches, before anything is committed.

    ``replays``: the ids of the batches that had this very delivery with fewer of its rows, the first of them first:
    it comes as late as that one did, and as a snapshot it says anew what they said, instead of being a second one.

    Raises ConfigError (GH14xx: the spec does not fit the batch; GH1410: an ``s3://`` table without a lock),
    HistoryRefused (GH4001 breaker, GH4002 second snapshot, GH4003 empty, GH4004 incomplete, GH4005 several times,
    GH4101 type change), QualityError (GH3002: the change set is broken), LockError (GH6001 held, GH6002 lost).
    Nothing is changed then.
    """
    location = location.rstrip("/")
    with nullcontext(lock) if lock is not None else lock_of(location) as held:
        if spec.deletion_vectors:
            switch_on_deletion_vectors(DeltaLocation(spark, location))
        if _LOCAL_TIME.search(batch.schema.json()):
            for path in (location, location + SUFFIX):
                allow_local_times(DeltaLocation(spark, path))
        target = Target(spark, location, batch_id, held, app, reconcile, replays)
        changes = plan(
            target.current(),
            batch,
            spec,
            payload=payload,
            snapshot=snapshot,
            allow_mass_delete=allow_mass_delete,
        )
        return apply_changes(target, changes)


def read_history(spark: SparkSession, location: str) -> DataFrame:
    """The visible table."""
    return spark.read.format("delta").load(location)


class Target:
    """A Delta history table and its memory, as they are when this is made, for one batch under the table's lock."""

    def __init__(
        self,
        spark: SparkSession,
        location: str,
        batch_id: str,
        lock: LockPort,
        app: str = "gluehouse",
        reconcile: bool = False,
        replays: Sequence[str] = (),
    ) -> None:
        self.spark, self.location, self.batch_id, self.lock = spark, location.rstrip("/"), batch_id, lock
        self.reconcile = reconcile
        self.table = DeltaLocation(spark, self.location)
        self.state: TableState = self.table.state()
        if self.state.version is not None:
            _refuse_forgetting(self.table.properties())
        self.memory = Memory(spark, self.location, self.state.transactions)
        self.transaction = app_id(app, batch_id)
        self.repeated = self._has(self.transaction)
        self.replayed = tuple(name for batch in replays if self._has(name := app_id(app, batch)))

    def _has(self, transaction: str) -> bool:
        return transaction in self.state.transactions or self.memory.has_alone(transaction)

    def check(self) -> None:
        """Raises TableLockLost GH6002 where the lock is gone, or the table is not the one that was planned against."""
        self.table.refuse_unless_at(self.state.version)
        self.lock.check()

    def current(self) -> Current:
        """The table as ``plan`` wants it."""
        return Current(
            visible=self.table.read() if self.state.version is not None else None,
            within=self.table.read,
            memory=self.memory.stored(),
            kinds=self.memory.kinds,
            stored_bytes=self.state.size + self.memory.state.size,
            applied=self.transaction if self.repeated else None,
            replayed=self.replayed,
        )


def _refuse_forgetting(properties: dict[str, str]) -> None:
    """Raises ConfigError GH1408: the names of the batches in the log say which rows of memory count."""
    if RETENTION in properties:
        raise ConfigError(
            "GH1408",
            f"the table has the property {RETENTION} ({properties[RETENTION]}), by which Delta forgets its batches.",
            f"take it away: ALTER TABLE ... UNSET TBLPROPERTIES ('{RETENTION}').",
        )


def apply_changes(target: Target, changes: ChangeSet) -> HistoryResult:
    """Write a change set: first what memory needs of it, then the visible table, in one Delta commit each.

    ``changes`` must have been planned against ``target.current()``. Raises LockError GH6002 where the lock, or the
    version planned against, is gone immediately before a commit; nothing is visible of the batch then.
    """
    small = changes.known.small
    with options(target.spark, **OLD_TIMES, **MANY_BATCHES):
        try:
            with quick(target.spark, small):
                found = _apply(target, changes)
        finally:
            changes.close()
        if found.memory_version is not None:
            late_before, spec = changes.scope.late_before, changes.layout.spec
            compact_if_due(target.memory, target.location, spec, target.lock, late_before, small, found.warnings)
    return found


def _apply(target: Target, changes: ChangeSet) -> HistoryResult:
    spark, scope, layout, spec = target.spark, changes.scope, changes.layout, changes.layout.spec
    before = target.state.version
    found = HistoryResult(version_before=before, version_after=before, unchanged=scope.same, warnings=scope.warnings)
    if changes.rows is None:
        return _with_rejected(replace(found, why=scope.nothing_new), changes, None, 0)
    rows, counts = _computed(target, changes, changes.rows)
    if target.reconcile:
        refuse_broken(rows, layout, counts)
        # Of a snapshot the keys that it confirms are not planned, and a row that it repeats is one key.
        if spec.deletes != "absence":
            refuse_unaccounted(changes.parts, counts)
    undecided = _lasting(undecided_rows(changes.batch, rows, layout), scope) if counts["undecided"] else None
    found = replace(found, unchanged=scope.same + counts["confirmed"])
    found = _with_rejected(found, changes, undecided, counts["undecided"])
    if target.repeated or scope.known_before:
        return replace(found, why="this batch was applied before")
    found = replace(
        found,
        opened=counts["inserted"],
        closed=counts["closed"],
        updated=counts["updated"] - counts["closed"],
        removed=counts["deleted"],
        remembered=counts["remembered"],
    )
    versions = counts["inserted"] + counts["updated"] + counts["deleted"]
    if scope.horizon is not None and (versions or counts["remembered"] or scope.has_news):
        scope.remember("horizon", scope.horizon)
    key = spec.surrogate_key
    numbers = key is not None and key.kind == "bigint" and counts["numbered"] > 0
    high_water = changes.known.high_water() if numbers else 0
    if numbers:
        given = F.lit(high_water + counts["numbered"]).cast("bigint")
        scope.remember("high_water", one_row(spark, given.alias("digest")))
    found = replace(found, memory_version=_remember(target, changes, rows, counts, alone=not versions))
    if not versions:
        return replace(found, why="no version changes")
    rows = with_surrogates(rows, layout, high_water)
    if layout.surrogate and counts["deleted"]:
        found = replace(found, retired_keys=_lasting(retired_keys(rows, layout), scope))
    write = Write(
        spark,
        target.table,
        layout,
        rows,
        counts,
        target.batch_id,
        target.transaction,
        target.lock,
        before,
        changes.known.visible if changes.known.small else None,
        few=scope.small,
        unknown=key is not None and key.unknown_member and not changes.known.has_unknown_member(),
    )
    strategy, why = write_table(write)
    return replace(found, strategy=strategy, why=why, version_after=target.table.version())


def _lasting(rows: DataFrame, scope: Scope) -> DataFrame:
    """Rows of the answer, which outlive the plan's file: the next large batch overwrites that."""
    return rows if scope.small else rows.localCheckpoint()


def _computed(target: Target, changes: ChangeSet, rows: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    """The change set's rows, computed once, and the counts of them."""
    if changes.scope.small:
        with quick(target.spark, True):
            computed, counts = held_plan(rows, changes.layout)
    else:
        plan_file = PlanFile(target.spark, target.location, changes.layout)
        counts = plan_file.write(rows)
        computed = plan_file.read()
    changes.close()
    return computed, counts


def _remember(target: Target, changes: ChangeSet, rows: DataFrame, counts: dict[str, int], alone: bool) -> int | None:
    """Memory's new version, None where it needs nothing of this batch."""
    memory, layout = target.memory, changes.layout
    news = changes.scope.memory_rows(rows, target.transaction, counts)
    if news is None and target.transaction in memory.unfinished:
        news = memory.no_rows(layout)
    if news is None:
        return None
    small = changes.scope.small
    with quick(target.spark, small):
        news = news.coalesce(1) if small else news
        return memory.append(news, target.transaction, alone, layout, target.check)


def _with_rejected(
    found: HistoryResult, changes: ChangeSet, undecided: DataFrame | None, undecided_count: int
) -> HistoryResult:
    count = changes.scope.rejected + undecided_count
    if not count:
        return found
    rejected = changes.parts.rejected
    if undecided is not None:
        rejected = rejected.unionByName(undecided)
    return replace(found, rejected=rejected, rejected_count=count)
