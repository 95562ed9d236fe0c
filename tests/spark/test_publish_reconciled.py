"""What Publish is about to commit is what the gate judged, or nothing of it becomes visible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import QualityError
from gluehouse.history import FileLock, LockPort
from gluehouse.quality.reconcile import sum_of
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.target import DeltaTarget
from gluehouse.targets.delivery import Delivery
from gluehouse.targets.delta import Published, publish_history, publish_plain
from gluehouse.targets.reconcile import Judged

SCHEMA = "k string, n bigint, day string"
FIRST = [("a", 1, "x"), ("b", 2, "y"), ("c", None, "x")]
HISTORY = HistorySpec.model_validate({"keys": "k", "sequence_by": "n"})


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[LockPort]:
    with FileLock(tmp_path / "lock") as held:
        yield held


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "t")


def target(**fields: Any) -> DeltaTarget:
    return DeltaTarget.model_validate({"target": "delta", "table": "curated.t", **fields})


def frame(spark: SparkSession, rows: list[tuple[Any, ...]] = FIRST) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA).coalesce(1)


def delivery(batch: str) -> Delivery:
    return Delivery("curated.t", batch, datetime(2024, 1, 1, tzinfo=UTC))


def judged(rows: int, total: float | None = None) -> Judged:
    return Judged(rows) if total is None else Judged(rows, {"n": total}, {"n": sum_of("n", "bigint")})


def rows_of(spark: SparkSession, location: str) -> list[tuple[Any, ...]]:
    return sorted((row.k, row.n, row.day) for row in spark.read.format("delta").load(location).collect())


def log_of(spark: SparkSession, location: str) -> list[tuple[str, str]]:
    told = spark.sql(f"DESCRIBE HISTORY delta.`{location}`").orderBy("version").collect()
    return [(row["operation"], row["operationParameters"].get("mode", "")) for row in told]


def publish(spark: SparkSession, location: str, lock: LockPort, batch: str, *how: Any, **fields: Any) -> Published:
    rows, verdict = how if len(how) == 2 else (FIRST, how[0])
    return publish_plain(spark, target(**fields), location, frame(spark, rows), delivery(batch), lock, verdict)


@pytest.mark.parametrize("partition_by", [[], ["day"], ["day", "k"]])
def test_a_plain_table_is_made_replaced_and_extended_with_what_was_judged(
    spark: SparkSession, location: str, lock: LockPort, partition_by: list[str]
) -> None:
    first = publish(spark, location, lock, "b1", judged(3, 3), partition_by=partition_by)
    assert (first.report.version_before, first.report.version_after) == (None, 0)
    assert rows_of(spark, location) == sorted(FIRST)
    more = [("d", 5, "x")]
    publish(spark, location, lock, "b2", more, judged(1, 5), partition_by=partition_by, mode="append")
    assert rows_of(spark, location) == sorted([*FIRST, *more])
    publish(spark, location, lock, "b3", more, judged(1, 5), partition_by=partition_by)
    assert rows_of(spark, location) == more
    assert log_of(spark, location) == [("WRITE", "Overwrite"), ("WRITE", "Append"), ("WRITE", "Overwrite")]


def test_a_batch_that_the_table_has_changes_nothing(spark: SparkSession, location: str, lock: LockPort) -> None:
    publish(spark, location, lock, "b1", judged(3))
    publish(spark, location, lock, "b2", [("z", 9, "q")], judged(1), mode="append")
    again = publish(spark, location, lock, "b1", judged(3))
    assert (again.report.version_before, again.report.version_after) == (1, 1)
    assert len(rows_of(spark, location)) == 4


@pytest.mark.parametrize(
    ("verdict", "told"),
    [((4,), "found 3 rows"), ((2,), "found 3 rows"), ((3, 4), "found 3 for sum(n), expected 4")],
)
def test_a_plain_table_that_would_differ_from_what_was_judged_is_not_made(
    spark: SparkSession, location: str, lock: LockPort, verdict: tuple[int, ...], told: str
) -> None:
    with pytest.raises(QualityError, match="GH3002") as refused:
        publish(spark, location, lock, "b1", judged(*verdict))
    assert told in refused.value.message
    assert not (Path(location) / "_delta_log").exists()


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_difference_is_never_visible_to_readers_of_a_plain_table(
    spark: SparkSession, location: str, lock: LockPort, mode: str
) -> None:
    publish(spark, location, lock, "b1", judged(3, 3))
    with pytest.raises(QualityError, match="GH3002"):
        publish(spark, location, lock, "b2", [("z", 9, "q")], judged(2), mode=mode)
    with pytest.raises(QualityError, match="GH3002"):
        publish(spark, location, lock, "b2", [("z", 9, "q")], judged(1, 8), mode=mode)
    assert len(log_of(spark, location)) == 1
    assert rows_of(spark, location) == sorted(FIRST)
    publish(spark, location, lock, "b2", [("z", 9, "q")], judged(1, 9), mode=mode)
    assert ("z", 9, "q") in rows_of(spark, location), "the batch can be published once it is right"


def test_a_batch_without_a_row_empties_a_table_that_is_replaced_if_that_was_judged(
    spark: SparkSession, location: str, lock: LockPort
) -> None:
    publish(spark, location, lock, "b1", judged(3))
    publish(spark, location, lock, "b2", [], judged(0, 0))
    assert rows_of(spark, location) == []


def test_a_table_with_features_of_its_own_is_written_by_delta_and_checked_beforehand(
    spark: SparkSession, location: str, lock: LockPort
) -> None:
    publish(spark, location, lock, "b1", judged(3))
    spark.sql(f"ALTER TABLE delta.`{location}` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    with pytest.raises(QualityError, match="GH3002"):
        publish(spark, location, lock, "b2", [("z", 9, "q")], judged(2), mode="append")
    assert rows_of(spark, location) == sorted(FIRST)
    publish(spark, location, lock, "b2", [("z", 9, "q")], judged(1, 9), mode="append")
    assert len(rows_of(spark, location)) == 4


def test_other_columns_replace_the_tables_columns(spark: SparkSession, location: str, lock: LockPort) -> None:
    publish(spark, location, lock, "b1", judged(3))
    other = spark.createDataFrame([(1.5, "a")], "m double, k string")
    publish_plain(spark, target(), location, other, delivery("b2"), lock, Judged(1))
    assert [tuple(row) for row in spark.read.format("delta").load(location).collect()] == [(1.5, "a")]


def test_a_history_takes_what_was_judged_and_nothing_else(spark: SparkSession, location: str, lock: LockPort) -> None:
    batch = frame(spark, [("a", 1, "x"), ("b", 2, "y")])
    for verdict in (judged(3), judged(2, 4)):
        with pytest.raises(QualityError, match="GH3002"):
            publish_history(spark, target(), location, batch, HISTORY, "b1", None, lock, judged=verdict)
        assert not Path(location).exists()
    done = publish_history(spark, target(), location, batch, HISTORY, "b1", None, lock, judged=judged(2, 3))
    assert done.report.opened == 2


def test_a_sum_of_integers_does_not_overflow_without_a_word(spark: SparkSession) -> None:
    big = spark.createDataFrame([(2**63 - 1,), (2**63 - 1,)], "n bigint").agg(sum_of("n", "bigint").alias("s"))
    assert big.collect()[0]["s"] == pytest.approx(2.0**64)
    none = spark.createDataFrame([], "n decimal(5,2)").agg(sum_of("n", "decimal(5,2)").alias("s"))
    assert none.select(F.col("s")).collect()[0]["s"] == 0
