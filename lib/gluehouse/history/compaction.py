"""Keeping memory small: what no event can need any more is pruned, and many small files become few.

Let H be the time before which events come too late (newest accepted time - lateness). Whatever arrives from now on
holds at H or later, so all that the past still has to say is, for each key, the state that its events before H have
come to. Mostly the visible table shows that state, namely as the version that covers the key's last upsert before H;
then nothing before H needs remembering. Where that version shows otherwise (untracked values of later events, NULLs
that later events filled), one row of kind ``state`` keeps it. Snapshots and truncates before H go without trace: what
they say of keys with a version the versions show, and to others they said nothing that could show again. An inferred
member stays until a real event follows it.

Without a lateness nothing is pruned; several rows for one position still become the strongest of them.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from math import sqrt

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import TableLockLost
from gluehouse.history.delta import OLD_TIMES, DeltaLocation, TableState
from gluehouse.history.events import earliest, payload_digest
from gluehouse.history.known import Known, union
from gluehouse.history.layout import Layout, layout_of_memory
from gluehouse.history.lock import LockPort, lock_of
from gluehouse.history.memory import Memory, as_memory
from gluehouse.history.plan import boundaries
from gluehouse.history.positions import Evidence
from gluehouse.history.session import options, quick
from gluehouse.history.small import SMALL_BYTES, one_row
from gluehouse.history.value import DAY_MICROS
from gluehouse.spec.history import HistorySpec

NAME = "__compaction"
MARKS = ("snapshot", "truncate", "silent", "inferred")
# More small files than this are worth a rewrite of a small memory.
FILES = 32
FILE_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Compacted:
    """Memory's version, files and bytes before and after. Equal versions: there was nothing to do."""

    before: TableState
    after: TableState


def compact_memory(spark: SparkSession, location: str, spec: HistorySpec, *, lock: LockPort | None = None) -> Compacted:
    """Prune the memory of the history table at ``location`` by the spec's lateness, and rewrite it in few files.

    Every batch does so by itself when it pays.
    Raises ConfigError GH1410 (an ``s3://`` table without a lock), LockError (GH6001 held, GH6002 lost).
    """
    location = location.rstrip("/")
    with options(spark, **OLD_TIMES), nullcontext(lock) if lock is not None else lock_of(location) as held:
        return compact(spark, location, spec, held)


def compact_if_due(
    memory: Memory,
    location: str,
    spec: HistorySpec,
    lock: LockPort,
    late_before: Column | None,
    small: bool,
    warnings: list[str],
) -> None:
    """``compact`` where it pays. The batch is committed by now, so a lost lock is only warned of."""
    old = late_before is not None and not small and half_is_old(memory.table, late_before)
    if not old and not is_due(memory.state):
        return
    try:
        compact(memory.spark, location, spec, lock)
    except TableLockLost:
        warnings.append("the table's lock was lost after the batch, so its memory was not made smaller")


def is_due(state: TableState) -> bool:
    """Whether memory has more small files than a rewrite costs.

    Each small file costs every later batch about 20 ms, a rewrite about a second for 50 MB. With one more file a
    batch the sum of both is least where the rewrite comes after sqrt(2 * rewrite / file) files.
    """
    small_files = state.files - state.size // FILE_BYTES
    return small_files >= max(FILES, sqrt(2 * state.size / 2**20))


def half_is_old(memory: DeltaLocation, before: Column) -> bool:
    """Whether half of the remembered events' bytes are in files that have nothing but what can be pruned."""
    newest = F.get_json_object("stats", "$.maxValues.at").cast("timestamp")
    files = memory.data_files().where(F.col("partitionValues")["kind"] == "event")
    found = files.agg(F.sum(F.when(newest < before, F.col("size"))), F.sum("size")).collect()[0]
    return int(found[0] or 0) * 2 >= int(found[1] or 1)


