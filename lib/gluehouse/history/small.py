"""Small frames: computed once, in one partition, by interpreted code.

For a few thousand rows what costs is neither reading nor computing them but planning: every Spark job, every scan of
a Delta table (which itself runs jobs), every exchange and every class that Spark compiles. A frame that is held
is none of these any more, and what follows it in one partition needs no exchange.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from py4j.java_gateway import JavaObject
from pyspark.sql import Column, DataFrame, Observation, SparkSession

# Stored bytes of table, memory and batch together up to which all of them are held.
SMALL_BYTES = 8 * 2**20
# For so few touched keys their slice of a larger table is held, and the fold over it runs in one partition.
SMALL_KEYS = 50_000
# Beside the columns of a table's held rows: where each lies, the URL of its file and its position there.
PLACE_COLUMN, PLACE = "__place", "struct<file:string,row:bigint>"


def held(frame: DataFrame, name: str = "", **counts: Column) -> tuple[DataFrame, dict[str, Any]]:
    """The frame's rows, computed now and kept by Spark in one partition; aggregates over them from the same job."""
    one = frame.coalesce(1)
    if not counts:
        return one.localCheckpoint(), {}
    seen = Observation(name or "held")
    kept = one.observe(seen, *[column.alias(alias) for alias, column in counts.items()]).localCheckpoint()
    return kept, {alias: _of_java(value) for alias, value in seen.get.items()}


def _of_java(value: Any) -> Any:
    """What Spark observed, as ``collect`` would give it: PySpark 3.5 leaves dates and structs as Java's objects."""
    if not isinstance(value, JavaObject):
        return value
    if value.getClass().getSimpleName() in ("Date", "LocalDate"):
        return dt.date.fromisoformat(str(value.toString()))
    return {name: _of_java(value.getAs(name)) for name in value.schema().fieldNames()}


def bytes_to_read(frame: DataFrame) -> int:
    """What Spark thinks that the frame's sources hold; of files what they take in storage. A frame over Python rows
    or an RDD counts as unbounded. (The frame's own estimate is of no use: a join's is the product of its sides.)"""
    leaves = frame._jdf.queryExecution().optimizedPlan().collectLeaves()
    return sum(int(str(leaves.apply(at).stats().sizeInBytes())) for at in range(int(leaves.size())))


def one_row(spark: SparkSession, *columns: Column) -> DataFrame:
    return spark.range(0, 1, 1, 1).select(*columns)
