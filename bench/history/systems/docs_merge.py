"""The MERGE that Delta's documentation gives for slowly changing data, with one OR-ed ``<>`` a payload column.

Each update goes into the MERGE under its key, to close the version, and each that changes a current version once more
under a NULL key, to be inserted. It knows no deletes, so it gets the upserts alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from delta import DeltaTable
from pyspark.sql import functions as F

from bench.history.data import KEY, OPERATION, PAYLOAD, TIME
from bench.history.systems.spark import SparkSystem, create_plain
from bench.history.systems.system import Seed

SET = {name: f"staged.{name}" for name in PAYLOAD}


class DocsMerge(SparkSystem):
    def create(self, table: Path, seed: Seed) -> None:
        create_plain(self.spark, table, seed)

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        history = DeltaTable.forPath(self.spark, str(table))
        updates = self.spark.read.parquet(str(batch)).where(F.col(OPERATION) == "U").drop(OPERATION)
        differs = " OR ".join(f"updates.{name} <> history.{name}" for name in PAYLOAD)
        changed = (
            updates.alias("updates")
            .join(history.toDF().alias("history"), on=KEY, how="inner")
            .where(f"history.is_current = true AND ({differs})")
            .selectExpr("NULL AS merge_key", "updates.*")
        )
        staged = changed.union(updates.selectExpr(f"{KEY} AS merge_key", "*"))
        differs_staged = " OR ".join(f"staged.{name} <> history.{name}" for name in PAYLOAD)
        (
            history.alias("history")
            .merge(staged.alias("staged"), f"history.{KEY} = merge_key")
            .whenMatchedUpdate(
                condition=f"history.is_current = true AND ({differs_staged})",
                set={"is_current": "false", "end_time": f"staged.{TIME}"},
            )
            .whenNotMatchedInsert(
                values={
                    KEY: f"staged.{KEY}",
                    **SET,
                    "is_current": "true",
                    "effective_time": f"staged.{TIME}",
                    "end_time": "NULL",
                }
            )
            .execute()
        )
        return {}


def system(name: str) -> DocsMerge:
    return DocsMerge(name)
