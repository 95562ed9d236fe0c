"""One small Spark session with Delta for all history tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))


def make_session(name: str) -> SparkSession:
    """local[2], two shuffle partitions; Delta's jars from the checkout's cache, else from the default resolver."""
    jars = sorted((ROOT / ".cache/jars/glue-5.1/delta").glob("*.jar"))
    builder = SparkSession.builder.master("local[2]").appName(name)
    if jars:
        builder = builder.config("spark.jars", ",".join(map(str, jars)))
    else:
        builder = builder.config("spark.jars.packages", "io.delta:delta-spark_2.12:3.3.2")
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1500m",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        "spark.sql.session.timeZone": "UTC",
        # Tiny data under ever new plans: compiling them costs far more than interpreting them.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.autoBroadcastJoinThreshold": "1000000",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def small_frame(spark: SparkSession, rows: list[Any], schema: str) -> DataFrame:
    """Rows of a size that Spark knows, made without Python workers; ``createDataFrame`` makes a frame that the engine
    must take for a large one."""
    kind = spark.createDataFrame([], schema).schema
    text = json.dumps([dict(zip(kind.fieldNames(), row, strict=True)) for row in rows], default=_iso)
    one = spark.range(0, 1, 1, 1).select(
        F.explode(F.from_json(F.lit(text), T.ArrayType(kind), {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss"})).alias("r")
    )
    return one.select("r.*")


def _iso(value: Any) -> str:
    return str(value.isoformat())


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = make_session("history tests")
    yield session
    session.stop()
