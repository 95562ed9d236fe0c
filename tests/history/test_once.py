"""A batch counts once: killed at its worst moment and run again, or met by a second writer."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import TableLockHeld, TableLockLost
from gluehouse.history import FileLock, apply_batch, read_history
from gluehouse.history.delta import DeltaLocation
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec(keys="k", sequence_by="s", untracked=["u"])
SCHEMA = "k string, v string, u string, s int"
FIRST = [("x", "A", "1", 1), ("y", "A", "1", 1)]
SECOND = [("x", "A", "2", 5), ("y", "B", "2", 5)]
THIRD = [("x", "B", "3", 3), ("y", "B", "3", 3)]

CHILD = textwrap.dedent(
    """
    import os, signal, sys
    sys.path[:0] = [sys.argv[2], sys.argv[3]]
    from conftest import make_session, small_frame
    from test_once import FIRST, SECOND, SCHEMA, SPEC
    from gluehouse.history import apply_batch

    class Killer:
        def __init__(self, fatal):
            self.checks, self.fatal = 0, fatal
        def check(self, min_seconds_left=30.0):
            self.checks += 1
            if self.checks == self.fatal:
                os.killpg(0, signal.SIGKILL)

    spark = make_session("killed")
    apply = lambda rows, name, lock: apply_batch(
        spark, sys.argv[1], small_frame(spark, rows, SCHEMA), SPEC, name, lock=lock)
    apply(FIRST, "first", Killer(0))
    apply(SECOND, "second", Killer(2))
    print("survived")
    """
)


def test_a_batch_killed_between_memory_and_table_counts_once_when_it_is_run_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, here = str(tmp_path / "t"), Path(__file__).parent
    lib = here.parents[1] / "lib"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, path, str(lib), str(here)],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(lib)},
    )
    assert child.returncode == -9, child.stderr[-2000:]
    assert _rows(spark, path) == [("x", "A", "1", 1, None), ("y", "A", "1", 1, None)]
    left = spark.read.format("delta").load(path + "__memory").where("batch_id = 'gluehouse/second'").count()
    assert left > 0, "it was killed after memory was written"
    _apply(spark, path, THIRD, "third")
    assert _rows(spark, path) == [
        ("x", "A", "1", 1, 3),
        ("x", "B", "3", 3, None),
        ("y", "A", "1", 1, 3),
        ("y", "B", "3", 3, None),
    ]
    _apply(spark, path, SECOND, "second")
    _apply(spark, path, SECOND, "second")
    assert _rows(spark, path) == [
        ("x", "A", "1", 1, 3),
        ("x", "B", "3", 3, 5),
        ("x", "A", "2", 5, None),
        ("y", "A", "1", 1, 3),
        ("y", "B", "2", 3, None),
    ]


def test_nothing_is_committed_under_a_lost_lock(spark: SparkSession, tmp_path: Path) -> None:
    class Lost:
        def check(self, min_seconds_left: float = 30.0) -> None:
            raise TableLockLost("GH6002", "stolen.")

    with pytest.raises(TableLockLost):
        _apply(spark, str(tmp_path / "t"), FIRST, "first", lock=Lost())
    assert DeltaLocation(spark, str(tmp_path / "t")).version() is None


def test_a_batch_planned_against_a_table_that_another_writer_has_changed_since_is_not_committed(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "t")
    _apply(spark, path, FIRST, "first")

    class Careless:
        """It says yes, but lets someone in before the table's commit."""

        checks = 0

        def check(self, min_seconds_left: float = 30.0) -> None:
            self.checks += 1
            if self.checks == 2:
                other = read_history(spark, path).limit(1).withColumn("k", F.lit("z"))
                other.write.format("delta").mode("append").save(path)

    with pytest.raises(TableLockLost, match="another writer committed before this batch could"):
        _apply(spark, path, SECOND, "second", lock=Careless())
    assert [row[:3] for row in _rows(spark, path)] == [("x", "A", "1"), ("y", "A", "1"), ("z", "A", "1")]


class LostBeforeTheTable:
    """A lock that is gone when the table is to be written, after memory was."""

    checks = 0

    def check(self, min_seconds_left: float = 30.0) -> None:
        self.checks += 1
        if self.checks == 2:
            raise TableLockLost("GH6002", "stolen.")


@pytest.mark.parametrize("name", ['it\'s a "batch" \\', "a/table/b", "ä -> b"])
def test_what_an_unfinished_batch_left_in_memory_does_not_count_whatever_its_name(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    path, confirms = str(tmp_path / "t"), [("x", "A", "1", 2), ("x", "B", "1", 3)]
    _apply(spark, path, FIRST, "first")
    for _ in range(2):
        with pytest.raises(TableLockLost):
            _apply(spark, path, confirms, name, lock=LostBeforeTheTable())
    # Another application's batch of the same name, which contradicts it.
    other = _apply(spark, path, [("x", "C", "1", 2), ("x", "C", "2", 4)], name, app="other")
    assert other.rejected_count == 0
    _apply(spark, path, [("x", "B", "1", 3)], name)
    assert _rows(spark, path) == [
        ("x", "A", "1", 1, 2),
        ("x", "C", "1", 2, 3),
        ("x", "B", "1", 3, 4),
        ("x", "C", "2", 4, None),
        ("y", "A", "1", 1, None),
    ]


def test_a_second_writer_of_the_same_path_is_refused(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l") as lock:
        lock.check()
        with pytest.raises(TableLockHeld), FileLock(tmp_path / "l"):
            pass
    with FileLock(tmp_path / "l") as lock:
        (tmp_path / "l").unlink()
        with pytest.raises(TableLockLost, match="replaced"):
            lock.check()


def _apply(spark: SparkSession, path: str, rows: list[Any], name: str, **how: Any) -> Any:
    return apply_batch(spark, path, small_frame(spark, rows, SCHEMA), SPEC, name, **how)


def _rows(spark: SparkSession, path: str) -> list[tuple[Any, ...]]:
    found = read_history(spark, path).orderBy("k", "effective_from").collect()
    return [(r["k"], r["v"], r["u"], r["effective_from"], r["effective_to"]) for r in found]
