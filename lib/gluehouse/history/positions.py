"""One event a position: everything known of a key laid side by side by (key, at, seq), and what it comes to there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.digest import struct_digest
from gluehouse.history.events import payload_digest
from gluehouse.history.layout import Layout
from gluehouse.history.small import PLACE
from gluehouse.history.value import typed

INFERRED = {"inferred", "inferred_new"}
MARKS = ("retold", "silent", "silent_new", "snapshot", "snapshot_new", "truncate", *sorted(INFERRED))
POSITION = ["key", "at", "seq"]


@dataclass(frozen=True)
class Evidence:
    """All that is known of the touched keys. What there is none of is None.

    - ``old``: key, at, till, payload, digest, sk, place (file and row that hold it). All versions of the touched keys;
      with ``since``, a time that no event of the batch precedes, those that ended before it may be left out.
    - ``memory``: kind (event or state), key, at, seq, is_delete, payload (NULL: as shown), tie, digest.
    - ``marks``: key, at, seq, src; src one of ``marked``.
    - ``events``: the batch's own: key, at, seq, is_delete, payload, tie, digest.

    ``marked``: which of ``MARKS`` there are. ``single``: all of it fits one partition.
    """

    old: DataFrame | None
    memory: DataFrame | None
    marks: DataFrame | None
    events: DataFrame | None
    marked: Collection[str]
    single: bool
    since: Column | None = None

    @property
    def has_inferred(self) -> bool:
        """Whether there may be members that facts told of."""
        return self.marks is not None and bool(INFERRED & set(self.marked))


def events_by_position(layout: Layout, evidence: Evidence) -> DataFrame:
    """The event of each position, decided.

    Answer: key, at, seq, ``event`` (is_delete, tie, payload, digest), is_delete, is_event, ``from_batch``,
    ``rejected``, ``arrived``; what is there: ``old`` and ``old_here`` (the version that starts there), ``cover`` and
    ``covers`` (the one that holds there), ``mem``, and whether there are marks of each kind. Grain: one row a position.
    """
    old, memory, marks = evidence.old, evidence.memory, evidence.marks
    rows = _side_by_side(layout, evidence)
    known = {name for name, frame in (("old", old), ("mem", memory)) if frame is not None}
    if old is not None and layout.spec.type == 2:
        known.add("end")
    if memory is not None and layout.spec.ignore_nulls:
        known.add("whole")
    if marks is not None:
        known.update(evidence.marked)
    positions = _positions(layout, rows.coalesce(1) if evidence.single else rows, known)
    # Without memory and snapshots a version speaks for no position but its own, and its payload need not be carried on.
    carried = evidence.events is None or bool({"mem", "snapshot"} & known)
    decided = _decide(layout, _stored(layout, positions, carried, evidence.since))
    if layout.gone and not layout.spec.ignore_nulls:
        decided = _keep_what_left(layout, decided)
    return decided


def _side_by_side(layout: Layout, evidence: Evidence) -> DataFrame:
    def seq_of(at: str) -> Column:
        return typed(F.col(at) if layout.positions_show else F.lit(None), layout.sequence)

    none: dict[str, T.DataType | str] = {
        "is_delete": "boolean",
        "payload": layout.payload,
        "tie": layout.tie,
        "digest": "bigint",
        "till": layout.at,
        "sk": layout.sk_type,
        "place": PLACE,
    }

    def rows(frame: DataFrame, src: Column, **given: Column) -> DataFrame:
        rest = [typed(given.get(n, F.lit(None)), kind).alias(n) for n, kind in none.items()]
        at, seq = given.get("at", F.col("at")), given.get("seq", F.col("seq"))
        return frame.select("key", at.alias("at"), seq.alias("seq"), src.alias("src"), *rest)

    told = {n: F.col(n) for n in ("is_delete", "payload", "tie", "digest")}
    parts = [] if evidence.events is None else [rows(evidence.events, F.lit("new"), **told)]
    if evidence.old is not None:
        shown = {n: F.col(n) for n in ("payload", "digest", "till", "sk", "place")}
        parts.append(rows(evidence.old, F.lit("old"), seq=seq_of("at"), **shown))
        if layout.spec.type == 2:
            ended = evidence.old.where(F.col("till").isNotNull())
            parts.append(rows(ended, F.lit("end"), at=F.col("till"), seq=seq_of("till")))
    if evidence.memory is not None:
        parts.append(rows(evidence.memory, F.when(F.col("kind") == "state", "state").otherwise("mem"), **told))
    if evidence.marks is not None:
        parts.append(rows(evidence.marks, F.col("src")))
    return reduce(DataFrame.unionByName, parts)


def _positions(layout: Layout, rows: DataFrame, known: Collection[str]) -> DataFrame:
    """One row a position. ``known``: which src the rows have beside the batch's own."""
    src = F.col("src")
    fresh = (src == "new") & ~F.col("is_delete")
    told = F.struct("is_delete", "tie", "payload", "digest")
    shown = F.struct("payload", "till", "sk", "digest", "place")
    of_memory = F.struct("is_delete", "tie", F.col("payload").isNotNull().alias("whole"))
    found = {
        "old": F.first(F.when(src == "old", shown), ignorenulls=True),
        "mem": F.max_by(told, F.when(src.isin("mem", "state"), of_memory)),
        "whole": F.max(src == "state"),
        **{name: F.max(src == name) for name in ("end", *MARKS)},
    }
    structs = {"old": shown, "mem": told}

    def nothing(name: str) -> Column:
        if name not in structs:
            return F.lit(False)
        return typed(F.lit(None), rows.select(structs[name].alias(name)).schema[name].dataType)

    absent = {name: nothing(name) for name in found if name not in known}
    one = (
        rows.groupBy(*POSITION)
        .agg(
            F.max((src == "new") & F.col("is_delete")).alias("new_delete"),
            F.max_by(told, F.when(fresh, F.struct("tie", "digest"))).alias("new"),
            # With the digest's bits turned over, the greatest is the lowest digest of the highest tie.
            F.max(F.when(fresh, F.struct("tie", F.bitwise_not("digest").alias("turned")))).alias("lowest"),
            F.count(F.when(fresh, 1)).alias("arrived"),
            *[column.alias(name) for name, column in found.items() if name in known],
        )
        .withColumns(absent)
    )
    here = F.col("old").isNotNull()
    if layout.positions_show:
        return one.withColumns({"old_here": F.col("old"), "remembered": F.col("mem").isNotNull()})
    # With effective_at the old version stands on the position before all of its instant's events.
    instant = Window.partitionBy("key", "at").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    return one.withColumns(
        {
            "old_here": F.first(F.when(here, F.col("old")), ignorenulls=True).over(instant.orderBy("seq")),
            # A truncate speaks for the ends of its instant as a remembered delete does.
            "remembered": F.max(F.col("mem").isNotNull() | F.col("truncate")).over(instant.orderBy("seq")),
        }
    )


