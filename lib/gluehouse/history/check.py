"""What must hold of any history table, and the versions for which it does not.

The invariants, in the order in which they are told:

- ``null_key``, ``null_start``: a version without key, or without start.
- ``inversion``: it ends at or before its start, so it held at no time.
- ``overlap``: it starts while a version that started no later still holds. Inverted versions count for nothing here.
- ``double_current``: several current versions of a key.
- ``current_flag``: the current flag is not exactly whether the end is open.
- ``unexplained_gap``: between two versions nothing holds, and no delete explains that (see ``gaps``).
- ``duplicate_surrogate_key``, ``null_surrogate_key``: a surrogate key given twice, or not at all.

The unknown member is no version: without key and start, with the surrogate key -1 or 32 times f, it breaks none.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from gluehouse.history.gaps import ANY_DELETE, Deletes, unexplained
from gluehouse.history.versions import PRESETS, VersionColumns, as_versions, at_path, end_of, has_null

INVARIANTS = {
    "null_key": "a key column is NULL",
    "null_start": "the version has no start",
    "inversion": "the version does not end after its start",
    "overlap": "the version starts while an earlier one still holds",
    "double_current": "several current versions of the key",
    "current_flag": "the current flag disagrees with the end",
    "unexplained_gap": "nothing holds in this interval, and no delete explains that",
    "duplicate_surrogate_key": "the surrogate key is given more than once",
    "null_surrogate_key": "the surrogate key is NULL",
}


def check_history(
    table: DataFrame, keys: Sequence[str], surrogate_key: str | None = None, deletes: Deletes = ANY_DELETE
) -> DataFrame:
    """The violations in a table of ours. For other tools' tables see ``violations``."""
    return violations(table, PRESETS["gluehouse"].named(keys=tuple(keys), surrogate=surrogate_key), deletes)


def violations(table: DataFrame, columns: VersionColumns, deletes: Deletes = ANY_DELETE) -> DataFrame:
    """``key`` struct, ``effective_from``, ``effective_to``, ``invariant``; a version can break several.

    The interval is the version's, for an ``unexplained_gap`` that of the gap. Raises ConfigError GH1470.
    """
    rows = _judged(as_versions(table, columns).where(~F.col("unknown")), columns)
    broken = F.array_compact(F.array(*[F.when(rule, F.lit(name)) for name, rule in _rules(columns).items()]))
    found = rows.select(
        "key", F.col("start").alias("effective_from"), F.col("end").alias("effective_to"), F.explode(broken)
    ).withColumnRenamed("col", "invariant")
    if deletes is ANY_DELETE:
        return found
    gaps = rows.where("after_gap").select("key", F.col("covered_till").alias("at"), F.col("start").alias("until"))
    return found.unionByName(
        unexplained(gaps, deletes).select(
            "key",
            F.col("at").alias("effective_from"),
            F.col("until").alias("effective_to"),
            F.lit("unexplained_gap").alias("invariant"),
        )
    )


def holds_at(start: Column, end: Column, instant: Column) -> Column:
    """Whether ``[start, end)`` has the instant; an open end is NULL."""
    return (start <= instant) & (end.isNull() | (end > instant))


def history_as_of(table: DataFrame, instant: object, columns: VersionColumns = PRESETS["gluehouse"]) -> DataFrame:
    """The rows of the versions that held at an instant (a Column or a value): at most one a key."""
    time = instant if isinstance(instant, Column) else F.lit(instant)
    return table.where(holds_at(at_path(columns.start), end_of(table.schema, columns), time))


def _judged(versions: DataFrame, columns: VersionColumns) -> DataFrame:
    """The versions with what the rules ask about their neighbours.

    ``whole``: has key and start; ``holds``: at any time; ``covered_open``, ``covered_till``: what versions of the key
    that started no later reach to; ``after_gap``: nothing held right before it, though something did earlier.
    """
    no_key = has_null("key", columns.keys)
    rows = versions.withColumn("no_key", no_key).withColumn("whole", ~F.col("no_key") & F.col("start").isNotNull())
    holds = F.col("whole") & (F.col("end").isNull() | (F.col("end") > F.col("start")))
    of_key = Window.partitionBy("key")
    earlier = of_key.orderBy("start", F.col("end").asc_nulls_last()).rowsBetween(Window.unboundedPreceding, -1)
    rows = rows.withColumn("holds", F.coalesce(holds, F.lit(False))).withColumns(
        {
            "covered_open": F.coalesce(F.max(F.col("holds") & F.col("end").isNull()).over(earlier), F.lit(False)),
            "covered_till": F.max(F.when(F.col("holds"), F.col("end"))).over(earlier),
            "currents": F.sum(F.col("current").cast("int")).over(of_key),
        }
    )
    free = F.col("holds") & ~F.col("covered_open")
    rows = rows.withColumn("after_gap", F.coalesce(free & (F.col("covered_till") < F.col("start")), F.lit(False)))
    if columns.surrogate:
        rows = rows.withColumn("times", F.count("sk").over(Window.partitionBy("sk")))
    return rows


def _rules(columns: VersionColumns) -> dict[str, Column]:
    start, end = F.col("start"), F.col("end")
    rules = {
        "null_key": F.col("no_key"),
        "null_start": start.isNull(),
        "inversion": F.col("whole") & (end <= start),
        "overlap": F.col("holds") & (F.col("covered_open") | (F.col("covered_till") > start)),
        "double_current": ~F.col("no_key") & F.col("current") & (F.col("currents") > 1),
    }
    if columns.current:
        rules["current_flag"] = ~F.col("current").eqNullSafe(end.isNull())
    if columns.surrogate:
        rules["duplicate_surrogate_key"] = F.col("times") > 1
        rules["null_surrogate_key"] = F.col("sk").isNull()
    return rules
