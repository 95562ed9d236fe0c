"""What a batch touches: the keys it says something new about, and all that is known of them.

Classification is narrow (keys, times, digests); only the touched keys' rows are read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from types import TracebackType
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import HistoryRefused
from gluehouse.history import snapshot as snapshots
from gluehouse.history.digest import struct_digest
from gluehouse.history.events import Events, key_is_legible
from gluehouse.history.known import Known, union
from gluehouse.history.layout import Layout
from gluehouse.history.memory import RETOLD, as_memory
from gluehouse.history.positions import Evidence
from gluehouse.history.ranges import Range
from gluehouse.history.result import Snapshot
from gluehouse.history.small import SMALL_KEYS, held, one_row
from gluehouse.history.store import BROADCAST_KEYS
from gluehouse.history.value import literal, portable, type_text, typed
from gluehouse.history.versions import has_null


class Scope:
    """One batch's slice of the table, filled by one of the functions below. Its cached keys are freed by
    ``release``, and where planning fails.

    ``small``: the slice is; it is held, or follows from what is held, and everything after it fits one partition.
    """

    old: DataFrame | None
    memory: DataFrame | None
    marks: DataFrame | None
    events: DataFrame
    since: Column | None = None
    horizon: DataFrame | None = None
    late_before: Column | None = None

    def __init__(self) -> None:
        self.same = 0
        self.rejected = 0
        self.nothing_new = ""
        self.warnings: list[str] = []
        self.has_news = False
        self.undecided_are_silent = False
        self.small = False
        self.known_before = False
        self.retells = False
        self.marked: set[str] = set()
        self._cached: list[DataFrame] = []
        self._news: list[tuple[str, DataFrame]] = []
        self._layout: Layout

    def __enter__(self) -> Scope:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.release()

    def release(self) -> None:
        """Free the cached frames: Delta plans each of them anew at every commit to a table that they read."""
        while self._cached:
            self._cached.pop().unpersist()

    def keep(self, frame: DataFrame) -> DataFrame:
        self._cached.append(frame.persist())
        return frame

    def evidence(self) -> Evidence:
        """What the change set is planned from."""
        return Evidence(self.old, self.memory, self.marks, self.events, self.marked, self.small, self.since)

    def remember(self, kind: str, rows: DataFrame) -> None:
        self._news.append((kind, rows))
        self.has_news = True

    def memory_rows(self, plan: DataFrame, transaction: str, counts: dict[str, int]) -> DataFrame | None:
        """Everything that memory gets from this batch, in memory's columns; None for nothing."""
        parts = []
        if counts["remembered"]:
            events = plan.where(F.col("remember") > 0)
            events = events.select("key", "at", "seq", "is_delete", "tie", "payload", "digest")
            parts.append(as_memory(events, self._layout, RETOLD if self.retells else "event", transaction))
        if self.undecided_are_silent and counts["undecided"]:
            silent = plan.where(F.col("rejected")).select("key", "at", "seq")
            parts.append(as_memory(silent, self._layout, "silent", transaction))
        parts += [as_memory(news, self._layout, kind, transaction) for kind, news in self._news]
        return union(parts)

    def narrow(
        self,
        known: Known,
        touched: DataFrame,
        count: int,
        events: DataFrame,
        fresh: list[tuple[str, DataFrame]],
        all_touched: bool,
        first: Any = None,
        keys: Range | None = None,
        are_held: bool = False,
    ) -> None:
        """Take the touched keys' slice. ``touched``: keys; ``fresh``: this batch's marks, each with its src (key
        or, for all touched keys, none; at, seq); ``all_touched``: every key of ``events`` is; ``first``: the batch's
        earliest time; ``keys``: a range in which all touched keys lie; ``are_held``: the events are held."""
        self._layout = layout = known.layout
        ranges = [] if keys is None else [keys]
        if first is not None and layout.closed_are_settled and not known.small:
            self.since = literal(first, layout.at)
            ranges.append(Range("effective_to", layout.at, low=first, or_null=True))
        self.small = known.small or count <= SMALL_KEYS
        # Cut here, the table is scanned by compiled code and the long fold after it can be interpreted.
        cut, few = self.small and not known.small, count <= BROADCAST_KEYS
        if cut and not are_held:
            touched, _ = held(touched)

        def of_touched(frame: DataFrame | None) -> DataFrame | None:
            if frame is None:
                return None
            if known.small:
                return frame.join(touched.hint("shuffle_hash"), on="key", how="left_semi")
            found = frame.join(F.broadcast(touched) if few else touched, on="key", how="left_semi")
            return held(found)[0] if cut else found

        def of_each(marks: DataFrame) -> DataFrame:
            return touched.crossJoin(marks.hint("shuffle_replicate_nl") if self.small else F.broadcast(marks))

        self.old = of_touched(known.old) if known.small else known.old_of(touched, few, ranges, hold=cut)
        self.memory = of_touched(known.remembered("event", "state"))
        own = events if all_touched and (are_held or not cut) else of_touched(events)
        assert own is not None
        self.events = own
        marks: list[DataFrame] = []
        for kind in ("snapshot", "truncate", "silent", "inferred"):
            rows = known.remembered(kind)
            if rows is None:
                continue
            rows = rows.where("speaks") if kind == "snapshot" else rows
            columns = ["key", "at", "seq"] if kind in ("silent", "inferred") else ["at", "seq"]
            fresh = [*fresh, (kind, rows.select(*columns))]
        for src, rows in fresh:
            mine = of_touched(rows) if "key" in rows.columns else of_each(rows)
            assert mine is not None
            marks.append(mine.select("key", "at", "seq", F.lit(src).alias("src")))
            self.marked.add(src)
        self.marks = union(marks)


