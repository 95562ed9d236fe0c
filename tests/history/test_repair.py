"""Tables as other tools leave them, and what a repair makes of them; on real Delta tables, and on any broken ones."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from conftest import small_frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError, HistoryRefused, TableLockLost
from gluehouse.history import FileLock, apply_batch, mend, read_history
from gluehouse.history.check import violations
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.lock import lock_beside
from gluehouse.history.mend import Repair
from gluehouse.history.repair import MENDED, is_touched, moved_rows, plan_repair, repaired_rows
from gluehouse.history.versions import PRESETS
from gluehouse.spec.history import HistorySpec

MACK = PRESETS["mack"].named(["id"])
MACK_SCHEMA = "id int, v string, is_current boolean, effective_time date, end_time date"


def day(number: int | None) -> dt.date | None:
    return None if number is None else dt.date(2024, 1, number)


def mack(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """(id, value, is_current, from, to), the times as days of January 2024."""
    told = [(key, v, current, day(start), day(end)) for key, v, current, start, end in rows]
    return small_frame(spark, told, MACK_SCHEMA)


# Per key: what is there, what stays as (value, current, from, to), what is moved out as (value, rule).
CASES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "whole versions stay as they are": (
        [("a", False, 1, 3), ("b", False, 3, 4), ("c", True, 7, None)],
        [("a", False, 1, 3), ("b", False, 3, 4), ("c", True, 7, None)],
        [],
    ),
    "a version that came late had closed the newer one before its start": (
        [("new", False, 10, 5), ("late", True, 5, None)],
        [("late", False, 5, 10), ("new", True, 10, None)],
        [],
    ),
    "of a key that was twice in its first load, closed together and followed by two copies, all is put in order": (
        [("a", False, 1, 9), ("b", False, 2, 9), ("c", True, 9, None), ("c", True, 9, None)],
        [("a", False, 1, 2), ("b", False, 2, 9), ("c", True, 9, None)],
        [("c", "exact_copy")],
    ),
    "an open version ends where the next one starts": (
        [("a", True, 1, None), ("b", True, 4, None)],
        [("a", False, 1, 4), ("b", True, 4, None)],
        [],
    ),
    "of versions with one start one that holds stays, rather an open one, rather a longer one": (
        [("empty", False, 5, 5), ("short", False, 5, 6), ("open", True, 5, None), ("long", False, 5, 8)],
        [("open", True, 5, None)],
        [("empty", "duplicate_start"), ("long", "duplicate_start"), ("short", "duplicate_start")],
    ),
    "a version that no other one explains to have ended before its start held at no time": (
        [("a", False, 4, 2), ("b", True, 6, None)],
        [("b", True, 6, None)],
        [("a", "held_at_no_time")],
    ),
    "a version without start has no place": (
        [("a", True, None, None), ("b", False, 1, 2)],
        [("b", False, 1, 2)],
        [("a", "null_start")],
    ),
    "a current flag that is NULL or wrong is set": (
        [("a", None, 1, 3), ("b", True, 3, 4), ("c", None, 6, None)],
        [("a", False, 1, 3), ("b", False, 3, 4), ("c", True, 6, None)],
        [],
    ),
    "a gap stays": (
        [("a", False, 1, 3), ("b", True, 6, None)],
        [("a", False, 1, 3), ("b", True, 6, None)],
        [],
    ),
}


@pytest.fixture(scope="module")
def mended(spark: SparkSession) -> tuple[list[Any], list[Any], dict[str, Counter[str]]]:
    """All cases in one table: the rows that stay, those moved out, and each key's changes."""
    rows = [(at, *version) for at, (there, _, _) in enumerate(CASES.values()) for version in there]
    table = mack(spark, *rows)
    plan = plan_repair(table, MACK)
    changes: dict[str, Counter[str]] = {name: Counter() for name in CASES}
    names = list(CASES)
    for row in plan.where(is_touched()).collect():
        changes[names[row["key"]["id"]]].update(row["changes"])
    return repaired_rows(plan, table.schema, MACK).collect(), moved_rows(plan).collect(), changes


