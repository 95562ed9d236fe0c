"""What a batch touches: the keys it says something new about, and all that is known of them.

Classification is narrow (keys, times, digests); only the touched keys' rows are read whole.
"""

from __future__ import annotations

from types import TracebackType

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import HistoryRefused
from gluehouse.history import snapshot as snapshots
from gluehouse.history.events import Events, key_is_legible, payload_digest
from gluehouse.history.layout import Layout
from gluehouse.history.memory import as_memory, empty, fitted
from gluehouse.history.plan import sk_type
from gluehouse.history.result import Snapshot
from gluehouse.history.store import BROADCAST_KEYS
from gluehouse.history.value import literal, portable

# For so few keys, compiling the fold's long plan costs more than interpreting it.
SMALL_KEYS = 20_000
MARK_KINDS = ("snapshot", "truncate")


class Known:
    """The table as it is: ``old`` versions (key, at, till, payload, sk, digest) and memory's rows."""

    def __init__(self, spark: SparkSession, layout: Layout, visible: DataFrame | None, memory: DataFrame) -> None:
        self.spark, self.layout, self.memory = spark, layout, memory
        self.old = self._versions(visible)

    def _versions(self, visible: DataFrame | None) -> DataFrame:
        layout = self.layout
        kinds = T.StructType(
            [
                T.StructField("key", layout.keys),
                T.StructField("at", layout.at),
                T.StructField("till", layout.at),
                T.StructField("payload", layout.payload),
                T.StructField("sk", sk_type(layout)),
                T.StructField("file", T.StringType()),
            ]
        )
        if visible is None:
            return empty(self.spark, kinds).withColumn("digest", F.lit(0).cast("bigint"))
        have = {f.name: f.dataType for f in visible.schema.fields}
        payload = F.struct(
            *[
                (
                    fitted(F.col(f"`{f.name}`"), have[f.name], f.dataType)
                    if f.name in have
                    else F.lit(None).cast(f.dataType)
                ).alias(f.name)
                for f in layout.payload.fields
            ]
        )
        sk = F.col(f"`{layout.surrogate}`") if layout.surrogate in have else F.lit(None)
        return visible.select(
            layout.key_struct().alias("key"),
            F.col("effective_from").cast(layout.at).alias("at"),
            F.col("effective_to").cast(layout.at).alias("till"),
            payload.alias("payload"),
            sk.cast(sk_type(layout)).alias("sk"),
            F.col("_metadata.file_path").alias("file"),
        ).withColumn("digest", payload_digest(F.col("payload"), layout))

    def marks(self) -> DataFrame:
        return self.memory.where(F.col("kind").isin(*MARK_KINDS))

    def newest(self, batch_id: str | None) -> Column | None:
        """The newest accepted effective time; with ``batch_id``, as it stood when that batch was applied."""
        if batch_id is not None:
            mine = (F.col("kind") == "horizon") & (F.col("batch_id") == batch_id)
            times = self.memory.where(mine).select("at")
        else:
            times = (
                self.old.select("at")
                .unionByName(self.old.select(F.col("till").alias("at")))
                .unionByName(self.memory.where(F.col("kind") != "horizon").select("at"))
            )
        found = times.agg(F.max(portable(F.col("at"), self.layout.at))).collect()[0][0]
        return None if found is None else literal(found, self.layout.at)

    def high_water(self) -> int:
        """The highest BIGINT surrogate key ever given."""
        given = self.memory.where(F.col("kind") == "high_water").agg(F.max("digest")).collect()[0][0]
        if given is None:
            given = self.old.agg(F.max("sk")).collect()[0][0]
        return max(int(given or 0), 0)


