"""Surrogate keys: our identity of a version, a running BIGINT or 128 bits of (business key, start).

A BIGINT is given once: the high-water mark lives in memory, so that a removed version's number does not come back.
It stays with its version also where a late event only moves the start earlier; the 128-bit key then changes.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.digest import digest128
from gluehouse.history.layout import Layout

BUCKETS = 64
# The unknown member's: what a fact has that has no version. No version ever gets either.
UNKNOWN_BIGINT, UNKNOWN_HASH128 = -1, "f" * 32


def unknown_key(kind: T.DataType) -> Column:
    """The unknown member's key, in the type of a surrogate key column."""
    return F.lit(UNKNOWN_HASH128) if isinstance(kind, T.StringType) else F.lit(UNKNOWN_BIGINT).cast("bigint")


def hashed(layout: Layout, at: Column) -> Column:
    """The 128-bit key of the version of ``key`` that starts ``at``, as 32 hex digits."""
    identity: list[tuple[str, Column, T.DataType]] = [
        (f.name, F.col("key").getField(f.name), f.dataType) for f in layout.keys.fields
    ]
    return digest128([*identity, ("effective_from", at, layout.at)])


def with_surrogates(plan: DataFrame, layout: Layout, high_water: int) -> DataFrame:
    """The plan with ``sk`` for each row of the table that it inserts, updates or deletes.

    New numbers are high_water + 1, 2, ... in the order of (bucket, key, start): they depend on values alone, not on
    how the rows lie in partitions, and no window spans all rows. One small job counts the buckets.
    """
    if layout.surrogate is None:
        return plan.withColumn("sk", F.lit(None).cast("bigint"))
    if layout.spec.surrogate_key and layout.spec.surrogate_key.kind == "hash128":
        return plan.withColumn("sk", hashed(layout, F.col("at")))
    needs = is_new(layout)
    rows = plan.withColumn("__bucket", F.pmod(F.xxhash64("key"), F.lit(BUCKETS)))
    counts = {row[0]: row[1] for row in rows.where(needs).groupBy("__bucket").count().collect()}
    start, offsets = high_water, F.lit(high_water)
    for bucket in range(BUCKETS):
        if bucket in counts:
            offsets = F.when(F.col("__bucket") == bucket, F.lit(start)).otherwise(offsets)
            start += counts[bucket]
    within = Window.partitionBy("__bucket", "__new").orderBy("key", "at")
    numbered = rows.withColumn("__new", needs).withColumn("__number", F.row_number().over(within))
    fresh = offsets.cast("bigint") + F.col("__number")
    return numbered.withColumn("sk", F.when(F.col("__new"), fresh).otherwise(F.col("row.sk"))).drop(
        "__bucket", "__new", "__number"
    )


def is_new(layout: Layout) -> Column:
    """Whether a plan row opens a version that needs a number of its own."""
    return F.coalesce((F.col("action") == "insert") & F.col("row.sk").isNull(), F.lit(False))


def retired_keys(numbered: DataFrame, layout: Layout) -> DataFrame:
    """``retired``, ``successor`` (NULL: the key has no version at that start any more): to re-point facts."""
    gone = numbered.where(F.col("action") == "delete")
    if layout.spec.surrogate_key and layout.spec.surrogate_key.kind == "hash128":
        successor = F.when(F.col("row.now_at").isNotNull(), hashed(layout, F.col("row.now_at")))
        return gone.select(F.col("row.sk").alias("retired"), successor.alias("successor"))
    heirs = numbered.where(F.col("action").isin("insert", "update")).select(
        F.col("key").alias("__key"), F.col("at").alias("__at"), F.col("sk").alias("__sk")
    )
    same = (F.col("key") == F.col("__key")) & (F.col("row.now_at") == F.col("__at"))
    found = gone.join(heirs, on=same, how="left").select(
        F.col("row.sk").alias("retired"), F.coalesce("__sk", F.col("row.now_sk")).alias("successor")
    )
    return found.where(~F.col("retired").eqNullSafe(F.col("successor")))
