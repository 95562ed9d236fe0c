"""mack from PyPI, called as its README does. It knows no deletes, so it gets the upserts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mack
from delta import DeltaTable
from pyspark.sql import functions as F

from bench.history.data import KEY, OPERATION, PAYLOAD, TIME
from bench.history.systems.spark import SparkSystem, create_plain
from bench.history.systems.system import Seed


class Mack(SparkSystem):
    def create(self, table: Path, seed: Seed) -> None:
        create_plain(self.spark, table, seed)

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        updates = self.spark.read.parquet(str(batch)).where(F.col(OPERATION) == "U")
        updates = updates.withColumnRenamed(TIME, "effective_time").drop(OPERATION)
        mack.type_2_scd_upsert(DeltaTable.forPath(self.spark, str(table)), updates, KEY, list(PAYLOAD))
        return {}


def system(name: str) -> Mack:
    return Mack(name)
