"""A change set that is not what was planned is not committed: rows lost or doubled, intervals that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import EVENTS, SNAPSHOTS, Table, small_frame
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import QualityError
from gluehouse.history import FileLock, Target, apply_batch, apply_changes, plan, read_history
from gluehouse.history.computed import changing
from gluehouse.history.file_commit import FileCommit
from gluehouse.history.reconcile import broken
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec.model_validate({"keys": "k", "sequence_by": "s"})
SCHEMA = "k string, v string, s int"
FIRST = [("x", "A", 1), ("y", "A", 1)]
NEXT = [("x", "B", 5), ("x", "C", 7), ("z", "A", 5)]


def till(value: int | None) -> Callable[[DataFrame], DataFrame]:
    """A breakage: each inserted row of x ends there."""

    def breaks(rows: DataFrame) -> DataFrame:
        ends = F.col("row").withField("till", F.lit(value).cast("int"))
        of_x = F.when((F.col("action") == "insert") & (F.col("key.k") == "x"), ends)
        return rows.withColumn("row", F.coalesce(of_x, F.col("row")))

    return breaks


@pytest.mark.parametrize(
    ("breakage", "told"),
    [
        (till(3), "a version does not end after its start"),
        (till(9), "two versions of a key overlap"),
        (till(None), "a key gets, or had, several current versions"),
        (lambda rows: rows.withColumn("key", F.col("key").withField("k", F.lit(None).cast("string"))), "no key"),
    ],
    ids=["inversion", "overlap", "double current", "null key"],
)
def test_a_change_set_that_breaks_an_invariant_is_refused_and_nothing_is_visible_or_remembered(
    spark: SparkSession, tmp_path: Path, breakage: Callable[[DataFrame], DataFrame], told: str
) -> None:
    path = str(tmp_path / "t")
    apply_batch(spark, path, small_frame(spark, FIRST, SCHEMA), SPEC, "first")
    before = read_history(spark, path).collect(), sorted((tmp_path / "t/_delta_log").glob("*.json"))
    with FileLock(tmp_path / "lock") as lock:
        target = Target(spark, path, "second", lock, reconcile=True)
        changes = plan(target.current(), small_frame(spark, NEXT, SCHEMA), SPEC)
        assert changes.rows is not None
        changes.rows = breakage(changes.rows)
        with pytest.raises(QualityError, match="GH3002") as refused:
            apply_changes(target, changes)
    assert told in refused.value.message
    assert (read_history(spark, path).collect(), sorted((tmp_path / "t/_delta_log").glob("*.json"))) == before


@pytest.mark.parametrize(("times", "planned"), [(0, 2), (2, 4)])
def test_a_row_of_the_batch_that_does_not_reach_the_plan_once_is_refused(
    spark: SparkSession, tmp_path: Path, times: int, planned: int
) -> None:
    path = str(tmp_path / "t")
    apply_batch(spark, path, small_frame(spark, FIRST, SCHEMA), SPEC, "first")
    with FileLock(tmp_path / "lock") as lock:
        target = Target(spark, path, "second", lock, reconcile=True)
        changes = plan(target.current(), small_frame(spark, [*NEXT, (None, "A", 5)], SCHEMA), SPEC)
        assert changes.rows is not None
        of_z = F.when(F.col("key.k") == "z", F.lit(times).cast("long")).otherwise(F.col("arrived"))
        changes.rows = changes.rows.withColumn("arrived", of_z)
        if not times:
            changes.rows = changes.rows.where("key.k != 'z'")
        with pytest.raises(QualityError, match="GH3002") as refused:
            apply_changes(target, changes)
    told = f"of 4 rows 1 were set aside, but of the 3 upserts left the change set was planned from {planned}."
    assert told in refused.value.message
    assert {row.k for row in read_history(spark, path).collect()} == {"x", "y"}


def test_a_row_that_is_lost_after_it_was_counted_is_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluehouse.history import apply

    computed = apply._computed

    def lossy(*given: Any) -> tuple[DataFrame, dict[str, int]]:
        rows, counts = computed(*given)
        return rows.limit(1), counts

    monkeypatch.setattr(apply, "_computed", lossy)
    with pytest.raises(QualityError, match="missing or doubled"):
        apply_batch(spark, str(tmp_path / "t"), small_frame(spark, NEXT, SCHEMA), SPEC, "b", reconcile=True)
    assert not (tmp_path / "t/_delta_log").exists()


@pytest.mark.parametrize("second", [[], NEXT])
def test_files_with_more_rows_than_the_change_set_are_not_committed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: list[Any]
) -> None:
    path = str(tmp_path / "t")
    if second:
        apply_batch(spark, path, small_frame(spark, FIRST, SCHEMA), SPEC, "first")
    add = FileCommit.add
    monkeypatch.setattr(FileCommit, "add", lambda self, rows: add(self, rows.unionByName(rows)))
    with pytest.raises(QualityError, match="GH3002"):
        apply_batch(spark, path, small_frame(spark, second or FIRST, SCHEMA), SPEC, "second")
    if second:
        assert read_history(spark, path).count() == len(FIRST)


def test_what_the_engine_plans_is_never_refused(table: Callable[..., Table]) -> None:
    events = table(EVENTS)
    events.events(("a", "A", 1), ("a", "B", 5), ("b", "A", 2), reconcile=True)
    events.events(("a", "D", None, 9), ("a", "A", 3), ("b", "B", 1), ("c", "A", 1), reconcile=True)
    events.events(("a", "C", 12), ("a", "A", 4), ("c", "D", None, 1), reconcile=True)
    events.events((None, "T", None, 20), reconcile=True)
    assert events.versions() == [
        ("a", "A", 1, 5), ("a", "B", 5, 9), ("a", "C", 12, 20), ("b", "B", 1, 2), ("b", "A", 2, 20),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [0, 1])
def test_tables_of_one_row_a_key_are_never_refused(table: Callable[..., Table], kind: int) -> None:
    found = table(EVENTS.model_copy(update={"type": kind}))
    found.events(("a", "A", 5), ("b", "A", 2), reconcile=True)
    found.events(("a", "B", 1), ("a", "C", 9), ("b", "D", None, 9), reconcile=True)
    assert [row[0] for row in found.versions()] == ["a"]


def test_snapshots_are_never_refused(table: Callable[..., Table]) -> None:
    found = table(SNAPSHOTS)
    found.snapshot(1, ("a", "A"), ("b", "A"), reconcile=True)
    found.snapshot(5, ("a", "B"), ("b", "A"), ("c", "A"), reconcile=True)
    found.snapshot(3, ("a", "A"), ("c", "B"), reconcile=True)
    assert found.versions() == [("a", "A", 1, 5), ("a", "B", 5, None), ("b", "A", 1, 3), ("b", "A", 5, None),
                                ("c", "B", 3, 5), ("c", "A", 5, None)]  # fmt: skip


def test_a_change_set_without_a_version_breaks_nothing(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    apply_batch(spark, path, small_frame(spark, FIRST, SCHEMA), SPEC, "first")
    with FileLock(tmp_path / "lock") as lock:
        target = Target(spark, path, "second", lock, reconcile=True)
        changes = plan(target.current(), small_frame(spark, [("x", "A", 4)], SCHEMA), SPEC)
        assert changes.rows is not None
        assert set(broken(changing(changes.rows), changes.layout).collect()[0].asDict().values()) == {0}
        assert apply_changes(target, changes).unchanged == 1
