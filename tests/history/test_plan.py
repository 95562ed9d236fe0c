"""Planning and applying as two calls: a plan writes nothing, and says beforehand what applying it will do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from pyspark.sql import SparkSession

from gluehouse.errors import TableLockLost
from gluehouse.history import Current, FileLock, Target, apply_batch, apply_changes, plan, read_history
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec(keys="k", sequence_by="s", surrogate_key={"kind": "bigint", "column": "sk"})
SCHEMA = "k string, v string, s int"


def test_a_plan_says_what_changes_and_writes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    apply_batch(spark, path, small_frame(spark, [("x", "A", 1), ("y", "A", 1)], SCHEMA), SPEC, "first")
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    batch = small_frame(spark, [("x", "B", 5), ("z", "A", 5)], SCHEMA)
    changes = plan(Current(read_history(spark, path)), batch, SPEC)
    told = {
        (r["k"], r["effective_from"]): (r["action"], r["v"], r["effective_to"]) for r in changes.versions().collect()
    }
    assert told == {("x", 1): ("update", "A", 5), ("x", 5): ("insert", "B", None), ("z", 5): ("insert", "A", None)}
    changes.close()
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before


def test_a_plan_for_a_table_that_is_not_there_inserts_everything(spark: SparkSession) -> None:
    changes = plan(Current(), small_frame(spark, [("x", "A", 1), ("x", "B", 2)], SCHEMA), SPEC)
    assert sorted((r["action"], r["v"], r["effective_to"]) for r in changes.versions().collect()) == [
        ("insert", "A", 2),
        ("insert", "B", None),
    ]


def test_applying_a_plan_does_what_it_said(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for name, rows in (("first", [("x", "A", 1)]), ("second", [("x", "B", 5)])):
        with FileLock(tmp_path / "lock") as lock:
            target = Target(spark, path, name, lock)
            found = apply_changes(target, plan(target.current(), small_frame(spark, rows, SCHEMA), SPEC))
    assert (found.opened, found.closed) == (1, 1)
    assert _rows(spark, path) == [("x", "A", 1, 5), ("x", "B", 5, None)]


def test_a_plan_that_another_batch_has_overtaken_is_not_applied(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    apply_batch(spark, path, small_frame(spark, [("x", "A", 1)], SCHEMA), SPEC, "first")
    with FileLock(tmp_path / "lock") as lock:
        target = Target(spark, path, "second", lock)
        changes = plan(target.current(), small_frame(spark, [("x", "B", 5)], SCHEMA), SPEC)
        apply_batch(spark, path, small_frame(spark, [("x", "C", 3)], SCHEMA), SPEC, "between")
        with pytest.raises(TableLockLost, match="planned against version 0"):
            apply_changes(target, changes)
    assert _rows(spark, path) == [("x", "A", 1, 3), ("x", "C", 3, None)]


def _rows(spark: SparkSession, path: str) -> list[tuple[Any, ...]]:
    found = read_history(spark, path).orderBy("k", "effective_from").collect()
    return [(r["k"], r["v"], r["effective_from"], r["effective_to"]) for r in found]
