"""Full snapshots: which keys one says something new about, and when it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import HistoryRefused
from gluehouse.history.digest import struct_digest
from gluehouse.history.layout import Layout
from gluehouse.history.value import literal, portable
from gluehouse.spec.history import Breaker


@dataclass(frozen=True)
class Content:
    """A snapshot's time (as collected), how many keys it has, how many of them it tells in several ways, and what it
    holds, as text that another's can be compared with."""

    time: Any
    keys: int
    torn: int
    text: str


def content_of(events: DataFrame, layout: Layout) -> Content | None:
    """One pass over the snapshot's events; None where it has none. Raises HistoryRefused GH4005 (several times)."""
    seq = portable(F.col("seq"), layout.sequence)
    key = struct_digest(F.col("key"), layout.keys, layout.keys.fieldNames())
    of_key = events.groupBy("key").agg(
        F.sort_array(F.collect_set("digest")).alias("said"), F.min(seq).alias("first"), F.max(seq).alias("last")
    )
    found = of_key.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count(F.when(F.size("said") > 1, 1)).alias("torn"),
        F.sum(F.xxhash64(key, "said").cast("decimal(38,0)")).cast("string").alias("total"),
        F.min("first").alias("first"),
        F.max("last").alias("last"),
    ).collect()[0]
    if found["rows"] == 0:
        return None
    if found["first"] != found["last"]:
        raise HistoryRefused(
            "GH4005",
            f"the snapshot's rows have several times in {', '.join(layout.spec.sequence_by)}.",
            "a full snapshot holds at one time; give events with deletes: none or a delete flag instead.",
        )
    return Content(found["first"], int(found["rows"]), int(found["torn"]), f"{found['rows']}:{found['total']}")


def refuse_empty(too_late: DataFrame) -> None:
    """Raises HistoryRefused GH4003 for a snapshot without events, unless they came too late and are set aside."""
    if too_late.isEmpty():
        raise HistoryRefused(
            "GH4003",
            "the snapshot is empty.",
            "look at the source object; an empty snapshot would delete every key and is never applied.",
        )


def classify(
    old: DataFrame | None,
    remembered: DataFrame | None,
    events: DataFrame,
    silent: DataFrame | None,
    time: Column,
    single: bool = False,
) -> DataFrame:
    """Key, ``fate`` (same, told, absent, silent) and ``valid`` (had a version at that time).

    ``old``: key, at, till, digest. ``remembered``: keys that memory says something about at that time.
    ``single``: all of it fits one partition.
    Keys with fate ``same`` are confirmed exactly as shown: the snapshot's own mark says so, nothing else is needed.
    """
    nothing = F.lit(None).cast("bigint").alias("digest")
    rows = events.select("key", F.lit("new").alias("src"), "digest")
    if old is not None:
        covering = old.where((F.col("at") <= time) & (F.col("till").isNull() | (F.col("till") > time)))
        rows = rows.unionByName(covering.select("key", F.lit("old").alias("src"), "digest"))
    for name, keys in (("silent", silent), ("mem", remembered)):
        if keys is not None:
            rows = rows.unionByName(keys.select("key", F.lit(name).alias("src"), nothing))
    src = F.col("src")
    sides = (
        (rows.coalesce(1) if single else rows)
        .groupBy("key")
        .agg(
            F.max(src == "old").alias("valid"),
            F.max(src == "new").alias("told"),
            F.max(src == "silent").alias("silent"),
            F.max(src == "mem").alias("mem"),
            (F.min("digest") == F.max("digest")).alias("equal"),
        )
    )
    same = F.col("valid") & F.col("told") & F.col("equal") & ~F.col("silent") & ~F.col("mem")
    fate = (
        F.when(same, "same")
        .when(F.col("told"), "told")
        .when(F.col("silent"), "silent")
        .when(F.col("valid"), "absent")
        .otherwise("nothing")
    )
    return sides.select("key", fate.alias("fate"), "valid")


def fate_counts() -> dict[str, Column]:
    """Keys valid at the snapshot's time, absent, confirmed, told anew."""
    fate = F.col("fate")
    return {
        "valid": F.count(F.when(F.col("valid"), 1)),
        **{name: F.count(F.when(fate == name, 1)) for name in ("absent", "same", "told")},
    }


def break_if_too_many(absent: int, valid: int, breaker: Breaker) -> None:
    """Raises HistoryRefused GH4001 where a snapshot would delete more than is believable."""
    if absent >= breaker.keys and absent > breaker.share * valid:
        raise HistoryRefused(
            "GH4001",
            f"the snapshot lacks {absent} of the {valid} keys valid at its time, "
            f"more than {breaker.share:.0%} and at least {breaker.keys}.",
            "look at the source object; if the deletes are meant, an operator lets this one batch through.",
        )


def said_before(marks: DataFrame | None, content: Content, layout: Layout, replayed: Sequence[str]) -> bool | None:
    """Whether the snapshot that this one replays speaks for the keys it lacks; None where the table has none of it.

    ``replayed``: transactions of batches. Grain of ``marks``: a row of memory.
    """
    if marks is None or not replayed:
        return None
    now = marks.where((F.col("kind") == "snapshot") & (F.col("seq") == literal(content.time, layout.sequence)))
    told = [bool(row["speaks"]) for row in now.where(F.col("batch_id").isin(list(replayed))).select("speaks").collect()]
    return any(told) if told else None


def refuse_second(marks: DataFrame | None, content: Content, layout: Layout) -> bool:
    """Whether this very snapshot is known. Raises HistoryRefused GH4002 where another one of that time is."""
    if marks is None:
        return False
    now = marks.where((F.col("kind") == "snapshot") & (F.col("seq") == literal(content.time, layout.sequence)))
    known = now.select("content", F.col("seq").cast("string").alias("time")).collect()
    if not known:
        return False
    if any(row["content"] == content.text for row in known):
        return True
    raise HistoryRefused(
        "GH4002",
        f"a different snapshot of {known[0]['time']} was accepted before.",
        "a correction needs a time of its own; to repeat the batch, deliver the same rows.",
    )