def _stored(layout: Layout, positions: DataFrame, carried: bool, since: Column | None) -> DataFrame:
    """What was accepted before at each position: ``was_delete``, ``was`` (tie, payload, digest). ``carried``: a version
    speaks for later positions, too."""
    settled = (F.col("at") < since) & ~F.col("covers") if since is not None else F.lit(False)
    so_far = Window.partitionBy("key").orderBy("at", "seq").rowsBetween(Window.unboundedPreceding, 0)
    speaker = F.col("cover" if carried else "old")
    over = F.col("old") if carried else F.struct(F.col("old.till").alias("till"))
    cover = F.last(F.when(F.col("old").isNotNull(), over), ignorenulls=True).over(so_far)
    covers = F.col("cover").isNotNull() & (F.col("cover.till").isNull() | (F.col("at") < F.col("cover.till")))
    spoken = F.col("snapshot") & ~F.col("silent")
    implied_delete = (
        (F.col("end") & F.col("old_here").isNull() & ~F.col("remembered")) if (layout.spec.type == 2) else F.lit(False)
    )
    shown = F.when(
        covers,
        F.struct(
            F.lit(False).alias("is_delete"),
            _shown_tie(layout, speaker).alias("tie"),
            speaker.getField("payload").alias("payload"),
            speaker.getField("digest").alias("digest"),
        ),
    )
    mem = F.when(
        F.col("mem").isNotNull() & ~F.col("mem.is_delete"),
        F.struct(
            F.lit(False).alias("is_delete"),
            F.col("mem.tie").alias("tie"),
            F.coalesce(F.col("mem.payload"), speaker.getField("payload")).alias("payload"),
            F.col("mem.digest").alias("digest"),
        ),
    )
    # Where a member was inferred the dates do not tell which event opened the version; a real one is remembered.
    opened_here = F.col("old").isNotNull() & ~F.col("remembered") & ~F.col("inferred")
    was_delete = (
        F.col("truncate")
        | implied_delete
        | F.coalesce(F.col("mem.is_delete"), F.lit(False))
        | (spoken & ~F.col("covers"))
    )
    was = F.coalesce(mem, F.when(opened_here | (spoken & F.col("covers")), shown))
    rows = positions.withColumn("cover", cover).withColumn("covers", covers)
    if since is not None:
        # What lies before the first version given, lies before all that can change.
        kept = {"mem": F.when(~settled, F.col("mem")), "inferred": F.col("inferred") & ~settled}
        rows = rows.withColumns(kept)
    rows = rows.withColumns({"implied": opened_here | implied_delete, "was_delete": was_delete})
    return rows.withColumn("was", F.when(~F.col("was_delete"), was))


