"""A merge that behaves as a dbt snapshot is documented to: strategy ``timestamp``, the one that dbt recommends.

A row of the source is new when its key has no open record, and changed when its ``updated_at`` is later than the open
record's start; everything else is left out. Records are identified by a hash of key and time, changed ones are
closed and inserted anew by one MERGE. Hard deletes are off (the source holds changes, so absence means nothing);
deletes in the batch are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from delta import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from bench.history.data import KEY, OPERATION, PAYLOAD, TIME
from bench.history.systems.spark import SparkSystem, write_sorted
from bench.history.systems.system import Seed


class DbtLike(SparkSystem):
    def create(self, table: Path, seed: Seed) -> None:
        versions = self.spark.read.parquet(str(seed.versions))
        start = F.col("effective_from")
        records = versions.select(
            KEY, *PAYLOAD, _record_id(start), start.alias("dbt_updated_at"), start.alias("dbt_valid_from"),
            F.col("effective_to").alias("dbt_valid_to"),
        )  # fmt: skip
        write_sorted(records, table)

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        snapshot = DeltaTable.forPath(self.spark, str(table))
        source = self.spark.read.parquet(str(batch)).where(F.col(OPERATION) == "U").drop(OPERATION)
        (
            snapshot.alias("record")
            .merge(_staged(source, snapshot.toDF()).alias("staged"), "staged.dbt_scd_id = record.dbt_scd_id")
            .whenMatchedUpdate(
                condition="record.dbt_valid_to IS NULL AND staged.change = 'update'",
                set={"dbt_valid_to": "staged.dbt_valid_to"},
            )
            .whenNotMatchedInsert(
                condition="staged.change = 'insert'",
                values={name: f"staged.{name}" for name in snapshot.toDF().columns},
            )
            .execute()
        )
        return {}


def _record_id(start: Any) -> Any:
    return F.md5(F.concat_ws("|", F.col(KEY).cast("string"), start.cast("string"))).alias("dbt_scd_id")


def _staged(source: DataFrame, snapshot: DataFrame) -> DataFrame:
    """The records to insert, and those to close under their own identity."""
    still_open = snapshot.where(F.col("dbt_valid_to").isNull()).select(
        KEY, F.col("dbt_scd_id").alias("open_id"), F.col("dbt_valid_from").alias("open_from")
    )
    matched = source.join(still_open, on=KEY, how="left")
    is_new, is_later = F.col("open_id").isNull(), F.col(TIME) > F.col("open_from")
    columns = [KEY, *PAYLOAD]
    insert = matched.where(is_new | is_later).select(
        *columns, _record_id(F.col(TIME)), F.col(TIME).alias("dbt_updated_at"), F.col(TIME).alias("dbt_valid_from"),
        F.lit(None).cast("timestamp").alias("dbt_valid_to"), F.lit("insert").alias("change"),
    )  # fmt: skip
    close = matched.where(is_later).select(
        *columns, F.col("open_id").alias("dbt_scd_id"), F.col(TIME).alias("dbt_updated_at"),
        F.col("open_from").alias("dbt_valid_from"), F.col(TIME).alias("dbt_valid_to"), F.lit("update").alias("change"),
    )  # fmt: skip
    return insert.unionByName(close)


def system(name: str) -> DbtLike:
    return DbtLike(name)