@pytest.mark.parametrize("case", CASES)
def test_in_a_table_of_macks(case: str, mended: tuple[list[Any], list[Any], dict[str, Counter[str]]]) -> None:
    at, (_, stay, moved) = list(CASES).index(case), CASES[case]
    kept = [(r["v"], r["is_current"], r["effective_time"], r["end_time"]) for r in mended[0] if r["id"] == at]
    expected = [(v, current, day(start), day(end)) for v, current, start, end in stay]
    assert sorted(kept, key=lambda row: row[2]) == expected
    assert sorted((r["row"]["v"], r["rule"]) for r in mended[1] if r["row"]["id"] == at) == moved


def test_each_change_is_told_by_its_kind(mended: tuple[list[Any], list[Any], dict[str, Counter[str]]]) -> None:
    told = {name: dict(kinds) for name, kinds in mended[2].items() if kinds}
    assert told == {
        "a version that came late had closed the newer one before its start": {
            "closed": 1, "closed_by_late": 1, "current_flag": 2,
        },
        "of a key that was twice in its first load, closed together and followed by two copies, all is put in order": {
            "cut": 1,
        },
        "an open version ends where the next one starts": {"closed": 1, "current_flag": 1},
        "a current flag that is NULL or wrong is set": {"current_flag": 3},
    }  # fmt: skip


def dbt_rows(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """(id, value, from, to, loaded) with dbt's hash of id and start; the times are days of January 2024."""
    return [
        (key, v, f"{key}|{start}", *[None if at is None else dt.datetime(2024, 1, at) for at in (loaded, start, end)])
        for key, v, start, end, loaded in rows
    ]


DBT_SCHEMA = (
    "id int, v string, dbt_scd_id string, dbt_updated_at timestamp, dbt_valid_from timestamp, dbt_valid_to timestamp"
)


def versions_of(rows: DataFrame) -> list[tuple[Any, ...]]:
    found = rows.orderBy("id", "dbt_valid_from", "v").collect()
    return [(r["id"], r["v"], r["dbt_valid_from"].day, r["dbt_valid_to"] and r["dbt_valid_to"].day) for r in found]


def test_of_two_colliding_runs_of_dbt_the_later_rows_stay_and_equal_neighbours_become_one(spark: SparkSession) -> None:
    collided = dbt_rows(
        (1, "a", 1, None, 1), (1, "a", 2, None, 2),
        (2, None, 1, 3, 1), (2, None, 3, 5, 3), (2, None, 7, None, 7),
        (3, "old", 1, None, 1), (3, "new", 1, 4, 2),
    )  # fmt: skip
    table = small_frame(spark, collided, DBT_SCHEMA)
    columns = PRESETS["dbt"].named(["id"])
    plan = plan_repair(table, columns, merge_equal=True)
    kept = repaired_rows(plan, table.schema, columns)
    assert versions_of(kept) == [(1, "a", 1, None), (2, None, 1, 5), (2, None, 7, None), (3, "new", 1, 4)]
    rules = sorted((r["row"]["id"], r["row"]["v"], r["rule"]) for r in moved_rows(plan).collect())
    assert rules == [
        (1, "a", "equal_neighbour"), (2, None, "equal_neighbour"), (3, "old", "duplicate_start")
    ]  # fmt: skip
    again = plan_repair(kept, columns, merge_equal=True)
    assert again.where(is_touched()).count() == 0
    same_hash = plan_repair(table, columns, merge_equal=True, tracked=["id"])
    assert versions_of(repaired_rows(same_hash, table.schema, columns))[0] == (1, "a", 1, None)
    with pytest.raises(ConfigError, match="GH1470: the table has no column w;"):
        plan_repair(table, columns, merge_equal=True, tracked=["w"])


def test_a_cut_that_leaves_time_uncovered_is_told(spark: SparkSession) -> None:
    table = mack(
        spark,
        (1, "a", True, 1, None), (1, "b", False, 3, 5),
        (2, "a", False, 1, 9), (2, "b", False, 3, 9),
        (3, "a", False, 1, 3), (3, "b", False, 5, 6), (3, "without start", True, None, None),
    )  # fmt: skip
    plan = plan_repair(table, MACK)
    assert [(r["key"]["id"], r["row"]["v"]) for r in plan.where("uncovered").collect()] == [(1, "b")]


def test_a_struct_of_bookkeeping_columns_and_a_far_date_for_an_open_end_are_written_as_they_were(
    spark: SparkSession,
) -> None:
    schema = "id int, v string, _scd2 struct<effective_time: date, end_time: date, is_current: boolean>"
    meta = [(1, "1", 10, 5, False), (1, "2", 5, None, True)]
    flat = [(k, v, day(s), day(e) or dt.date(9999, 12, 31), c) for k, v, s, e, c in meta]
    table = small_frame(spark, flat, "id int, v string, s date, e date, c boolean").select(
        "id",
        "v",
        F.struct(
            F.col("s").alias("effective_time"), F.col("e").alias("end_time"), F.col("c").alias("is_current")
        ).alias("_scd2"),
    )
    columns = PRESETS["koheesio"].named(["id"], open_end="9999-12-31")
    kept = repaired_rows(plan_repair(table, columns), table.schema, columns)
    assert kept.schema.simpleString() == spark.createDataFrame([], schema).schema.simpleString()
    assert sorted(tuple(row["_scd2"]) for row in kept.collect()) == [
        (day(5), day(10), False),
        (day(10), dt.date(9999, 12, 31), True),
    ]


TIME = st.one_of(st.none(), st.integers(1, 6))
ROW = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([True, False, None]), TIME, TIME)


