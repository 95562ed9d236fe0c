"""The one Spark session that all Spark systems get: the same settings, jars and memory for each."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from bench.history.data import KEY, PAYLOAD
from bench.history.systems.system import Seed, System

ROOT = Path(__file__).parents[3]
JARS = ROOT / ".cache/jars/glue-5.1/delta"
SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "4g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Java's own defaults otherwise (G1, both compilers): a Glue run has them too.
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
# A data file of a peer's table has so many rows, whatever the table's size.
ROWS_A_FILE = 190_000


def make(name: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    java = ROOT / ".cache/java.json"
    if java.exists():
        os.environ["JAVA_HOME"] = json.loads(java.read_text("utf-8"))["home"]
    builder = SparkSession.builder.appName(f"bench {name}")
    builder = builder.config("spark.jars", ",".join(str(jar) for jar in sorted(JARS.glob("*.jar"))))
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


class SparkSystem(System):
    """A system in a Spark session."""

    spark: SparkSession
    metrics: StageMetrics

    def start(self) -> None:
        self.spark = make(self.name)
        self.metrics = StageMetrics(self.spark)

    def observe(self) -> dict[str, Any]:
        return self.metrics.since()


def create_plain(spark: SparkSession, table: Path, seed: Seed) -> None:
    """The layout of mack's README and Delta's documentation: ``is_current``, ``effective_time``, ``end_time``."""
    versions = spark.read.parquet(str(seed.versions)).select(
        KEY,
        *PAYLOAD,
        F.col("effective_to").isNull().alias("is_current"),
        F.col("effective_from").alias("effective_time"),
        F.col("effective_to").alias("end_time"),
    )
    write_sorted(versions, table)


def write_sorted(versions: DataFrame, table: Path) -> None:
    """A peer's table, sorted by key, in files of ``ROWS_A_FILE``: as good a layout as it can have."""
    files = max(1, round(versions.count() / ROWS_A_FILE))
    versions.repartitionByRange(files, KEY).sortWithinPartitions(KEY).write.format("delta").save(str(table))


class StageMetrics:
    """What Spark counted since it was asked last: it keeps these also without its web page."""

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        self.context = context._jsc.sc()
        gateway: Any = context._gateway
        self.no_quantiles = gateway.new_array(gateway.jvm.double, 0)
        self.seen: set[tuple[int, int]] = set()
        self.jobs = 0

    def since(self) -> dict[str, Any]:
        bus = self.context.listenerBus()
        bus.waitUntilEmpty()
        store = self.context.statusStore()
        jobs = int(store.jobsList(None).size())
        found = {"jobs": jobs - self.jobs, "stages": 0, "tasks": 0, "input_bytes": 0, "shuffle_bytes": 0,
                 "output_bytes": 0, "executor_cpu_seconds": 0.0}  # fmt: skip
        self.jobs = jobs
        stages = store.stageList(None, False, False, self.no_quantiles, None)
        for at in range(int(stages.size())):
            stage = stages.apply(at)
            place = (int(stage.stageId()), int(stage.attemptId()))
            if place in self.seen or str(stage.status()) not in ("COMPLETE", "FAILED"):
                continue
            self.seen.add(place)
            found["stages"] += 1
            found["tasks"] += int(stage.numCompleteTasks())
            found["input_bytes"] += int(stage.inputBytes())
            found["shuffle_bytes"] += int(stage.shuffleWriteBytes())
            found["output_bytes"] += int(stage.outputBytes())
            found["executor_cpu_seconds"] += int(stage.executorCpuTime()) / 1e9
        found["executor_cpu_seconds"] = round(found["executor_cpu_seconds"], 2)
        return found
