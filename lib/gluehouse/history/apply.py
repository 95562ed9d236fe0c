"""One batch into one history table: classify, plan, remember, commit."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from urllib.parse import urlparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.history.delta import DeltaLocation, options
from gluehouse.history.events import Events, split_events, undecided_rows
from gluehouse.history.layout import layout_of
from gluehouse.history.lock import FileLock, LockPort, lock_beside
from gluehouse.history.memory import Memory, app_id
from gluehouse.history.plan import plan_changes
from gluehouse.history.result import HistoryResult, Snapshot
from gluehouse.history.scope import Known, Scope, scope_of_events, scope_of_snapshot
from gluehouse.history.small import QUICK, SMALL_BYTES, bytes_to_read, one_row
from gluehouse.history.store import PlanFile, Write, held_plan, write_table
from gluehouse.history.surrogate import retired_keys, with_surrogates
from gluehouse.spec.history import HistorySpec


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
) -> HistoryResult:
    """Apply a batch of events (or, with ``deletes: absence``, one full snapshot) to the Delta table at ``location``.

    The history table gets at most one commit, as the Delta transaction ``app/batch_id``; its companion ``__memory``
    gets one before it. A batch that was applied before changes nothing.

    Raises ConfigError (GH14xx: the spec does not fit the batch; GH1410: an ``s3://`` table without a lock),
    HistoryRefused (GH4001 breaker, GH4002 second snapshot, GH4003 empty, GH4004 incomplete, GH4005 several times,
    GH4101 type change), LockError (GH6001 held, GH6002 lost). Nothing is changed then.
    """
    location = location.rstrip("/")
    with nullcontext(lock) if lock is not None else _own_lock(location) as held:
        return _apply(
            spark,
            location,
            batch,
            spec,
            batch_id,
            payload,
            snapshot or Snapshot(),
            held,
            allow_mass_delete,
            app,
        )


def read_history(spark: SparkSession, location: str) -> DataFrame:
    """The visible table."""
    return spark.read.format("delta").load(location)


def _own_lock(location: str) -> FileLock:
    parts = urlparse(location)
    if parts.scheme not in ("", "file"):
        raise ConfigError(
            "GH1410",
            f"a history table at {parts.scheme}:// needs a lock.",
            "pass the table's lock to apply_batch: Delta does not keep two writers apart there.",
        )
    return lock_beside(location)


def _apply(
    spark: SparkSession,
    location: str,
    batch: DataFrame,
    spec: HistorySpec,
    batch_id: str,
    payload: list[str] | None,
    snapshot: Snapshot,
    lock: LockPort,
    allow_mass_delete: bool,
    app: str,
) -> HistoryResult:
    table = DeltaLocation(spark, location)
    state = table.state()
    before = state.version
    memory = Memory(spark, location, state.transactions, app)
    visible = table.read() if before is not None else None
    layout = layout_of(spec, batch.schema, visible.schema if visible is not None else None, payload)
    repeated = app_id(app, batch_id) in state.transactions or memory.has_alone(batch_id)
    small = state.size + memory.state.size + bytes_to_read(batch) <= SMALL_BYTES
    with ExitStack() as settings, Scope() as scope:
        if small:
            settings.enter_context(options(spark, **QUICK))
        known = Known(spark, layout, visible, memory.rows(layout), memory.kinds, small)
        newest = known.newest(batch_id if repeated else None) if spec.lateness is not None else None
        parts = split_events(batch, layout, newest, small)
        if spec.deletes == "absence":
            scope_of_snapshot(scope, known, batch, parts, snapshot, allow_mass_delete or repeated)
        else:
            scope_of_events(scope, known, parts)
        found = HistoryResult(
            version_before=before, version_after=before, unchanged=scope.same, warnings=scope.warnings
        )
        if scope.nothing_new:
            return _with_rejected(replace(found, why=scope.nothing_new), parts, None, 0, scope)
        change_set = plan_changes(
            layout, scope.old, scope.memory, scope.marks, scope.events, scope.marked, single=scope.small
        )
        if scope.small:
            with options(spark, **QUICK):
                plan, counts = held_plan(change_set, layout)
        else:
            plan_file = PlanFile(spark, location, layout)
            counts = plan_file.write(change_set)
            plan = plan_file.read()
        scope.release()
        undecided = undecided_rows(batch, plan, layout) if counts["undecided"] else None
        found = _with_rejected(
            replace(
                found,
                opened=counts["inserted"],
                closed=counts["closed"],
                updated=counts["updated"] - counts["closed"],
                removed=counts["deleted"],
                unchanged=scope.same + counts["confirmed"],
                remembered=counts["remembered"],
            ),
            parts,
            undecided,
            counts["undecided"],
            scope,
        )
        if repeated or scope.known_before:
            return replace(
                found,
                opened=0,
                closed=0,
                updated=0,
                removed=0,
                remembered=0,
                why="this batch was applied before",
            )
        changes = counts["inserted"] + counts["updated"] + counts["deleted"]
        if newest is not None and (changes or counts["remembered"] or scope.has_news):
            scope.remember("horizon", one_row(spark, newest.alias("at")))
        numbers = spec.surrogate_key is not None and spec.surrogate_key.kind == "bigint" and counts["numbered"] > 0
        high_water = known.high_water() if numbers else 0
        if numbers:
            given = F.lit(high_water + counts["numbered"]).cast("bigint")
            scope.remember("high_water", one_row(spark, given.alias("digest")))
        news = scope.memory_rows(plan, batch_id, counts)
        if news is None and batch_id in memory.unfinished:
            news = memory.no_rows(layout)
        if news is not None:
            lock.check()
            if scope.small:
                news = news.coalesce(1)
            found = replace(found, memory_version=memory.append(news, batch_id, alone=not changes, layout=layout))
        if not changes:
            return replace(found, why="no version changes")
        plan = with_surrogates(plan, layout, high_water)
        if layout.surrogate and counts["deleted"]:
            found = replace(found, retired_keys=retired_keys(plan, layout))
        write = Write(
            spark,
            table,
            layout,
            plan,
            counts,
            batch_id,
            app_id(app, batch_id),
            lock,
            before,
            known.visible if small else None,
        )
        strategy, why = write_table(write)
        if small:
            current = known.current_rows + counts["current"]
        else:
            current = read_history(spark, location).where("is_current").count()
        return replace(found, strategy=strategy, why=why, version_after=table.version(), current_rows=current)


def _with_rejected(
    found: HistoryResult, parts: Events, undecided: DataFrame | None, undecided_count: int, scope: Scope
) -> HistoryResult:
    count = scope.rejected + undecided_count
    if not count:
        return found
    rejected = parts.rejected if undecided is None else parts.rejected.unionByName(undecided)
    return replace(found, rejected=rejected, rejected_count=count)
