"""What these tests run on, and what the engine asks of it at no cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import small_frame
from pyspark.sql import SparkSession

from gluehouse.history import apply_batch
from gluehouse.history.delta import DeltaLocation
from gluehouse.spec.history import HistorySpec
from gluehouse_local.setup import pins
from gluehouse_local.setup.profile import profile_of_spark

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def jobs_of(spark: SparkSession, asks: Callable[[], Any]) -> int:
    """How many Spark jobs it takes."""
    context = spark.sparkContext
    context.setJobGroup("counted", "counted")
    before = set(context.statusTracker().getJobIdsForGroup("counted"))
    asks()
    after = set(context.statusTracker().getJobIdsForGroup("counted"))
    context.setJobGroup("tests", "tests")
    return len(after - before)


def test_spark_delta_and_ansi_mode_are_those_of_the_profile(spark: SparkSession, tmp_path: Path) -> None:
    profile = profile_of_spark(spark.version)
    assert profile is not None
    pinned = dict(pin.split("==") for pin in pins.modules(REQUIREMENTS / f"{profile.name}.txt"))
    spark.range(1).write.format("delta").save(str(tmp_path))
    commit = json.loads((tmp_path / "_delta_log/00000000000000000000.json").read_text("utf-8").splitlines()[0])
    engine = f"Apache-Spark/{pinned['pyspark']} Delta-Lake/{pinned['delta-spark']}"
    assert commit["commitInfo"]["engineInfo"] == engine
    assert spark.conf.get("spark.sql.ansi.enabled") == {"glue-5.1": "false", "glue-6.0": "true"}[profile.name]


def test_what_a_small_tables_checksum_says_is_asked_without_a_spark_job(spark: SparkSession, tmp_path: Path) -> None:
    """In Delta's own classes, which no version promises: where one answers otherwise, every batch would cost more."""
    path = str(tmp_path / "t")
    batch = small_frame(spark, [("x", "A", 1), ("x", "B", 2), ("y", "A", 1)], "k string, v string, s int")
    apply_batch(spark, path, batch, HistorySpec(keys="k", sequence_by="s"), "b1")
    table = DeltaLocation(spark, path)
    assert table.version() == 0
    assert table.state().transactions == {"gluehouse/b1": 1}
    assert table.state().size == sum(file.stat().st_size for file in tmp_path.glob("t/is_current=*/*.parquet"))
    assert sorted(table.partition_values("is_current")) == ["false", "true"]
    assert jobs_of(spark, lambda: (table.state(), table.partition_values("is_current"), table.properties())) == 0
    assert jobs_of(spark, lambda: table.read().collect()) == 1
    assert sorted(row["v"] for row in table.read().collect()) == ["A", "A", "B"]