@given(st.lists(st.lists(ROW, max_size=6), min_size=1, max_size=50), st.booleans())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_whatever_is_broken_is_whole_afterwards_nothing_is_lost_and_a_second_repair_changes_nothing(
    spark: SparkSession, keys: list[Any], merge_equal: bool
) -> None:
    rows = [(at or None, *row) for at, versions in enumerate(keys) for row in versions]
    table = mack(spark, *rows)
    plan = plan_repair(table, MACK, merge_equal).localCheckpoint()
    kept = repaired_rows(plan, table.schema, MACK).localCheckpoint()
    broken = {row["invariant"] for row in violations(kept, MACK).select("invariant").distinct().collect()}
    assert broken & set(MENDED) == set()
    told = Counter((key, v, day(start)) for key, v, _, start, _ in rows)
    stay = Counter((r["id"], r["v"], r["effective_time"]) for r in kept.collect())
    gone = Counter((r["row"]["id"], r["row"]["v"], r["row"]["effective_time"]) for r in moved_rows(plan).collect())
    assert stay + gone == told
    assert plan_repair(kept, MACK, merge_equal).where(is_touched()).collect() == []


def write(table: DataFrame, path: str) -> None:
    table.coalesce(1).write.format("delta").save(path)


def test_a_repair_is_one_commit_that_moves_rows_out_first_and_leaves_other_keys_alone(
    spark: SparkSession, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mend, "SMALL_BYTES", 0)  # as if the table were too large to be read whole
    path = str(tmp_path / "dim")
    write(mack(spark, (7, "fine", True, 1, None)), path)
    broken = [(1, "new", False, 10, 5), (1, "late", True, 5, None), (1, "late", True, 5, None), (None, "x", True, 1, 2)]
    mack(spark, *broken).write.format("delta").mode("append").save(path)
    planned = Repair(spark, path, MACK)
    assert {row["key"]["id"] for row in planned.plan.select("key").collect()} == {1, None}
    assert planned.report.moved == {"exact_copy": 1, "null_key": 1}
    assert planned.report.version_after is None
    assert not (tmp_path / "dim__repaired").exists()
    with lock_beside(path) as lock:
        done = planned.write(lock)
    assert (done.version_before, done.version_after) == (1, 2)
    files = {row[0] for row in read_history(spark, path).where("id = 7").select("_metadata.file_path").collect()}
    assert len(files) == 1
    last = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").first()
    assert (last["operation"], last["operationMetrics"]["numTargetRowsInserted"]) == ("MERGE", "2")
    assert last["operationMetrics"]["numTargetFilesRemoved"] == "1"
    rows = read_history(spark, path).orderBy("id", "effective_time").collect()
    assert [(r["id"], r["v"], r["is_current"]) for r in rows] == [
        (1, "late", False), (1, "new", True), (7, "fine", True)
    ]  # fmt: skip
    aside = read_history(spark, path + "__repaired").select("table_version", "rule", "row.v").collect()
    assert sorted(map(tuple, aside)) == [(1, "exact_copy", "late"), (1, "null_key", "x")]
    planned.close()
    again = Repair(spark, path, MACK)
    with lock_beside(path) as lock:
        assert again.write(lock).version_after is None
    assert DeltaLocation(spark, path).version() == 2


