"""mack from PyPI, called as its README does. It knows no deletes, so it gets the upserts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mack
from delta import DeltaTable
from pyspark.sql import functions as F

from bench.history.data import PAYLOAD
from bench.history.systems import spark as sessions
from bench.history.systems.system import Seed


class Mack:
    columns = ("effective_time", "end_time")
    table_format = "delta"
    title = "mack"

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        self.spark = sessions.make(self.name)
        self.metrics = sessions.StageMetrics(self.spark)

    def create(self, table: Path, seed: Seed) -> None:
        versions = self.spark.read.parquet(str(seed.versions)).select(
            "id",
            *PAYLOAD,
            F.col("effective_to").isNull().alias("is_current"),
            F.col("effective_from").alias("effective_time"),
            F.col("effective_to").alias("end_time"),
        )
        sessions.write_peer_table(versions, table)

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        updates = self.spark.read.parquet(str(batch)).where(F.col("op") == "U")
        updates = updates.withColumnRenamed("updated_at", "effective_time").drop("op")
        mack.type_2_scd_upsert(DeltaTable.forPath(self.spark, str(table)), updates, "id", list(PAYLOAD))
        return {}

    def observe(self) -> dict[str, Any]:
        return self.metrics.since()


def system(name: str) -> Mack:
    return Mack(name)
