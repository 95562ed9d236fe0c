"""The engine of this repository, with and without deletion vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.history.systems import spark as sessions
from bench.history.systems.system import Seed
from gluehouse.history import apply_batch
from gluehouse.spec.history import DeleteFlag, HistorySpec

SPEC = HistorySpec(keys=("id",), sequence_by=("updated_at",), deletes=DeleteFlag(column="op", values=("D",)))
VECTORS = "spark.databricks.delta.properties.defaults.enableDeletionVectors"


class Ours:
    columns = ("effective_from", "effective_to")
    table_format = "delta"

    def __init__(self, name: str) -> None:
        self.name = name
        self.vectors = name == "ours_dv"
        self.title = "ours, deletion vectors" if self.vectors else "ours"

    def start(self) -> None:
        self.spark = sessions.make(self.name)
        self.metrics = sessions.StageMetrics(self.spark)

    def create(self, table: Path, seed: Seed) -> None:
        self.spark.conf.set(VECTORS, str(self.vectors).lower())
        try:
            self.apply(table, seed.events, "seed")
        finally:
            self.spark.conf.unset(VECTORS)

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        events = self.spark.read.parquet(str(batch))
        found = apply_batch(self.spark, str(table), events, SPEC, batch_id)
        return {
            "strategy": found.strategy,
            "why": found.why,
            "opened": found.opened,
            "closed": found.closed,
            "remembered": found.remembered,
        }

    def observe(self) -> dict[str, Any]:
        return self.metrics.since()


def system(name: str) -> Ours:
    return Ours(name)