def compact(spark: SparkSession, location: str, spec: HistorySpec, lock: LockPort) -> Compacted:
    """Prune and rewrite memory in one commit.

    Rows of batches that the history table does not know (yet) stay as they are, and so do the names of all batches.
    Raises TableLockLost GH6002.
    """
    table = DeltaLocation(spark, location)
    state = table.state()
    memory = Memory(spark, location, state.transactions)
    if memory.state.version is None:
        return Compacted(memory.state, memory.state)
    visible = None if state.version is None else table.read()
    layout = layout_of_memory(spec, memory.table.read().schema, None if visible is None else visible.schema)
    small = state.size + memory.state.size <= SMALL_BYTES
    with quick(spark, small):
        known = Known(spark, layout, visible, memory.stored(), memory.kinds, small)
        rows = compacted(known, first_possible(known))
        waiting = memory.unfinished_rows(layout)
        if waiting is not None:
            rows = rows.unionByName(waiting)
        rows = rows.coalesce(1) if small else rows.repartition(int(memory.state.size // FILE_BYTES) + 1)
        memory.replace(rows, lock.check)
    return Compacted(memory.state, memory.table.state())


def first_possible(known: Known) -> Column | None:
    """The earliest time, in the type of effective times, at which an event could still be accepted."""
    bound = earliest(known.layout, *known.bounds(None))
    if bound is None or isinstance(known.layout.at, T.TimestampType):
        return bound
    # The first whole day; days are counted in UTC, as ``instant`` does.
    return F.date_from_unix_date(F.ceil(F.unix_micros(bound) / F.lit(DAY_MICROS)).cast("int"))


def compacted(known: Known, before: Column | None) -> DataFrame:
    """Memory's rows that count -> as few as say the same to every event that may still come."""
    rows, layout, kind = known.memory, known.layout, F.col("kind")
    assert rows is not None
    needed = F.lit(True) if before is None else F.col("at") >= before
    parts = [
        _strongest(rows.where((kind == "event") & needed)),
        rows.where(kind.isin(*MARKS) & needed),
        rows.where(kind == "high_water").orderBy(F.col("digest").desc()).limit(1),
        rows.where(~kind.isin("event", "state", "pruned", "high_water", *MARKS)),
    ]
    if before is not None:
        parts += _kept_of_the_past(known, before)
        parts.append(as_memory(one_row(known.spark, before.alias("at")), layout, "pruned", NAME))
    return reduce(DataFrame.unionByName, parts)


def _strongest(events: DataFrame) -> DataFrame:
    """One row a position, by the order in which the engine itself would choose."""
    strength = F.struct("is_delete", "tie", F.col("payload").isNotNull())
    best = events.groupBy("key", "at", "seq").agg(F.max_by(F.struct(*events.columns), strength).alias("best"))
    return best.select("best.*")


def _kept_of_the_past(known: Known, before: Column) -> list[DataFrame]:
    """For the keys that have something to prune: states that the versions do not show, and members that facts alone
    have told of, whose version shows nothing yet."""
    layout, spec = known.layout, known.layout.spec
    # Type 0 shows a life's first state and needs no other; else a state can be another than shown only where later
    # events change untracked values of a version, or leave out values of it.
    shown = spec.type == 0 or not (spec.ignore_nulls or (spec.type == 2 and layout.untracked))
    events, members = known.remembered("event", "state"), known.remembered("inferred")
    asked = union([rows.select("key", "at") for rows in (None if shown else events, members) if rows is not None])
    if asked is None or known.old is None:
        return []
    early = F.col("at") < before
    keys = asked.where(early).select("key").distinct()
    old = known.old.where(early).join(keys, on="key", how="left_semi")
    # A version that ends later has not ended yet.
    old = old.withColumn("till", F.when(F.col("till") < before, F.col("till")))
    memory = None if events is None else events.where(early).join(keys, on="key", how="left_semi")
    marks, marked = _marks_of(known, keys, before)
    past = boundaries(layout, Evidence(old, memory, marks, None, marked, known.small))
    found = {"state": past.select("key", "state.*").where(F.lit(not shown) & F.col("at").isNotNull())}
    if members is not None:
        found["inferred"] = past.select("key", "member.*").where(F.col("at").isNotNull())
    if spec.ignore_nulls and spec.effective_at:
        found["state"] = found["state"].unionByName(_new_lives(old, layout), allowMissingColumns=True)
    states = found["state"].withColumn("is_delete", F.lit(False))
    return [as_memory(rows, layout, kind, NAME) for kind, rows in {**found, "state": states}.items()]


def _marks_of(known: Known, keys: DataFrame, before: Column) -> tuple[DataFrame | None, list[str]]:
    found: list[DataFrame] = []
    marked: list[str] = []
    for kind in MARKS:
        rows = known.remembered(kind)
        if rows is None:
            continue
        rows = rows.where(F.col("at") < before)
        if kind in ("silent", "inferred"):
            mine = rows.join(keys, on="key", how="left_semi")
        else:
            times = rows.where("speaks") if kind == "snapshot" else rows
            mine = keys.crossJoin(F.broadcast(times.select("at", "seq")))
        found.append(mine.select("key", "at", "seq", F.lit(kind).alias("src")))
        marked.append(kind)
    return union(found), marked


def _new_lives(old: DataFrame, layout: Layout) -> DataFrame:
    """Versions that begin where another ends and lack a value of it: a delete came between, within the instant."""
    order = Window.partitionBy("key").orderBy("at")
    rows = old.withColumns({"was": F.lag("payload").over(order), "ended": F.lag("till").over(order)})
    lost = F.lit(False)
    for name in layout.payload_names:
        lost = lost | (F.col("was").getField(name).isNotNull() & F.col("payload").getField(name).isNull())
    anew = rows.where((F.col("ended") == F.col("at")) & lost)
    return anew.select("key", "at", "payload", payload_digest(F.col("payload"), layout).alias("digest"))
