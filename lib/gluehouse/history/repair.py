"""Versions that break invariants, mended: which rows stay, with which end and flag, and which are moved out and why.

Everything is decided from the table alone, key by key, and nothing is invented: no version is made, no start moves.

1. Rows without key or start are moved out, but for the unknown member.
2. Of several versions with one key and start one stays: rather one that holds at some time, then the one loaded last,
   then an open one, then the one with the furthest end, then by a digest of the row. The others are moved out.
3. A version that ends before its start, exactly where another version of the key starts, was closed by that one when
   it came late: it gets its end anew. Any other that does not end after its start held at no time, and is moved out.
4. A version that reaches past the next start, or is open before it, ends there.
5. The current flag is whether the end is open.
6. If asked for, neighbours without a gap and with equal tracked values (NULL equals NULL) become one version.

Doing it twice changes nothing. It cannot mend gaps or surrogate keys: what is missing there is not in the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.digest import digest64
from gluehouse.history.versions import VersionColumns, as_versions, has_null, put, refuse_misfit

MOVED = {
    "null_key": "a key column is NULL",
    "null_start": "the version has no start",
    "exact_copy": "the same row is there once more",
    "duplicate_start": "another version of the key starts at the same time, and stays",
    "held_at_no_time": "it does not end after its start, and no version that starts at its end explains that",
    "equal_neighbour": "the version right before it has the same tracked values, and now holds longer",
}
CHANGED = {
    "cut": "it reached past the next start; it ends there now",
    "closed": "it was open with a later version behind it; it ends at that one's start now",
    "closed_by_late": "a version that came late had closed it before its start; it holds to the next start now",
    "prolonged": "it holds on for an equal neighbour",
    "current_flag": "the current flag is now whether the end is open",
}
# Not a change of its own: what a cut leaves behind, so that a person can look at it.
UNCOVERED = "uncovered"
NEW_END, NEW_CURRENT = "__new_end", "__new_current"
MENDED = ("null_key", "null_start", "inversion", "overlap", "double_current", "current_flag")


def plan_repair(
    table: DataFrame, columns: VersionColumns, merge_equal: bool = False, tracked: Sequence[str] | None = None
) -> DataFrame:
    """Every row of the table (``row``) with ``key``, ``start``, ``end``, ``current`` as they should be, ``was_end``,
    ``moved`` (why the row cannot stay, or NULL), ``changes`` (what else is done to it; none: it is fine) and
    ``uncovered`` (an instant right after it was covered before and is not any more).

    ``tracked``: the columns to compare for ``merge_equal``; None: all payload. Raises ConfigError GH1470.
    """
    refuse_misfit(table.schema, columns, tracked or ())
    names = columns.payload(table.schema) if tracked is None else list(tracked)
    loaded = F.col(f"`{columns.loaded}`") if columns.loaded else F.lit(None)
    rows = as_versions(
        table,
        columns,
        F.struct("*").alias("row"),
        loaded.alias("loaded"),
        _digest(table.schema, table.schema.fieldNames()).alias("all_of_it"),
        _digest(table.schema, names).alias("tracked"),
    )
    rows = _move_out(rows, columns)
    rows = _end_anew(rows)
    if merge_equal:
        rows = _merge_equal(rows)
    stays = F.col("moved").isNull()
    open_end = F.col("new_end").isNull()
    flag_wrong = ~F.col("current").eqNullSafe(open_end) if columns.current else F.lit(False)
    changes = F.array_compact(F.array(F.col("end_change"), F.col("merge_change"), F.when(flag_wrong, "current_flag")))
    return rows.select(
        "row",
        "key",
        "start",
        F.col("new_end").alias("end"),
        open_end.alias("current"),
        F.col("end").alias("was_end"),
        "moved",
        F.when(stays, changes).otherwise(F.array().cast("array<string>")).alias("changes"),
        (stays & _uncovered()).alias(UNCOVERED),
    )


def repaired_rows(plan: DataFrame, table: T.StructType, columns: VersionColumns) -> DataFrame:
    """The rows that stay, in the table's columns."""
    stays = plan.where(F.col("moved").isNull())
    rows = stays.select("row.*", F.col("end").alias(NEW_END), F.col("current").alias(NEW_CURRENT))
    end = F.col(NEW_END)
    far = columns.open_value(table)
    if far is not None:
        end = F.coalesce(end, far)
    rows = rows.withColumn(*put(columns.end, end))
    if columns.current:
        rows = rows.withColumn(*put(columns.current, F.col(NEW_CURRENT)))
    return rows.select(*[F.col(f"`{name}`") for name in table.fieldNames()])


def moved_rows(plan: DataFrame) -> DataFrame:
    """``row`` as it was, ``rule`` and ``reason``."""
    reason = F.create_map(*[F.lit(text) for pair in MOVED.items() for text in pair])
    moved = plan.where(F.col("moved").isNotNull())
    return moved.select("row", F.col("moved").alias("rule"), reason[F.col("moved")].alias("reason"))


