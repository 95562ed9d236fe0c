"""What may explain that no version of a key holds between two others.

A delete leaves a gap behind the version that it closed, and our memory does not say so a second time (ADR 9). So what
can be told about a gap depends on where deletes come from:

- From nowhere: every gap is unexplained.
- From absence in snapshots: a gap must start at the time of a remembered snapshot that speaks for the key, or at a
  delete or truncate that memory has.
- From a delete flag: a gap is a delete by itself. It is unexplained only where memory has an upsert inside it, which
  would have opened a version there; or, where a log of delete events is given, where that has no delete at its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.history.events import among
from gluehouse.history.value import typed
from gluehouse.history.versions import key_struct
from gluehouse.spec.history import DeleteFlag, HistorySpec


@dataclass(frozen=True)
class Deletes:
    """The witnesses for gaps. All frames may be None.

    ``implied``: a gap needs no witness. ``keyed``: (key, at) deletes. ``for_all``: (at) of deletes of every key.
    ``snapshots``: (at) of snapshots that delete what they lack, but not the keys in ``silent`` (key, at).
    ``upserts``: (key, at) which contradict a gap around them. ``since``: (at), one row: earlier gaps are not judged.
    """

    implied: bool = False
    keyed: DataFrame | None = None
    for_all: DataFrame | None = None
    snapshots: DataFrame | None = None
    silent: DataFrame | None = None
    upserts: DataFrame | None = None
    since: DataFrame | None = None


ANY_DELETE = Deletes(implied=True)
NO_DELETE = Deletes()


def unexplained(gaps: DataFrame, deletes: Deletes) -> DataFrame:
    """``gaps`` (key, at: its start, until: its end) that nothing explains, or that something contradicts."""
    bare = gaps.where(F.lit(False)) if deletes.implied else _unwitnessed(gaps, deletes)
    if deletes.upserts is None:
        return bare
    said = _like(gaps, deletes.upserts).select(F.col("key").alias("said_key"), F.col("at").alias("said"))
    inside = (F.col("key") == F.col("said_key")) & (F.col("said") >= F.col("at")) & (F.col("said") < F.col("until"))
    return bare.unionByName(gaps.join(said, on=inside, how="left_semi")).distinct()


def _unwitnessed(gaps: DataFrame, deletes: Deletes) -> DataFrame:
    """Each witness is joined to the gaps alone: they are few."""
    witnessed = []
    if deletes.snapshots is not None:
        spoken = gaps.join(_like(gaps, deletes.snapshots), on="at", how="left_semi")
        if deletes.silent is not None:
            spoken = spoken.join(_like(gaps, deletes.silent), on=["key", "at"], how="left_anti")
        witnessed.append(spoken)
    if deletes.for_all is not None:
        witnessed.append(gaps.join(_like(gaps, deletes.for_all), on="at", how="left_semi"))
    if deletes.keyed is not None:
        witnessed.append(gaps.join(_like(gaps, deletes.keyed), on=["key", "at"], how="left_semi"))
    if deletes.since is not None:
        oldest = _like(gaps, deletes.since).withColumnRenamed("at", "oldest")
        witnessed.append(gaps.join(F.broadcast(oldest), on=F.col("at") < F.col("oldest"), how="left_semi"))
    if not witnessed:
        return gaps
    found = reduce(DataFrame.unionByName, [some.select("key", "at") for some in witnessed])
    return gaps.join(found, on=["key", "at"], how="left_anti").select(*gaps.columns)


def _like(gaps: DataFrame, witness: DataFrame) -> DataFrame:
    """The witness's ``key`` and ``at``, as far as it has them, in the types of the gaps."""
    names = [name for name in ("key", "at") if name in witness.columns]
    return witness.select(*[typed(F.col(name), gaps.schema[name].dataType).alias(name) for name in names])


def deletes_in_memory(spec: HistorySpec, memory: DataFrame | None) -> Deletes:
    """What the spec of a table of ours, and the rows of its memory that count, say about its gaps."""
    if spec.deletes == "none":
        return NO_DELETE
    if memory is None:
        return ANY_DELETE if spec.delete_flag else NO_DELETE
    key = _key_of(spec)
    kind, at = F.col("kind"), F.col("at")
    events = memory.where(kind == "event")
    gone = events.where("is_delete").select(key, "at")
    truncates = memory.where(kind == "truncate").select("at")
    if spec.delete_flag:
        said = events.where(~F.col("is_delete")).select(key, "at")
        # Of several events of one instant the last shows, so a delete there may well have ended an upsert.
        said = said.join(gone, on=["key", "at"], how="left_anti").join(truncates, on="at", how="left_anti")
        return Deletes(implied=True, upserts=said)
    spoken = memory.where((kind == "snapshot") & F.col("speaks")).select("at")
    return Deletes(
        keyed=gone,
        for_all=truncates,
        snapshots=spoken,
        silent=memory.where(kind == "silent").select(key, "at"),
        since=memory.where(kind == "pruned").agg(F.max(at).alias("at")),
    )


def with_events(
    deletes: Deletes, events: DataFrame, keys: Sequence[str], time: str, flag: DeleteFlag | None
) -> Deletes:
    """A log of deletes as a further witness; then a gap explains itself no more.

    ``events``: the key columns and ``time``; with the flag's column, only its deletes and truncates count. A row
    without any key deletes every key. Raises ConfigError GH1470 where a column is missing.
    """
    missing = [name for name in (*keys, time) if name not in events.columns]
    if missing:
        raise ConfigError(
            "GH1470",
            f"the events have no column {', '.join(missing)}; they have {', '.join(events.columns)}.",
            "name the time of the events by --events-time, and give them the table's key columns.",
        )
    if flag is not None and flag.column in events.columns:
        events = events.where(among(flag.column, (*flag.values, *flag.truncates)))
    at = F.col(f"`{time}`").alias("at")
    nobody = F.lit(True)
    for name in keys:
        nobody = nobody & F.col(f"`{name}`").isNull()
    for_all = events.where(nobody).select(at)
    if deletes.for_all is not None:
        for_all = for_all.unionByName(deletes.for_all.select("at"))
    keyed = events.where(~nobody).select(key_struct(keys).alias("key"), at)
    if deletes.keyed is not None:
        keyed = keyed.unionByName(deletes.keyed.select("key", "at"))
    return replace(deletes, implied=False, keyed=keyed, for_all=for_all)


def _key_of(spec: HistorySpec) -> Column:
    return F.struct(*[F.col("key").getField(name).alias(name) for name in spec.keys]).alias("key")