class Scope:
    """One batch's slice of the table, filled by one of the functions below; frees its cached keys at the end."""

    old: DataFrame
    memory: DataFrame
    marks: DataFrame
    events: DataFrame

    def __init__(self) -> None:
        self.same = 0
        self.rejected = 0
        self.nothing_new = ""
        self.warnings: list[str] = []
        self.has_news = False
        self.undecided_are_silent = False
        self.small = False
        self.known_before = False
        self._cached: list[DataFrame] = []
        self._news: list[tuple[str, DataFrame]] = []
        self._layout: Layout

    def __enter__(self) -> Scope:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Free the cached frames: Delta plans each of them anew at every commit to a table that they read."""
        while self._cached:
            self._cached.pop().unpersist()

    def keep(self, frame: DataFrame) -> DataFrame:
        self._cached.append(frame.persist())
        return frame

    def remember(self, kind: str, rows: DataFrame) -> None:
        self._news.append((kind, rows))
        self.has_news = True

    def memory_rows(self, plan: DataFrame, batch_id: str) -> DataFrame:
        """Everything that memory gets from this batch, in memory's columns."""
        rows = as_memory(
            plan.where(F.col("remember") > 0).select("key", "at", "seq", "is_delete", "tie", "payload", "digest"),
            self._layout,
            "event",
            batch_id,
        )
        if self.undecided_are_silent:
            silent = plan.where(F.col("rejected")).select("key", "at", "seq")
            rows = rows.unionByName(as_memory(silent, self._layout, "silent", batch_id))
        for kind, news in self._news:
            rows = rows.unionByName(as_memory(news, self._layout, kind, batch_id))
        return rows

    def narrow(self, known: Known, touched: DataFrame, count: int, events: DataFrame, fresh: DataFrame) -> None:
        """Take the touched keys' slice. ``fresh``: marks of this batch (key or NULL for all, at, seq, src)."""
        self._layout = known.layout
        keys = F.broadcast(touched) if count <= BROADCAST_KEYS else touched

        def of_touched(frame: DataFrame) -> DataFrame:
            return frame.join(keys, on="key", how="left_semi")

        self.old = of_touched(known.old)
        self.memory = of_touched(known.memory.where(F.col("kind") == "event"))
        self.small = count <= SMALL_KEYS
        if self.small:
            # Cut here, the table is scanned by compiled code and the long fold after it can be interpreted.
            self.old, self.memory = self.keep(self.old), self.keep(self.memory)
        self.events = of_touched(events)
        remembered = (
            known.marks()
            .where((F.col("kind") == "truncate") | F.col("speaks"))
            .select("at", "seq", F.col("kind").alias("src"))
        )
        for_all = remembered.unionByName(fresh.where(F.col("key").isNull()).select("at", "seq", "src"))
        silent = of_touched(known.memory.where(F.col("kind") == "silent")).select(
            "key", "at", "seq", F.lit("silent").alias("src")
        )
        self.marks = (
            touched.crossJoin(F.broadcast(for_all))
            .unionByName(silent)
            .unionByName(of_touched(fresh.where(F.col("key").isNotNull())))
        )


def scope_of_events(scope: Scope, known: Known, parts: Events) -> None:
    """Change events touch their own keys; a truncate touches the keys that have a version at its time."""
    layout = known.layout
    scope.rejected = parts.rejected.count()
    touched = parts.accepted.select("key")
    fresh = _no_marks(known)
    if layout.spec.delete_flag and layout.spec.delete_flag.truncates:
        truncates = scope.keep(
            parts.truncates.join(
                known.marks().where(F.col("kind") == "truncate").select("at", "seq"),
                on=["at", "seq"],
                how="left_anti",
            )
        )
        if not truncates.isEmpty():
            then = truncates.select(F.col("at").alias("then"))
            covering = (F.col("at") <= F.col("then")) & (F.col("till").isNull() | (F.col("till") > F.col("then")))
            touched = touched.unionByName(known.old.join(F.broadcast(then), on=covering, how="left_semi").select("key"))
            fresh = fresh.unionByName(
                truncates.select(
                    F.lit(None).cast(layout.keys).alias("key"), "at", "seq", F.lit("truncate").alias("src")
                )
            )
            scope.remember("truncate", truncates)
    touched = scope.keep(touched.distinct())
    scope.narrow(known, touched, touched.count(), parts.accepted, fresh)


