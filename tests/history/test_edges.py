"""What callers may hand over beside the usual: far dates, tables made by others, frames of no file, two threads."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from conftest import EVENTS, SNAPSHOTS, small_frame
from pyspark.sql import SparkSession

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history import Current, Snapshot, apply_batch, plan, read_history
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.session import options
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec(keys="k", sequence_by="s")
SCHEMA = "k string, v string, s int"
FAR = [dt.date(1, 1, 1), dt.date(999, 12, 31), dt.date(1582, 10, 10), dt.date(9999, 12, 31)]


def start(spark: SparkSession, path: str, spec: HistorySpec = SPEC) -> None:
    apply_batch(spark, path, small_frame(spark, [("x", "A", 1), ("y", "A", 1)], SCHEMA), spec, "first")


def files(folder: Path) -> list[str]:
    return sorted(str(file) for file in folder.rglob("*") if not file.name.endswith("__lock"))


@pytest.mark.parametrize("small", [True, False])
def test_dates_of_any_year_order_and_key_versions(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: bool
) -> None:
    if not small:
        monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
    path, spec = str(tmp_path / "t"), HistorySpec(keys="k", sequence_by="d")
    for number, place in enumerate([2, 0, 3, 1]):
        rows = [(key, f"v{place}", FAR[place]) for key in FAR]
        apply_batch(spark, path, small_frame(spark, rows, "k date, v string, d date"), spec, f"b{number}")
    found = read_history(spark, path).selectExpr("string(k)", "v", "string(effective_from)", "string(effective_to)")
    ends = [*[f"{one.isoformat():0>10}" for one in FAR[1:]], None]
    want = [
        (f"{key.isoformat():0>10}", f"v{place}", f"{FAR[place].isoformat():0>10}", ends[place])
        for key in FAR
        for place in range(4)
    ]
    assert sorted(tuple(row) for row in found.collect()) == sorted(want)


def test_a_snapshot_of_a_far_day_is_taken_and_another_one_refused_by_its_day(table: Any, spark: SparkSession) -> None:
    t = table(SNAPSHOTS)
    day = dt.date(1, 1, 1)
    t.apply([("x", "A", day)], "k string, v string, d date")
    with pytest.raises(HistoryRefused, match=r"GH4002.*0001-01-01"):
        t.apply([("x", "B", day)], "k string, v string, d date")


def test_quarantined_rows_whose_key_cannot_be_read_let_a_snapshot_delete_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, spec = str(tmp_path / "t"), HistorySpec(keys="k", sequence_by="d", deletes="absence", breaker={"keys": 9})
    day = lambda number, *keys: small_frame(  # noqa: E731
        spark, [(key, dt.date(2024, 1, number)) for key in keys], "k bigint, d date"
    )
    apply_batch(spark, path, day(1, 1, 2), spec, "first")
    for number, torn in enumerate((None, "x7"), start=2):
        aside = Snapshot(quarantined_keys=small_frame(spark, [(torn,)], "k string"))
        result = apply_batch(spark, path, day(number, 1), spec, f"b{number}", snapshot=aside)
        assert "nothing was deleted" in result.warnings[0]
        assert read_history(spark, path).where("is_current").count() == 2
    apply_batch(spark, path, day(4, 1), spec, "b4", snapshot=Snapshot(small_frame(spark, [("7",)], "k string")))
    assert [row["k"] for row in read_history(spark, path).where("is_current").collect()] == [1]


def test_a_column_of_local_times_may_come_later_also_inside_a_struct(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    start(spark, path)
    told = ["timestamp_ntz'2024-01-01 00:00:00' AS t", "named_struct('t', timestamp_ntz'2024-01-02 00:00:00') AS n"]
    for number, sequence in enumerate((3, 2)):
        batch = spark.range(1).selectExpr("'x' AS k", f"'B{sequence}' AS v", f"{sequence} AS s", *told)
        apply_batch(spark, path, batch, SPEC, f"b{number}")
    rows = read_history(spark, path).where("k = 'x'").selectExpr("v", "string(t)", "string(n.t)", "effective_to")
    assert sorted(tuple(row) for row in rows.collect()) == [
        ("A", None, None, 2),
        ("B2", "2024-01-01 00:00:00", "2024-01-02 00:00:00", 3),
        ("B3", "2024-01-01 00:00:00", "2024-01-02 00:00:00", None),
    ]


def test_a_surrogate_key_that_the_table_was_made_without_is_refused_and_nothing_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "t")
    start(spark, path)
    there = files(tmp_path)
    numbered = HistorySpec(keys="k", sequence_by="s", surrogate_key={"kind": "bigint", "column": "sk"})
    with pytest.raises(ConfigError, match=r"GH1407.*sk"):
        apply_batch(spark, path, small_frame(spark, [("x", "B", 2)], SCHEMA), numbered, "second")
    assert files(tmp_path) == there


@pytest.mark.parametrize(
    ("columns", "lacks"),
    [
        ("'x' AS K, 1 AS effective_from, 2 AS effective_to, true AS is_current, '' AS batch_id, 0 AS loaded_at", "k"),
        ("'x' AS k, 1 AS effective_from, 2 AS effective_to, true AS is_current", "batch_id, loaded_at"),
        ("'x' AS k, 'A' AS v", "effective_from, effective_to, is_current"),
    ],
)
def test_a_table_that_is_no_history_is_refused_and_nothing_written(
    spark: SparkSession, tmp_path: Path, columns: str, lacks: str
) -> None:
    path = str(tmp_path / "t")
    spark.sql(f"SELECT {columns}").write.format("delta").save(path)
    there = files(tmp_path)
    with pytest.raises(ConfigError, match=f"GH1406: the table has no column {lacks}"):
        apply_batch(spark, path, small_frame(spark, [("x", "B", 2)], SCHEMA), SPEC, "first")
    assert files(tmp_path) == there


def test_a_table_whose_batches_delta_would_forget_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    start(spark, path)
    name = "delta.setTransactionRetentionDuration"
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('{name}' = 'interval 1 day')")
    with pytest.raises(ConfigError, match=f"GH1408.*{name}"):
        apply_batch(spark, path, small_frame(spark, [("x", "B", 2)], SCHEMA), SPEC, "second")


def test_a_plan_is_made_of_rows_that_lie_in_no_file_too(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    start(spark, path)
    stored = read_history(spark, path)
    rows = spark.createDataFrame(stored.collect(), stored.schema)
    changes = plan(Current(rows), small_frame(spark, [("x", "B", 5)], SCHEMA), SPEC)
    told = sorted((row["action"], row["v"], row["effective_to"]) for row in changes.versions().collect())
    assert told == [("insert", "B", None), ("update", "A", 5)]
    changes.close()


def test_the_plan_of_a_known_snapshot_has_no_versions(table: Any, spark: SparkSession) -> None:
    t = table(SNAPSHOTS)
    t.snapshot(1, ("x", "A"))
    day = small_frame(spark, [("x", "A", dt.date(2024, 1, 1))], "k string, v string, d date")
    current = Current(read_history(spark, t.path), spark.read.format("delta").load(t.path + "__memory"))
    versions = plan(current, day, SNAPSHOTS).versions()
    assert versions.columns == ["k", "effective_from", "effective_to", "is_current", "v", "action"]
    assert versions.count() == 0


def test_lateness_in_days_is_the_same_in_every_zone(spark: SparkSession, tmp_path: Path) -> None:
    path, spec = str(tmp_path / "t"), HistorySpec(keys="k", sequence_by="d", lateness="P10D")
    with options(spark, **{"spark.sql.session.timeZone": "Europe/Berlin"}):
        for number, day in enumerate([dt.date(2024, 11, 1), dt.date(2024, 10, 22), dt.date(2024, 10, 21)]):
            batch = small_frame(spark, [("x", f"v{number}", day)], "k string, v string, d date")
            found = apply_batch(spark, path, batch, spec, f"b{number}")
            assert found.rejected_count == (1 if number == 2 else 0)


def test_a_snapshot_that_lacks_a_column_confirms_the_keys_that_it_shows_otherwise_as_before(
    spark: SparkSession, table: Any
) -> None:
    t = table(SNAPSHOTS)
    t.apply(
        [("x", "A", 1, dt.date(2024, 1, 1)), ("y", "A", 2, dt.date(2024, 1, 1))], "k string, v string, u int, d date"
    )
    found = t.snapshot(2, ("x", "A"), ("y", "B"))
    assert (found.unchanged, found.opened, found.closed) == (1, 1, 1)
    assert t.versions("v", "u") == [("x", "A", 1, 1, None), ("y", "A", 2, 1, 2), ("y", "B", None, 2, None)]


def test_the_names_of_many_batches_are_read_without_a_job(spark: SparkSession, table: Any) -> None:
    t = table(EVENTS)
    with options(spark, **{"spark.databricks.delta.setTransactionsInCrc.maxAllowed": "1"}):
        for number in range(3):
            t.events(("x", f"v{number}", number))
    location = DeltaLocation(spark, t.path)
    assert len(location.state().transactions) == 3
    assert location.snapshot.checksumOpt().get().setTransactions().isDefined()


def test_two_threads_do_not_put_back_each_others_settings(spark: SparkSession) -> None:
    name, inside, go_on = "spark.sql.shuffle.partitions", Event(), Event()
    before = spark.conf.get(name)

    def first() -> None:
        with options(spark, **{name: "7"}):
            inside.set()
            go_on.wait(30)

    def second() -> None:
        inside.wait(30)
        with options(spark, **{name: "9"}):
            pass

    threads = [Thread(target=first), Thread(target=second)]
    for one in threads:
        one.start()
    inside.wait(30)
    threads[1].join(0.5)
    assert threads[1].is_alive()
    go_on.set()
    for one in threads:
        one.join(30)
    assert spark.conf.get(name) == before
