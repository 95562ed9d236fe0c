"""Memory stays small: what no event can need any more is pruned, and many small files become few.

That what was pruned is never missed, the streams with a horizon show (test_streams.py), which prune at every batch.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from days import COLUMNS, frame, shown, spec, upsert
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.history import apply_batch, compact_memory
from gluehouse.spec.history import HistorySpec


def test_memory_shrinks_to_what_the_horizon_leaves_and_to_few_files(spark: SparkSession, tmp_path: Path) -> None:
    how, path = spec(untracked=["u"]), str(tmp_path / "t")
    for number in range(3):
        days = range(1 + 3 * number, 4 + 3 * number)
        piece = [upsert(key, day, "x", f"u{day}") for key in range(20) for day in days]
        apply_batch(spark, path, frame(spark, piece), how, f"b{number}", payload=COLUMNS)
    memory = spark.read.format("delta").load(path + "__memory")
    assert memory.where("kind = 'event'").count() >= 9 * 20
    found = compact_memory(spark, path, how)
    assert {row["kind"]: row["count"] for row in memory.groupBy("kind").count().collect()} == {
        "event": 5 * 20,
        "state": 20,
        "horizon": 2,
        "pruned": 1,
    }
    assert found.before.files > found.after.files == 4
    assert compact_memory(spark, path, how).after.files == 4


def test_memory_is_compacted_by_itself_when_it_has_many_small_files(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluehouse.history.compaction.FILES", 2)
    how, path = HistorySpec(keys="k", sequence_by="at"), str(tmp_path / "t")
    files = []
    for day in range(1, 6):
        apply_batch(spark, path, frame(spark, [upsert(1, day, "x", "u")]), how, f"b{day}", payload=COLUMNS)
        if day > 1:
            memory = spark.read.format("delta").load(path + "__memory")
            assert memory.count() == day - 1
            files.append(len(memory.inputFiles()))
    assert files == [1, 2, 1, 2]


def test_a_large_memory_is_compacted_when_half_of_it_is_old(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
    monkeypatch.setattr("gluehouse.history.compaction.SMALL_BYTES", -1)
    how, path = spec(untracked=["u"]), str(tmp_path / "t")
    many = spark.range(2000).selectExpr("CAST(id AS int) AS k", "explode(sequence(1, 4)) AS d")
    at = "make_timestamp(2024, 1, d, 0, 0, 0) AS at"
    early = many.selectExpr("k", "'U' AS op", "'x' AS a", "concat('u', d) AS u", at, "d AS s")
    late = [frame(spark, [upsert(key, day, "x", f"u{day}") for key in range(5)]) for day in (10, 12)]
    pruned = []
    for number, batch in enumerate([early, *late]):
        apply_batch(spark, path, batch, how, f"b{number}", payload=COLUMNS)
        pruned.append(oldest(spark, path, "event") >= 8)
    assert pruned == [False, False, True]
    apply_batch(spark, path, frame(spark, [upsert(1, 9, "y", "late")]), how, "four", payload=COLUMNS)
    assert shown(spark, path)[1] == [(1, 9, "x", "u4"), (9, 10, "y", "late"), (10, None, "x", "u12")]


def test_a_lateness_made_longer_does_not_bring_back_what_was_pruned(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    piece = frame(spark, [upsert(1, 10, "x", "u"), upsert(1, 11, "x", "u"), upsert(2, 20, "x", "u")])
    apply_batch(spark, path, piece, spec(), "one", payload=COLUMNS)
    compact_memory(spark, path, spec())
    for number, longer in enumerate([spec(lateness="P30D"), spec(lateness=None)]):
        late = frame(spark, [upsert(1, 15, "y", "u"), upsert(1, 16 + number, "z", "u")])
        result = apply_batch(spark, path, late, longer, f"late {number}", payload=COLUMNS)
        assert [(r["at"].day, r["rule"]) for r in result.rejected.collect()] == [(15, "history.too_late")]


def test_a_repeated_batch_is_judged_by_the_horizon_that_it_met_also_after_pruning(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, how = str(tmp_path / "t"), spec()
    for name, piece in [
        ("one", [upsert(1, 10, "x", "u")]),
        ("two", [upsert(1, 5, "y", "u"), upsert(1, 7, "y", "u")]),
        ("three", [upsert(1, 28, "z", "u")]),
    ]:
        result = apply_batch(spark, path, frame(spark, piece), how, name, payload=COLUMNS)
        assert result.rejected_count == (name == "two")
    compact_memory(spark, path, how)
    was = shown(spark, path)
    again = apply_batch(
        spark, path, frame(spark, [upsert(1, 5, "y", "u"), upsert(1, 7, "y", "u")]), how, "two", payload=COLUMNS
    )
    assert (again.rejected_count, again.why, again.memory_version) == (1, "this batch was applied before", None)
    assert shown(spark, path) == was


def test_rows_of_an_unfinished_batch_survive_compaction_and_are_replaced_when_it_is_run_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    class Dies:
        """Lets memory be written, and nothing after it."""

        checks = 0

        def check(self, min_seconds_left: float = 30.0) -> None:
            self.checks += 1
            if self.checks == 2:
                raise RuntimeError("killed")

    path, how = str(tmp_path / "t"), spec(untracked=["u"])
    first = [upsert(1, 10, "x", "p"), upsert(1, 12, "x", "q")]
    apply_batch(spark, path, frame(spark, first), how, "one", payload=COLUMNS)
    second = frame(spark, [upsert(1, 11, "y", "r"), upsert(1, 14, "y", "s"), upsert(1, 13, "y", "t")])
    with pytest.raises(RuntimeError, match="killed"):
        apply_batch(spark, path, second, how, "two", payload=COLUMNS, lock=Dies())
    memory = spark.read.format("delta").load(path + "__memory")
    left = memory.where("batch_id = 'gluehouse/two'").count()
    assert left > 0
    compact_memory(spark, path, how)
    assert memory.where("batch_id = 'gluehouse/two'").count() == left
    apply_batch(spark, path, second, how, "two", payload=COLUMNS)
    compact_memory(spark, path, how)
    apply_batch(spark, path, frame(spark, [upsert(1, 13, "x", "v")]), how, "three", payload=COLUMNS)
    assert shown(spark, path)[1] == [(10, 11, "x", "p"), (11, 12, "y", "r"), (12, 13, "x", "q"), (13, None, "y", "s")]


def oldest(spark: SparkSession, path: str, kind: str) -> int:
    """The earliest day that memory has a row of this kind for."""
    rows = spark.read.format("delta").load(path + "__memory").where(F.col("kind") == kind)
    found: dt.datetime | None = rows.agg(F.min("at")).collect()[0][0]
    return 31 if found is None else found.day
