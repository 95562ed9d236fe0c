"""How a batch is written: the cheapest way that fits, always one commit of the table, and the result says why."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.history import HistoryResult, apply_batch, read_history
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.known import Known
from gluehouse.history.layout import layout_of
from gluehouse.history.ranges import Range
from gluehouse.history.scope import key_range
from gluehouse.history.small import bytes_to_read
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec(keys="k", sequence_by="s", deletes={"column": "op", "values": ["D"]})
MARKING = SPEC.model_copy(update={"deletion_vectors": True})
SCHEMA = "k int, op string, v string, s int"


class Table:
    """A table of ten keys, each with one version from 1 on."""

    def __init__(self, spark: SparkSession, path: str, spec: HistorySpec) -> None:
        self.spark, self.path, self.spec, self.count = spark, path, spec, 0
        self.apply(*[(key, "A", 1) for key in range(10)])

    def apply(self, *rows: tuple[int, str | None, int], schema: str = SCHEMA, **more: Any) -> HistoryResult:
        self.count += 1
        told = [(key, "D" if value is None else "U", value, at) for key, value, at in rows]
        batch = small_frame(self.spark, told, SCHEMA).withColumns(more)
        return apply_batch(self.spark, self.path, batch, self.spec, f"b{self.count}")

    def of(self, *keys: int) -> list[tuple[Any, ...]]:
        rows = read_history(self.spark, self.path).where(F.col("k").isin(*keys)).orderBy("k", "effective_from")
        return [(r["k"], r["v"], r["effective_from"], r["effective_to"]) for r in rows.collect()]

    def log(self) -> list[dict[str, Any]]:
        newest = max(Path(self.path, "_delta_log").glob("*.json"))
        return [json.loads(line) for line in newest.read_text().splitlines()]


def test_few_rows_of_a_table_with_deletion_vectors_are_marked_and_nothing_else_is_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    t = Table(spark, str(tmp_path / "t"), MARKING)
    found = t.apply((1, "B", 5), (2, None, 5))
    assert (found.strategy, found.why) == ("mark", "2 of 10 rows in 1 files go into deletion vectors")
    assert found.version_after == found.version_before + 1  # type: ignore[operator]
    added = [entry["add"] for entry in t.log() if "add" in entry]
    assert [one["deletionVector"]["cardinality"] for one in added if one.get("deletionVector")] == [2]
    assert sum(json.loads(one["stats"])["numRecords"] for one in added if not one.get("deletionVector")) == 3
    told = next(entry["commitInfo"] for entry in t.log() if "commitInfo" in entry)
    assert (told["operation"], told["operationMetrics"]["numTargetRowsUpdated"]) == ("MERGE", "2")
    again = t.apply((3, "B", 5))
    assert again.why == "1 of 8 rows in 1 files go into deletion vectors"
    assert t.of(1, 2, 3) == [(1, "A", 1, 5), (1, "B", 5, None), (2, "A", 1, 5), (3, "A", 1, 5), (3, "B", 5, None)]
    assert read_history(spark, t.path).where("is_current").count() == 9


def test_a_marked_file_of_which_no_row_is_left_leaves_the_table(spark: SparkSession, tmp_path: Path) -> None:
    t = Table(spark, str(tmp_path / "t"), MARKING)
    # The second file has one row, which is a small share of the two files' rows.
    t.apply((10, "A", 1))
    found = t.apply((1, "B", 5), (10, "B", 5))
    assert found.strategy == "mark"
    gone = [entry["remove"]["path"] for entry in t.log() if "remove" in entry]
    kept = [entry["add"]["path"] for entry in t.log() if "add" in entry and entry["add"].get("deletionVector")]
    assert (len(gone), len(kept)) == (2, 1)
    assert t.of(10) == [(10, "A", 1, 5), (10, "B", 5, None)]


def test_files_of_which_much_changes_are_written_anew_and_others_stay(spark: SparkSession, tmp_path: Path) -> None:
    t = Table(spark, str(tmp_path / "t"), MARKING)
    t.apply((10, "A", 1))
    found = t.apply(*[(key, "B", 5) for key in range(5)])
    assert (found.strategy, found.why) == ("rewrite_files", "5 rows in 1 files change")
    assert len([entry for entry in t.log() if "remove" in entry]) == 1
    assert t.of(4, 5) == [(4, "A", 1, 5), (4, "B", 5, None), (5, "A", 1, None)]


def test_without_deletion_vectors_only_touched_files_are_written_anew(spark: SparkSession, tmp_path: Path) -> None:
    t = Table(spark, str(tmp_path / "t"), SPEC)
    t.apply((10, "A", 1))
    found = t.apply((10, "B", 5))
    assert (found.strategy, found.why) == ("rewrite_files", "1 rows in 1 files change")
    assert len([entry for entry in t.log() if "remove" in entry]) == 1
    assert t.of(9, 10) == [(9, "A", 1, None), (10, "A", 1, 5), (10, "B", 5, None)]


@pytest.mark.parametrize("spec", [SPEC, MARKING], ids=["rewriting", "marking"])
def test_a_new_column_comes_with_the_batch_s_one_commit(spark: SparkSession, tmp_path: Path, spec: HistorySpec) -> None:
    t = Table(spark, str(tmp_path / "t"), spec)
    found = t.apply((1, "B", 5), more=F.lit("new"))
    assert found.strategy == ("mark" if spec.deletion_vectors else "rewrite_files")
    assert found.version_after == found.version_before + 1  # type: ignore[operator]
    assert t.of(0, 1) == [(0, "A", 1, None), (1, "A", 1, 5), (1, "B", 5, None)]
    rows = read_history(spark, t.path).where("k < 2").orderBy("k", "effective_from").collect()
    assert [row["more"] for row in rows] == [None, None, "new"]


def test_a_table_that_tells_its_changes_is_written_by_delta_s_own_commands(spark: SparkSession, tmp_path: Path) -> None:
    t = Table(spark, str(tmp_path / "t"), SPEC)
    spark.sql(f"ALTER TABLE delta.`{t.path}` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    found = t.apply((1, "B", 5))
    assert found.strategy == "replace"
    assert t.apply((1, "C", 3), more=F.lit("new")).strategy == "merge"
    assert t.of(1) == [(1, "A", 1, 3), (1, "C", 3, 5), (1, "B", 5, None)]


def test_a_table_gets_deletion_vectors_when_the_pipeline_asks_for_them_later(
    spark: SparkSession, tmp_path: Path
) -> None:
    t = Table(spark, str(tmp_path / "t"), SPEC)
    t.spec = MARKING
    assert t.apply((1, "B", 5)).strategy == "mark"
    assert t.of(0, 1) == [(0, "A", 1, None), (1, "A", 1, 5), (1, "B", 5, None)]


@pytest.mark.parametrize("spec", [SPEC, MARKING], ids=["rewriting", "marking"])
def test_files_of_a_large_batch_are_ranges_of_keys_and_stay_so_when_they_are_written_anew(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: HistorySpec
) -> None:
    monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
    monkeypatch.setattr("gluehouse.history.scope.SMALL_KEYS", -1)
    monkeypatch.setattr("gluehouse.history.clustering.FILE_BYTES", 16 * 1024)
    path = str(tmp_path / "t")

    def apply(keys: str, value: str, at: int) -> HistoryResult:
        rows = spark.range(0, 4000, 1, 1).selectExpr("int(id * 7 % 4000) k").where(keys)
        batch = rows.selectExpr("k", "'U' op", f"concat('{value}', k * 1009) v", f"{at} s").repartition(4)
        return apply_batch(spark, path, batch, spec, f"b{at}")

    def ranges() -> list[tuple[int, int]]:
        current = read_history(spark, path).where("is_current").groupBy("_metadata.file_path")
        found = current.agg(F.min("k").alias("low"), F.max("k").alias("high")).collect()
        return sorted((row["low"], row["high"]) for row in found)

    apply("true", "A", 1)
    first = ranges()
    assert len(first) >= 4
    assert all(before[1] < after[0] for before, after in itertools.pairwise(first))
    low = first[1][0]
    near = apply(f"k BETWEEN {low} AND {low + 3}", "B", 2)
    assert "in 1 files" in near.why
    every = apply("k % 50 = 0", "C", 3)
    assert every.strategy == ("mark" if spec.deletion_vectors else "rewrite_files")
    # Each first file is still there, less what left it at its ends.
    now = ranges()
    assert all(any(low <= one[0] < low + 50 and high - 50 < one[1] <= high for one in now) for low, high in first)


@pytest.fixture
def wide(spark: SparkSession, tmp_path: Path) -> DeltaLocation:
    """A table of files that each hold other keys, and others that each hold versions that closed at another time."""
    path = str(tmp_path / "wide")
    current = spark.range(0, 40, 1, 1).selectExpr("int(id) k", "'A' v", "100 effective_from", "int(null) effective_to")
    closed = spark.range(0, 40, 1, 1).selectExpr("int(id) k", "'0' v", "int(id) effective_from", "int(id) + 1")
    rows = current.union(closed).selectExpr("*", "effective_to IS NULL is_current", "'b' batch_id", "now() loaded_at")
    for low in range(0, 40, 10):
        part = rows.where(f"k >= {low} AND k < {low + 10}").coalesce(1)
        part.write.format("delta").mode("append").partitionBy("is_current").save(path)
    return DeltaLocation(spark, path)


@pytest.mark.parametrize("chosen_by", ["the checksum", "Delta"])
def test_versions_that_closed_before_a_batch_and_files_without_its_keys_are_not_read(
    spark: SparkSession, wide: DeltaLocation, chosen_by: str
) -> None:
    spec = HistorySpec(keys="k", sequence_by="s")
    visible = spark.read.format("delta").load(wide.path)
    layout = layout_of(spec, small_frame(spark, [], "k int, v string, s int").schema, visible.schema)
    within = wide.read if chosen_by == "the checksum" else None
    known = Known(spark, layout, visible, None, frozenset(), small=False, within=within)
    touched = spark.range(12, 14).selectExpr("struct(int(id) AS k) AS key")
    everything = known.old_of(touched, few=True, ranges=[], hold=False)
    keys = key_range(layout, 12, 13)
    assert keys is not None
    late = Range("effective_to", layout.at, low=50, or_null=True)
    narrow = known.old_of(touched, few=True, ranges=[keys, late], hold=False)
    assert everything is not None
    assert narrow is not None
    assert len(everything.inputFiles()) == 8
    assert len(narrow.inputFiles()) == 1
    assert sorted(row["key"]["k"] for row in narrow.collect()) == [12, 13]


def test_versions_that_are_open_at_a_late_event_are_read_wherever_they_lie(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", 0)
    t = Table(spark, str(tmp_path / "t"), MARKING)
    t.apply((1, "B", 10), (2, "B", 10), (3, None, 10))
    t.apply((1, "C", 20), (2, "C", 20), (3, "C", 20))
    t.apply((1, "late", 15), (2, None, 10), (3, "late", 10), (3, "B", 12))
    assert t.of(1) == [(1, "A", 1, 10), (1, "B", 10, 15), (1, "late", 15, 20), (1, "C", 20, None)]
    assert t.of(2) == [(2, "A", 1, 10), (2, "C", 20, None)]
    assert t.of(3) == [(3, "A", 1, 10), (3, "B", 12, 20), (3, "C", 20, None)]


@pytest.mark.parametrize("order", [["d"], ["d", "s"]], ids=["a date", "a struct"])
def test_a_small_batch_into_a_large_table_tells_its_earliest_time_whatever_the_type(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: list[str]
) -> None:
    spec, path = HistorySpec(keys="k", sequence_by=order), str(tmp_path / "t")
    for day, value in ((3, "A"), (9, "C"), (5, "B")):
        batch = small_frame(spark, [(1, value, day)], "k int, v string, s int")
        batch = batch.withColumn("d", F.date_add(F.lit("2024-01-01"), F.col("s")))
        # The batch is small, and the table with it is not.
        monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", bytes_to_read(batch))
        apply_batch(spark, path, batch, spec, value, payload=["v"])
    rows = read_history(spark, path).orderBy("effective_from").collect()
    assert [row["v"] for row in rows] == ["A", "B", "C"]
    assert [row["effective_to"] for row in rows] == [rows[1]["effective_from"], rows[2]["effective_from"], None]
