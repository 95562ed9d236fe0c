"""Inferred members: facts tell that a key of a dimension exists before its own rows do (ADR 14)."""

from __future__ import annotations

from contextlib import nullcontext

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError
from gluehouse.history.apply import Target, apply_changes
from gluehouse.history.changes import ChangeSet, Current
from gluehouse.history.events import Events, earliest, key_is_legible, with_reason
from gluehouse.history.known import Known
from gluehouse.history.layout import Layout, layout_of, layout_of_memory
from gluehouse.history.lock import LockPort, lock_of
from gluehouse.history.plan import plan_changes
from gluehouse.history.result import HistoryResult
from gluehouse.history.scope import Scope
from gluehouse.history.session import quick
from gluehouse.history.small import SMALL_BYTES, bytes_to_read, held, one_row
from gluehouse.history.value import instant, typed
from gluehouse.spec.history import HistorySpec

TIMES = (T.DateType, T.TimestampType)


def infer_members(
    spark: SparkSession,
    location: str,
    members: DataFrame,
    spec: HistorySpec,
    batch_id: str,
    *,
    like: T.StructType | None = None,
    payload: list[str] | None = None,
    lock: LockPort | None = None,
    app: str = "gluehouse",
) -> HistoryResult:
    """Make known that keys exist from some time on. Where no version holds then, one opens, with NULL in all payload
    columns until the first event of that life comes, whose values it takes.

    ``members``: the key columns, and the time in the column that ``effective_at`` names, else ``sequence_by`` (as
    ``missing_members`` gives it). Grain: any; a row that is known changes nothing. Rows without key or time, and rows
    older than the lateness allows, are rejected. ``like``: the schema of the table's batches, and ``payload`` as for
    ``apply_batch``; needed while the table has no batch that tells it.

    Writes like ``apply_batch``: once for a batch id, the table in one commit, under the lock. Raises what that raises,
    and ConfigError GH1405 where the members, or the spec, do not tell one time, or ``like`` is needed.
    """
    location = location.rstrip("/")
    with nullcontext(lock) if lock is not None else lock_of(location) as mine:
        target = Target(spark, location, batch_id, mine, app)
        return apply_changes(target, plan_members(target.current(), members, spec, like, payload))


def plan_members(
    current: Current,
    members: DataFrame,
    spec: HistorySpec,
    like: T.StructType | None = None,
    payload: list[str] | None = None,
) -> ChangeSet:
    """What the members change in the table that ``current`` is; see ``infer_members``. Nothing is written."""
    spark = members.sparkSession
    layout = _layout(current, spec, like, payload)
    time = _time(members.schema, layout)
    small = current.stored_bytes is not None and current.stored_bytes + bytes_to_read(members) <= SMALL_BYTES
    with quick(spark, small), Scope() as scope:
        known = Known(spark, layout, current.visible, current.memory, current.kinds, small)
        newest, pruned = known.bounds(current.applied)
        scope.late_before = earliest(layout, newest, pruned)
        parts = _judged(members, layout, time, scope)
        planned = ChangeSet(layout, members, known, parts, scope)
        _take(scope, known, parts)
        if newest is not None:
            scope.horizon = one_row(spark, newest.alias("at"))
        if not scope.nothing_new:
            planned.rows = plan_changes(layout, scope.evidence())
        return planned


def _layout(current: Current, spec: HistorySpec, like: T.StructType | None, payload: list[str] | None) -> Layout:
    table = None if current.visible is None else current.visible.schema
    if like is not None:
        return layout_of(spec, like, table, payload)
    if current.memory is not None:
        return layout_of_memory(spec, current.memory.schema, table)
    tie_told = spec.tie_breaker is None or (table is not None and spec.tie_breaker in table.fieldNames())
    if table is None or spec.effective_at or not tie_told:
        raise ConfigError(
            "GH1405",
            "the table does not tell yet what its batches look like.",
            "give infer_members the schema of a batch (like=...).",
        )
    start = table["effective_from"].dataType
    tie = table[spec.tie_breaker].dataType if spec.tie_breaker else T.BooleanType()
    keys = T.StructType([table[name] for name in spec.keys])
    told = {"key": keys, "at": start, "seq": start, "tie": tie, "payload": T.StructType([])}
    return layout_of_memory(spec, T.StructType([T.StructField(name, kind) for name, kind in told.items()]), table)


def _time(members: T.StructType, layout: Layout) -> str:
    """The column that has the members' time."""
    spec = layout.spec
    names = [spec.effective_at] if spec.effective_at else list(spec.sequence_by)
    missing = [name for name in (*spec.keys, *names) if name not in members.fieldNames()]
    if len(names) > 1 or missing:
        raise ConfigError(
            "GH1405",
            f"inferred members need one time and every key: the table has {', '.join(names)} for its time, and the "
            f"members lack {', '.join(missing) or 'nothing'}.",
            "give them the key columns and the time's; a sequence of several columns needs effective_at beside it.",
        )
    have = members[names[0]].dataType
    if have != layout.at and not (isinstance(have, TIMES) and isinstance(layout.at, TIMES)):
        raise ConfigError(
            "GH1405",
            f"{names[0]} of the members is {have.simpleString()}, that of the table {layout.at.simpleString()}.",
            "cast it; a date and a timestamp can stand for each other.",
        )
    return names[0]


def _judged(members: DataFrame, layout: Layout, time: str, scope: Scope) -> Events:
    """The members as positions without content; the rows that cannot be any part ways."""
    at = typed(F.col(f"`{time}`"), layout.at)
    no_time = "history.null_effective_at" if layout.spec.effective_at else "history.null_sequence"
    rule = F.when(~key_is_legible(layout), "history.null_key").when(at.isNull(), no_time)
    if scope.late_before is not None:
        rule = rule.when(instant(at, layout.at) < scope.late_before, "history.too_late")
    judged = members.select(
        layout.key_struct().alias("key"),
        at.alias("at"),
        typed(at if layout.positions_show else F.lit(None), layout.sequence).alias("seq"),
        F.lit(False).alias("is_delete"),
        typed(F.lit(None), layout.payload).alias("payload"),
        typed(F.lit(None), layout.tie).alias("tie"),
        F.lit(None).cast("bigint").alias("digest"),
        F.lit(False).alias("is_truncate"),
        rule.alias("rule"),
        key_is_legible(layout).alias("legible"),
    )
    rejected = members.withColumn("__rule", rule).where(F.col("__rule").isNotNull())
    return Events(judged, with_reason(rejected, layout))


def _take(scope: Scope, known: Known, parts: Events) -> None:
    """The members that are new touch their keys."""
    scope.rejected = parts.rejected.count()
    told = parts.accepted.select("key", "at", "seq").distinct()
    before = known.remembered("inferred")
    if before is not None:
        told = told.join(before.select("key", "at"), on=["key", "at"], how="left_anti")
    told = held(told)[0] if known.small else scope.keep(told)
    count = told.count()
    if not count:
        scope.nothing_new = "these members are known already"
        return
    scope.remember("inferred", told)
    touched = told.select("key").coalesce(1).distinct() if known.small else told.select("key").distinct()
    nothing = parts.accepted.where(F.lit(False))
    scope.narrow(known, touched, count, nothing, [("inferred_new", told)], all_touched=True)
