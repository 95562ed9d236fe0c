"""What a change set must be before any of it is written: checked on its computed rows, in one aggregation.

The plan makes a key's versions from one sorted row of events, each ending where the next begins, so that none overlap.
What is checked here is that the rows which were computed, stored and read again are still such ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from gluehouse.errors import QualityError
from gluehouse.history.events import Events
from gluehouse.history.layout import Layout
from gluehouse.history.versions import has_null

BROKEN = {
    "missing": "rows of the change set are missing or doubled since it was counted",
    "null_key": "a version has no key or no start",
    "inversion": "a version does not end after its start",
    "overlap": "two versions of a key overlap",
    "double_current": "a key gets, or had, several current versions",
}


def refuse_broken(rows: DataFrame, layout: Layout, counts: Mapping[str, int]) -> None:
    """Raises QualityError GH3002 where the rows are not the ``counts`` that were planned, or break an invariant.

    ``rows``: as ``plan_changes`` answers, computed. Costs one shuffle of the change set's keys and times.
    """
    found = broken(rows, layout).collect()[0].asDict()
    planned = {name: counts[name] for name in ("inserted", "updated", "deleted")}
    there = {name: found.pop(name) for name in planned}
    found["missing"] = sum(abs(there[name] - planned[name]) for name in planned)
    told = [f"{BROKEN[name]} ({number} found, 0 expected)" for name, number in found.items() if number]
    if told:
        raise QualityError(
            "GH3002",
            f"the change set is not what was planned: {'; '.join(told)}. Nothing was committed.",
            "Run the batch again; where that fails too, report a defect with the run's log.",
        )


def refuse_unaccounted(parts: Events, counts: Mapping[str, int]) -> None:
    """Raises QualityError GH3002 where a batch of changes has upserts that are neither set aside nor reached the plan,
    or reached it more than once.

    Both are counted where the rows are read and planned anyway; of a batch that is not held nothing is told.
    """
    if parts.upserts is not None and parts.upserts != counts["arrived"]:
        raise QualityError(
            "GH3002",
            f"of {parts.rows} rows {parts.rejects} were set aside, but of the {parts.upserts} upserts left the "
            f"change set was planned from {counts['arrived']}. Nothing was committed.",
            "Run the batch again; where that fails too, report a defect with the run's log.",
        )


def broken(rows: DataFrame, layout: Layout) -> DataFrame:
    """One row: how many rows have each action, how many break ``null_key``, ``inversion``, ``overlap``, and how many
    keys ``double_current``."""
    action, old_open = F.col("action"), F.col("row.old_till").isNull()
    shown = action.isin("insert", "update")
    narrow = rows.where(action.isNotNull()).select(
        "key",
        "at",
        F.col("row.till").alias("till"),
        shown.alias("shown"),
        action.alias("action"),
        ((action != "insert") & old_open).alias("was_open"),
    )
    no_identity = has_null("key", layout.keys.fieldNames()) | F.col("at").isNull()
    following = F.lead("at").over(Window.partitionBy("key", "shown").orderBy("at"))
    of_key = (
        narrow.withColumn("next_at", F.when(F.col("shown"), following))
        .groupBy("key")
        .agg(
            *[_many(F.col("action") == verb).alias(name) for name, verb in _ACTIONS.items()],
            _many(F.col("shown") & no_identity).alias("null_key"),
            _many(F.col("shown") & (F.col("till") <= F.col("at"))).alias("inversion"),
            _many(_overlaps()).alias("overlap"),
            _many(F.col("shown") & F.col("till").isNull()).alias("open"),
            _many(F.col("was_open")).alias("were_open"),
        )
    )
    several = (F.col("open") > 1) | (F.col("were_open") > 1)
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in (*_ACTIONS, "null_key", "inversion", "overlap")]
    return of_key.agg(*sums, _many(several).alias("double_current"))


_ACTIONS = {"inserted": "insert", "updated": "update", "deleted": "delete"}


def _overlaps() -> Column:
    """Whether the next version that the key is given starts while this one holds."""
    return F.col("next_at").isNotNull() & (F.col("till").isNull() | (F.col("till") > F.col("next_at")))


def _many(condition: Column) -> Column:
    return F.count(F.when(condition, 1))