def scope_of_events(scope: Scope, known: Known, parts: Events) -> None:
    """Change events touch their own keys; a truncate touches the keys that have a version at its time."""
    flag = known.layout.spec.delete_flag
    scope.rejected = parts.rejected.count() if parts.rejects is None else parts.rejects
    touched = parts.accepted.select("key")
    fresh: list[tuple[str, DataFrame]] = []
    if flag and flag.truncates and parts.truncations != 0:
        truncates = parts.truncates
        before = known.remembered("truncate")
        if before is not None:
            truncates = truncates.join(before.select("at", "seq"), on=["at", "seq"], how="left_anti")
        truncates = held(truncates)[0] if known.small else scope.keep(truncates)
        if not truncates.isEmpty():
            if known.old is not None:
                then = truncates.select(F.col("at").alias("then"))
                covering = (F.col("at") <= F.col("then")) & (F.col("till").isNull() | (F.col("till") > F.col("then")))
                hit = known.old.join(F.broadcast(then), on=covering, how="left_semi").select("key")
                touched = touched.unionByName(hit)
            fresh.append(("truncate", truncates))
            scope.remember("truncate", truncates)
    if known.small:
        scope.narrow(known, touched.coalesce(1).distinct(), 0, parts.accepted, fresh, all_touched=True)
        return
    if parts.held and not fresh:
        # No more keys than rows; that many are few, so counting them would cost more than it could save.
        keys = key_range(known.layout, parts.low, parts.high)
        touched = touched.coalesce(1).distinct()
        scope.narrow(known, touched, parts.rows or 0, parts.accepted, fresh, True, parts.first, keys, are_held=True)
        return
    at = portable(F.col("at"), known.layout.at)
    touched = scope.keep(touched.distinct())
    times = [parts.accepted, *[rows for _, rows in fresh]]
    every = reduce(DataFrame.unionByName, [rows.select(at.alias("at")) for rows in times])
    first = every.agg(F.min("at").alias("first"))
    found = touched.agg(F.count(F.lit(1)).alias("keys")).crossJoin(first).collect()[0]
    scope.narrow(known, touched, found["keys"], parts.accepted, fresh, all_touched=True, first=found["first"])


def key_range(layout: Layout, low: Any, high: Any) -> Range | None:
    """The range of the keys' first column, by which files and row groups are left out; None where their statistics
    cannot be trusted to order values as Spark does."""
    field = layout.keys[0]
    plain = isinstance(field.dataType, T.IntegralType | T.DecimalType | T.DateType | T.TimestampType)
    if low is None or not (plain or field.dataType == T.StringType()):
        return None
    return Range(field.name, field.dataType, low, high)


