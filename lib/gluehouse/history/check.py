"""What must hold of any history table, and the rows for which it does not."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def check_history(table: DataFrame, keys: Sequence[str], surrogate_key: str | None = None) -> DataFrame:
    """Violations: the key columns, effective_from, effective_to, ``invariant`` and ``found``. None: an empty frame.

    overlap: a version starts before the one before it ends. inversion: it ends at or before its start.
    double_current: two current rows of a key. current_flag: ``is_current`` disagrees with an open end.
    null_start, null_key: a version without start, or without key. duplicate_surrogate_key: a number given twice.
    """
    window = Window.partitionBy(*keys).orderBy("effective_from", F.col("effective_to").asc_nulls_last())
    before = F.lag("effective_to").over(window)
    first = F.row_number().over(window) == 1
    current = F.sum(F.col("is_current").cast("int")).over(Window.partitionBy(*keys))
    start, end = F.col("effective_from"), F.col("effective_to")
    no_key = F.lit(False)
    for name in keys:
        no_key = no_key | F.col(f"`{name}`").isNull()
    judged = table.withColumn("__before", before).withColumn("__first", first).withColumn("__current", current)
    rules = [
        ("null_key", no_key, "a key column is NULL"),
        ("null_start", start.isNull(), "effective_from is NULL"),
        ("inversion", end <= start, "effective_to is not after effective_from"),
        (
            "overlap",
            ~F.col("__first") & (F.col("__before").isNull() | (F.col("__before") > start)),
            "starts before the version before it ends",
        ),
        (
            "double_current",
            F.col("is_current") & (F.col("__current") > 1),
            "several current versions of the key",
        ),
        (
            "current_flag",
            ~F.col("is_current").eqNullSafe(end.isNull()),
            "is_current disagrees with effective_to",
        ),
    ]
    if surrogate_key:
        judged = judged.withColumn("__times", F.count(F.lit(1)).over(Window.partitionBy(surrogate_key)))
        rules += [
            ("duplicate_surrogate_key", F.col("__times") > 1, f"{surrogate_key} is not unique"),
            ("null_surrogate_key", F.col(f"`{surrogate_key}`").isNull(), f"{surrogate_key} is NULL"),
        ]
    broken = F.array_compact(
        F.array(
            *[
                F.when(rule, F.struct(F.lit(name).alias("invariant"), F.lit(text).alias("found")))
                for name, rule, text in rules
            ]
        )
    )
    return judged.select(
        *[f"`{n}`" for n in keys], "effective_from", "effective_to", F.explode(broken).alias("__v")
    ).select(*[f"`{n}`" for n in keys], "effective_from", "effective_to", "__v.invariant", "__v.found")


def history_as_of(table: DataFrame, instant: object) -> DataFrame:
    """The versions that held at an instant: at most one a key."""
    time = F.lit(instant)
    return table.where(
        (F.col("effective_from") <= time) & (F.col("effective_to").isNull() | (F.col("effective_to") > time))
    )