def is_touched() -> Column:
    """Whether a plan's row is moved out or changed."""
    return F.col("moved").isNotNull() | (F.size("changes") > 0)


def _move_out(rows: DataFrame, columns: VersionColumns) -> DataFrame:
    """``moved``, ``closed_by_late``, and ``reach_open``, ``reach_till``: how far versions up to this start held."""
    no_key, no_start = has_null("key", columns.keys), F.col("start").isNull()
    holds = ~no_start & (F.col("end").isNull() | (F.col("end") > F.col("start")))
    of_key = Window.partitionBy("key")
    so_far = of_key.orderBy("start").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    best_first = Window.partitionBy("key", "start").orderBy(
        F.col("holds").desc(), F.col("loaded").desc_nulls_last(), F.col("end").desc_nulls_first(), "all_of_it"
    )
    rows = rows.withColumn("holds", holds).withColumns(
        {
            "starts": F.collect_set("start").over(of_key),
            "reach_open": F.max(F.col("holds") & F.col("end").isNull()).over(so_far),
            "reach_till": F.max(F.when(F.col("holds"), F.col("end"))).over(so_far),
            "place": F.row_number().over(best_first),
            "like_best": F.first("all_of_it").over(best_first) == F.col("all_of_it"),
        }
    )
    late = ~F.col("holds") & (F.col("end") < F.col("start")) & F.array_contains("starts", F.col("end"))
    rows = rows.withColumn("closed_by_late", F.coalesce(late, F.lit(False)))
    moved = (
        F.when(F.col("unknown") & (F.col("place") == 1), None)
        .when(no_key, "null_key")
        .when(no_start, "null_start")
        .when((F.col("place") > 1) & F.col("like_best"), "exact_copy")
        .when(F.col("place") > 1, "duplicate_start")
        .when(~F.col("holds") & ~F.col("closed_by_late"), "held_at_no_time")
    )
    return rows.withColumn("moved", moved).drop("starts", "place", "like_best", "holds")


def _end_anew(rows: DataFrame) -> DataFrame:
    """``next_start`` among the rows that stay, ``new_end`` and ``end_change``."""
    stays = F.col("moved").isNull()
    order = Window.partitionBy("key", "stays").orderBy("start")
    rows = rows.withColumn("stays", stays).withColumn("next_start", F.lead("start").over(order))
    end, following = F.col("end"), F.col("next_start")
    change = (
        F.when(~stays, None)
        .when(F.col("closed_by_late"), "closed_by_late")
        .when(end.isNull() & following.isNotNull(), "closed")
        .when(end > following, "cut")
    )
    return rows.withColumns(
        {
            "end_change": change,
            "new_end": F.when(change.isNotNull(), following).otherwise(end),
            "merge_change": F.lit(None).cast("string"),
        }
    )


def _merge_equal(rows: DataFrame) -> DataFrame:
    """The first of a run of equal neighbours takes the last one's end; the others are moved out."""
    order = Window.partitionBy("key", "stays").orderBy("start")
    turns = ~(
        F.lag("new_end").over(order).eqNullSafe(F.col("start")) & (F.lag("tracked").over(order) == F.col("tracked"))
    )
    rows = rows.withColumn("turns", F.coalesce(turns, F.lit(True)))
    rows = rows.withColumn("run", F.sum(F.col("turns").cast("int")).over(order))
    run = Window.partitionBy("key", "stays", "run").orderBy("start")
    whole = run.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    rows = rows.withColumns({"last_end": F.last("new_end").over(whole), "last_next": F.last("next_start").over(whole)})
    prolonged = F.col("stays") & F.col("turns") & ~F.col("last_end").eqNullSafe(F.col("new_end"))
    swallowed = F.col("stays") & ~F.col("turns")
    return rows.withColumns(
        {
            "merge_change": F.when(prolonged, "prolonged"),
            "moved": F.when(swallowed, "equal_neighbour").otherwise(F.col("moved")),
            "new_end": F.when(F.col("stays"), F.col("last_end")).otherwise(F.col("new_end")),
            "next_start": F.when(F.col("stays"), F.col("last_next")).otherwise(F.col("next_start")),
        }
    )


def _uncovered() -> Column:
    """Whether an instant right after the version's new end is covered by no version now, though one reached past it."""
    end, following = F.col("new_end"), F.col("next_start")
    gap = end.isNotNull() & (following.isNull() | (following > end))
    return F.coalesce(gap & (F.col("reach_open") | (F.col("reach_till") > end)), F.lit(False))


def _digest(table: T.StructType, names: Sequence[str]) -> Column:
    return digest64([(name, F.col(f"`{name}`"), table[name].dataType) for name in names])
