"""The engine of this repository, with and without deletion vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.history.data import KEY, OPERATION, TIME
from bench.history.systems.spark import SparkSystem
from bench.history.systems.system import Seed
from gluehouse.history import apply_batch
from gluehouse.spec.history import DeleteFlag, HistorySpec

SPEC = HistorySpec(keys=(KEY,), sequence_by=(TIME,), deletes=DeleteFlag(column=OPERATION, values=("D",)))


class Ours(SparkSystem):
    def create(self, table: Path, seed: Seed) -> None:
        """By the engine itself, from all events in one batch."""
        self.apply(table, seed.events, "seed")

    def upgrade(self, table: Path) -> None:
        """Deletion vectors for a table that was made without, and the commit after that, which counts deleted rows for
        the checksum: once in a table's life, and never for one that was made with vectors."""
        for name in ("delta.enableDeletionVectors", "counted"):
            self.spark.sql(f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES ('{name}' = 'true')")

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        events = self.spark.read.parquet(str(batch))
        found = apply_batch(self.spark, str(table), events, SPEC, batch_id)
        counts = {name: getattr(found, name) for name in ("opened", "closed", "updated", "removed", "remembered")}
        return {"strategy": found.strategy, "why": found.why, **counts}


def system(name: str) -> Ours:
    return Ours(name)