def _shown_tie(layout: Layout, speaker: Column) -> Column:
    if layout.spec.tie_breaker and layout.tie_shows:
        return typed(speaker.getField("payload").getField(layout.spec.tie_breaker), layout.tie)
    return typed(F.lit(None), layout.tie)


def _decide(layout: Layout, rows: DataFrame) -> DataFrame:
    """One event a position: a delete wins, then the tie-breaker; undecided rows of the batch are rejected."""
    new = F.col("new")
    several = new.isNotNull() & (F.bitwise_not(F.col("lowest.turned")) != new.getField("digest"))
    # What a snapshot said is said anew by its replay.
    anew = F.col("retold") & (F.col("new_delete") | (new.isNotNull() & ~several))
    was, was_delete = F.when(~anew, F.col("was")), F.col("was_delete") & ~anew
    ahead = F.struct(new.getField("tie")) > F.struct(was.getField("tie"))
    level = new.getField("tie").eqNullSafe(was.getField("tie"))
    differs = new.getField("digest") != was.getField("digest")
    if layout.gone:
        here = [n for n in layout.payload_names if n not in layout.gone]
        said, said_before = (struct_digest(one.getField("payload"), layout.payload, here) for one in (new, was))
        differs = said != said_before
    gone = was_delete | F.col("new_delete")
    rejected = (
        ~gone
        & new.isNotNull()
        & F.when(was.isNull(), several).otherwise(F.when(several, ahead | level).otherwise(level & differs))
    )
    wins = ~gone & new.isNotNull() & ~several & (was.isNull() | ahead)
    event = F.when(~gone, F.when(wins, new).otherwise(was))
    return rows.withColumns(
        {
            "rejected": rejected,
            "from_batch": wins | (F.col("new_delete") & ~was_delete),
            "event": event,
            "is_delete": gone,
            "is_event": gone | event.isNotNull(),
        }
    )


def _keep_what_left(layout: Layout, rows: DataFrame) -> DataFrame:
    """A column that left the contract says nothing: a row of the batch that repeats the event before it in all other
    columns repeats it in that one too. (With ignored NULLs values flow on by themselves.)"""
    told = _told(layout)
    state = F.when(~F.col("is_delete"), struct_digest(F.col("event.payload"), layout.payload, told))
    order = Window.partitionBy("key", "is_event").orderBy("at", "seq")
    so_far = order.rowsBetween(Window.unboundedPreceding, 0)
    rows = rows.withColumn("__told", state)
    turns = ~F.col("__told").eqNullSafe(F.lag("__told").over(order))
    rows = rows.withColumn("__run", F.sum(turns.cast("int")).over(so_far))
    lacks = F.col("from_batch") & ~F.col("is_delete")
    run = Window.partitionBy("key", "is_event", "__run").orderBy("at", "seq")
    before = F.last(F.when(~lacks, F.col("event.payload")), ignorenulls=True).over(
        run.rowsBetween(Window.unboundedPreceding, 0)
    )
    rows = rows.withColumn("__before", before)
    own = F.col("event.payload")
    payload = F.struct(
        *[
            (F.col("__before") if f.name in layout.gone else own).getField(f.name).alias(f.name)
            for f in layout.payload.fields
        ]
    )
    kept = F.struct(
        F.col("event.is_delete"),
        F.col("event.tie"),
        payload.alias("payload"),
        payload_digest(payload, layout).alias("digest"),
    )
    known = lacks & F.col("__before").isNotNull()
    return rows.withColumn("event", F.when(known, kept).otherwise(F.col("event"))).drop("__told", "__run", "__before")


def _told(layout: Layout) -> list[str]:
    """The columns by which an event that lacks some is compared with another."""
    return [n for n in (layout.tracked or layout.payload_names) if n not in layout.gone]
