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

from gluehouse_local.debug_spark import session

sys.path.insert(0, str(Path(__file__).parent))


def make_session(name: str) -> SparkSession:
    """The laptop's session, for tiny data under ever new plans: compiling them costs far more than interpreting."""
    made = session(name)
    made.conf.set("spark.sql.codegen.wholeStage", "false")
    made.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    made.conf.set("spark.sql.adaptive.enabled", "false")
    made.conf.set("spark.sql.autoBroadcastJoinThreshold", "1000000")
    return made


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
    made = make_session("history tests")
    yield made
    made.stop()