def scope_of_snapshot(
    scope: Scope,
    known: Known,
    batch: DataFrame,
    parts: Events,
    snapshot: Snapshot,
    allow_mass_delete: bool,
    replayed: Sequence[str] = (),
) -> None:
    """A snapshot touches the keys that it shows otherwise than the table at its time, and those it lacks.

    ``replayed``: the transactions of the batches whose snapshot this one is, with more of its rows.
    Raises HistoryRefused GH4001 to GH4005.
    """
    layout = known.layout
    if not snapshot.complete:
        raise HistoryRefused(
            "GH4004",
            "the snapshot is not complete.",
            "wait for all objects that its manifest, marker or count names; a part of it is never applied.",
        )
    content = snapshots.content_of(parts.accepted, layout)
    if content is None:
        snapshots.refuse_empty(parts.too_late)
        scope.rejected, scope.nothing_new = parts.rejected.count(), "the whole snapshot comes too late"
        return
    time = literal(content.time, layout.sequence)
    legible = key_is_legible(layout)
    rejects, unread = parts.rejects, parts.illegible
    if rejects is None or unread is None:
        rejects, unread = parts.rejected.agg(F.count(F.lit(1)), F.count(F.when(~legible, 1))).collect()[0]
    scope.rejected = rejects
    illegible = snapshot.illegible_rows + unread
    marks = known.remembered("snapshot")
    said = snapshots.said_before(marks, content, layout, replayed)
    scope.known_before = said is None and snapshots.refuse_second(marks, content, layout)
    if scope.known_before and not content.torn:
        scope.nothing_new, scope.same = "this snapshot is known already", content.keys
        return
    mute = [parts.refused_keys] if rejects else []
    if snapshot.quarantined_keys is not None:
        keys = _keys_of(snapshot.quarantined_keys, layout)
        torn = has_null("key", layout.keys.fieldNames())
        illegible += keys.where(torn).count()
        mute.append(keys.where(~torn))
    silent = union(mute)
    if silent is not None:
        silent = held(silent.distinct())[0] if known.small else silent.distinct()
    speaks = illegible == 0
    if not speaks:
        scope.warnings.append(
            f"{illegible} rows of the snapshot have no legible key, so nothing was deleted for being absent"
        )
    counts, fates = _fates(scope, known, parts.accepted, silent, time, content.keys)
    absent = counts["absent"] if speaks else 0
    if not allow_mass_delete and not scope.known_before:
        snapshots.break_if_too_many(absent, counts["valid"], layout.spec.breaker)
    fate = F.col("fate")
    # Where the snapshot does not speak for the keys it lacks, it is no proof for those it shows either.
    told = fate.isin("told", "same") if not speaks else (fate == "told")
    scope.same = counts["same"] if speaks else 0
    count = counts["told"] + absent + (0 if speaks else counts["same"])
    touched = fates.where(told | (fate == "absent") if speaks else told).select("key")
    events = parts.accepted
    if absent:
        deletes = fates.where(fate == "absent").select(
            "key",
            time.alias("at"),
            time.alias("seq"),
            F.lit(True).alias("is_delete"),
            typed(F.lit(None), layout.payload).alias("payload"),
            typed(F.lit(None), layout.tie).alias("tie"),
            F.lit(None).cast("bigint").alias("digest"),
        )
        events = events.unionByName(deletes)
    own = one_row(known.spark, time.alias("at"), time.alias("seq"))
    fresh: list[tuple[str, DataFrame]] = []
    if said is not None:
        scope.retells = True
        fresh.append(("retold", own))
    scope.remember("snapshot", own.select("*", F.lit(speaks).alias("speaks"), F.lit(content.text).alias("content")))
    if speaks:
        fresh.append(("snapshot_new", own))
        # What the replayed snapshot has said of a key stands; where it could not speak, that is remembered already.
        if silent is not None and not said:
            quiet = silent.select("key", time.alias("at"), time.alias("seq"))
            fresh.append(("silent_new", quiet))
            scope.remember("silent", quiet)
        scope.undecided_are_silent = True
    all_touched = not (speaks and counts["same"])
    scope.narrow(known, touched, count, events, fresh, all_touched, first=content.time)


def _keys_of(rows: DataFrame, layout: Layout) -> DataFrame:
    """``key`` of rows that have its columns in any types; a part that is no value of its type is NULL."""
    parts = [F.expr(f"try_cast(`{f.name}` AS {type_text(f.dataType)})").alias(f.name) for f in layout.keys.fields]
    return rows.select(F.struct(*parts).alias("key"))


def _fates(
    scope: Scope, known: Known, events: DataFrame, silent: DataFrame | None, time: Column, keys: int
) -> tuple[dict[str, Any], DataFrame]:
    """How many keys have which fate, and each key's."""
    if known.old is None and known.remembered("event", "silent") is None:
        fates = events.select("key").coalesce(1).distinct() if known.small else events.select("key").distinct()
        return {"valid": 0, "absent": 0, "same": 0, "told": keys}, fates.withColumn("fate", F.lit("told"))
    there = known.remembered("event", "silent")
    if there is not None:
        there = there.where(F.col("seq") == time)
    old, layout = known.old, known.layout
    if layout.gone and old is not None:
        # What left the contract says nothing; with it every key would be told anew by each snapshot.
        said = [name for name in layout.payload_names if name not in layout.gone]
        digest = struct_digest(F.col("payload"), layout.payload, said)
        old, events = old.withColumn("digest", digest), events.withColumn("digest", digest)
    fates = snapshots.classify(old, there, events, silent, time, single=known.small)
    counts = snapshots.fate_counts()
    if known.small:
        kept, found = held(fates, "fates", **counts)
        return found, kept
    fates = scope.keep(fates)
    return fates.agg(*[column.alias(name) for name, column in counts.items()]).collect()[0].asDict(), fates
