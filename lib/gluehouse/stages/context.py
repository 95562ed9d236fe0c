"""What a stage is given: the session, the plan, the compiled pipeline, and the ports to what lies outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretBytes
from pyspark.sql import DataFrame, SparkSession

from gluehouse.errors import ConfigError
from gluehouse.history import LockPort
from gluehouse.quality.service import Service
from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Manifest
from gluehouse.spec.metrics import RunMetrics
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import ObjectRef, RunPlan
from gluehouse.spec.target import WarehouseTarget
from gluehouse.targets.session import Warehouse


class Catalog(Protocol):
    """Where published tables are made known to query engines."""

    def register(self, table: str, location: str, frame: DataFrame, tags: Mapping[str, str]) -> None:
        """Create or update ``table`` (database.table) with ``frame``'s columns; doing it twice changes nothing."""


class Metrics(Protocol):
    """Where the metrics of a pipeline's runs are remembered. Doing a thing twice leaves what once left."""

    def keep(self, run: RunMetrics) -> None:
        """Remember what a run measured, whatever became of it."""

    def mark_published(self, run: RunMetrics) -> None:
        """Remember that all targets of a run were published; its ``values`` are not looked at."""

    def earlier(self, before: datetime, last: int) -> list[RunMetrics]:
        """Up to ``last`` published runs planned before a time, oldest first."""


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may touch. ``lock_for`` answers the run's lock of a table it writes;
    ``look_up`` answers a delivered object as it is now (None: gone), where it can change under the run;
    ``sql`` is the text of the plan's SQL file; ``dpus`` is what the job run was given, for the cost estimate;
    ``metrics`` remembers what runs measured (None: nothing is remembered); ``salt`` reads the secret of hashes and
    tokens, and is called only where a contract has some; ``verdict`` answers the manifest of the
    run's stage 3 (None: there is none, where a stage is debugged alone); ``data_quality`` evaluates rules by Glue Data
    Quality, where the pipeline asks for it; ``warehouses`` answers how the warehouse of a target is reached."""

    spark: SparkSession
    plan: RunPlan
    pipeline: CompiledPipeline
    environment: Environment
    lock_for: Callable[[str], LockPort]
    catalog: Catalog | None = None
    look_up: Callable[[str], ObjectRef | None] | None = None
    sql: str | None = None
    dpus: float = 1.0
    metrics: Metrics | None = None
    salt: Callable[[], SecretBytes] | None = None
    verdict: Callable[[], Manifest | None] | None = None
    data_quality: Service | None = None
    warehouses: Callable[[WarehouseTarget], Warehouse] | None = None

    def table_location(self, table: str) -> str:
        return self.environment.table_uri(*table.split("."))

    def warehouse_of(self, target: WarehouseTarget) -> Warehouse:
        """Raises ConfigError GH1112 where the stage was given no way to reach one, and GH1110 and GH1111 where the
        target's secret or the driver is at fault."""
        if self.warehouses is None:
            raise ConfigError(
                "GH1112", f"{target.name} is to be written, but nothing here reaches a warehouse.", "Run the Glue job."
            )
        return self.warehouses(target)