def scope_of_snapshot(
    scope: Scope, known: Known, batch: DataFrame, parts: Events, snapshot: Snapshot, allow_mass_delete: bool
) -> None:
    """A snapshot touches the keys that it shows otherwise than the table at its time, and those it lacks.

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
    time = literal(content.time, layout.sequence)
    legible = key_is_legible(layout)
    judged = parts.rejected.agg(F.count(F.lit(1)), F.count(F.when(~legible, 1))).collect()[0]
    scope.rejected = judged[0]
    illegible = snapshot.illegible_rows + judged[1]
    scope.known_before = snapshots.refuse_second(known.marks(), content, layout)
    if scope.known_before and not content.torn:
        scope.nothing_new, scope.same = "this snapshot is known already", content.keys
        return
    silent = parts.rejected.where(legible).select(layout.key_struct().alias("key"))
    if snapshot.quarantined_keys is not None:
        silent = silent.unionByName(snapshot.quarantined_keys.where(legible).select(layout.key_struct().alias("key")))
    silent = silent.distinct()
    speaks = illegible == 0
    if not speaks:
        scope.warnings.append(
            f"{illegible} rows of the snapshot have no legible key, so nothing was deleted for being absent"
        )
    there = known.memory.where((F.col("kind").isin("event", "silent")) & (F.col("seq") == time))
    fates = scope.keep(snapshots.classify(known.old, there, parts.accepted, silent, time))
    counts = snapshots.count_fates(fates)
    absent = counts["absent"] if speaks else 0
    if not allow_mass_delete and not scope.known_before:
        snapshots.break_if_too_many(absent, counts["valid"], layout.spec.breaker)
    fate = F.col("fate")
    # Where the snapshot does not speak for the keys it lacks, it is no proof for those it shows either.
    told = fate.isin("told", "same") if not speaks else (fate == "told")
    scope.same = counts["same"] if speaks else 0
    count = counts["told"] + absent + (0 if speaks else counts["same"])
    touched = fates.where(told | (fate == "absent") if speaks else told).select("key")
    deletes = fates.where((fate == "absent") & F.lit(speaks)).select(
        "key",
        time.alias("at"),
        time.alias("seq"),
        F.lit(True).alias("is_delete"),
        F.lit(None).cast(layout.payload).alias("payload"),
        F.lit(None).cast(layout.tie).alias("tie"),
        F.lit(None).cast("bigint").alias("digest"),
    )
    events = parts.accepted.unionByName(deletes)
    fresh = _no_marks(known)
    scope.remember(
        "snapshot",
        known.spark.range(1).select(
            time.alias("at"),
            time.alias("seq"),
            F.lit(speaks).alias("speaks"),
            F.lit(content.text).alias("content"),
        ),
    )
    if speaks:
        mark = known.spark.range(1).select(
            F.lit(None).cast(layout.keys).alias("key"),
            time.alias("at"),
            time.alias("seq"),
            F.lit("snapshot_new").alias("src"),
        )
        mute = silent.select("key", time.alias("at"), time.alias("seq"), F.lit("silent_new").alias("src"))
        fresh = fresh.unionByName(mark).unionByName(mute)
        scope.remember("silent", mute.select("key", "at", "seq"))
        scope.undecided_are_silent = True
    scope.narrow(known, touched, count, events, fresh)


def _no_marks(known: Known) -> DataFrame:
    layout = known.layout
    kinds = {"key": layout.keys, "at": layout.at, "seq": layout.sequence, "src": T.StringType()}
    return empty(known.spark, T.StructType([T.StructField(n, kind) for n, kind in kinds.items()]))