def test_what_a_repair_moved_out_before_it_died_is_replaced_by_the_next_one(spark: SparkSession, tmp_path: Any) -> None:
    path = str(tmp_path / "dim")
    write(mack(spark, (1, "a", True, 5, None), (1, "a", True, 5, None)), path)

    class Dies(FileLock):
        checks = 0

        def check(self, min_seconds_left: float = 30.0) -> None:
            self.checks += 1
            if self.checks == 2:
                raise TableLockLost("GH6002", "the lock was lost.", "run it again.")

    with Dies(tmp_path / "lock") as lock, pytest.raises(TableLockLost):
        Repair(spark, path, MACK).write(lock)
    assert read_history(spark, path + "__repaired").count() == 1
    mack(spark, (2, "b", True, 1, None)).write.format("delta").mode("append").save(path)
    with lock_beside(path) as lock:
        Repair(spark, path, MACK).write(lock)
    assert [r["table_version"] for r in read_history(spark, path + "__repaired").collect()] == [1]
    assert read_history(spark, path).count() == 2


def test_a_table_that_changed_since_the_plan_is_not_written(spark: SparkSession, tmp_path: Any) -> None:
    path = str(tmp_path / "dim")
    write(mack(spark, (1, "a", True, 1, None), (1, "b", True, 5, None)), path)
    planned = Repair(spark, path, MACK)
    mack(spark, (2, "b", True, 1, None)).write.format("delta").mode("append").save(path)
    with lock_beside(path) as lock, pytest.raises(TableLockLost, match=r"GH6002.*version 1; .* version 0"):
        planned.write(lock)
    assert DeltaLocation(spark, path).version() == 1


def test_a_table_of_ours_gets_its_flags_and_copies_mended_and_everything_else_is_refused(
    spark: SparkSession, tmp_path: Any
) -> None:
    path = str(tmp_path / "t")
    spec = HistorySpec(keys="k", sequence_by="s")
    apply_batch(spark, path, small_frame(spark, [("x", "A", 1)], "k string, v string, s int"), spec, "b1")
    columns = PRESETS["gluehouse"].named(["k"])
    read_history(spark, path).write.format("delta").mode("append").save(path)
    with lock_beside(path) as lock:
        assert Repair(spark, path, columns).write(lock).moved == {"exact_copy": 1}
    assert read_history(spark, path).count() == 1
    later = read_history(spark, path).withColumn("effective_from", F.lit(4))
    later.write.format("delta").mode("append").save(path)
    version = DeltaLocation(spark, path).version()
    with lock_beside(path) as lock, pytest.raises(HistoryRefused, match=r"GH4201.*closed"):
        Repair(spark, path, columns).write(lock)
    assert DeltaLocation(spark, path).version() == version
