"""One small Spark session with Delta for all history tests."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.java_gateway import java_import
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history import HistoryResult, apply_batch, read_history
from gluehouse.history.check import check_history
from gluehouse.spec.history import HistorySpec
from gluehouse_local.debug_spark import session
from gluehouse_local.spark_settings import LONG_RUN, SHORT_RUN

sys.path.insert(0, str(Path(__file__).parent))


FLAG = {"column": "op", "values": ["D"], "truncates": ["T"]}
EVENTS = HistorySpec(keys="k", sequence_by="s", deletes=FLAG)
SNAPSHOTS = HistorySpec(keys="k", sequence_by="d", deletes="absence", breaker={"keys": 2})


def make_session(name: str, java_options: str = SHORT_RUN) -> SparkSession:
    """The laptop's session, for tiny data under ever new plans: compiling them costs far more than interpreting."""
    made = session(name, java_options)
    made.conf.set("spark.sql.codegen.wholeStage", "false")
    made.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    made.conf.set("spark.sql.adaptive.enabled", "false")
    made.conf.set("spark.sql.autoBroadcastJoinThreshold", "1000000")
    # PySpark 3.5 names these to the gateway in every call; unless they are imported by name, it looks for each in
    # five packages, through every jar.
    for name in ("sql.functions", "api.python.PythonUtils"):
        java_import(made._jvm, f"org.apache.spark.{name}")
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
    made = make_session("history tests", LONG_RUN)
    yield made
    made.stop()


class Table:
    """A history table under test: applies small batches, reads them back as tuples."""

    def __init__(self, spark: SparkSession, path: str, spec: HistorySpec, payload: list[str] | None = None) -> None:
        self.spark, self.path, self.spec, self.payload, self.count = spark, path, spec, payload, 0

    def apply(self, rows: list[tuple[Any, ...]], schema: str, **how: Any) -> HistoryResult:
        self.count += 1
        batch_id = how.pop("batch_id", f"b{self.count}")
        batch = small_frame(self.spark, rows, schema)
        return apply_batch(self.spark, self.path, batch, self.spec, batch_id, payload=self.payload, **how)

    def events(self, *rows: tuple[Any, ...], **how: Any) -> HistoryResult:
        """(key, value, sequence) is an upsert, (key, op, value, sequence) anything."""
        full = [row if len(row) == 4 else (row[0], "U", *row[1:]) for row in rows]
        return self.apply(full, "k string, op string, v string, s int", **how)

    def snapshot(self, day: int, *rows: tuple[Any, ...], **how: Any) -> HistoryResult:
        return self.apply([(*row, dt.date(2024, 1, day)) for row in rows], "k string, v string, d date", **how)

    def versions(self, *names: str) -> list[tuple[Any, ...]]:
        rows = read_history(self.spark, self.path).orderBy("k", "effective_from").collect()
        broken = check_history(read_history(self.spark, self.path), ["k"], self.surrogate).collect()
        assert broken == []
        return [
            tuple(_plain(row[n]) for n in ("k", *(names or ("v",)), "effective_from", "effective_to")) for row in rows
        ]

    @property
    def surrogate(self) -> str | None:
        return self.spec.surrogate_key.column if self.spec.surrogate_key else None


def _plain(value: Any) -> Any:
    return value.day if isinstance(value, dt.date) else value


@pytest.fixture
def table(spark: SparkSession, tmp_path: Any) -> Callable[..., Table]:
    return lambda spec, payload=None: Table(spark, str(tmp_path / "t"), spec, payload)
