"""A replay: a batch once more with the rows that were set aside. The history ends as if they had never been."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import EVENTS, SNAPSHOTS, Table, small_frame
from pyspark.sql import SparkSession

from gluehouse.errors import HistoryRefused
from gluehouse.history import Snapshot
from gluehouse.history.compaction import compact
from gluehouse.history.lock import lock_beside
from gluehouse.spec.history import HistorySpec

CALM = SNAPSHOTS.model_copy(update={"breaker": SNAPSHOTS.breaker.model_copy(update={"keys": 100})})
Tables = Callable[[HistorySpec], tuple[Table, Table]]


@pytest.fixture
def twins(spark: SparkSession, tmp_path: Path) -> Tables:
    """The table under test, and the one where nothing was ever set aside."""
    return lambda spec: (Table(spark, str(tmp_path / "t"), spec), Table(spark, str(tmp_path / "as_if"), spec))


def keys(spark: SparkSession, *names: str) -> Snapshot:
    return Snapshot(quarantined_keys=small_frame(spark, [(name,) for name in names], "k string"))


def test_a_row_put_back_at_its_day_splits_what_came_later(spark: SparkSession, twins: Tables) -> None:
    table, as_if = twins(CALM)
    table.snapshot(1, ("x", "A"), ("y", "A"))
    table.snapshot(5, ("x", "B"), snapshot=keys(spark, "y"), batch_id="five")
    table.snapshot(9, ("x", "B"), ("y", "A"))
    result = table.snapshot(5, ("x", "B"), ("y", "C"), batch_id="five again", replays=["five"])
    assert table.versions() == [
        ("x", "A", 1, 5),
        ("x", "B", 5, None),
        ("y", "A", 1, 5),
        ("y", "C", 5, 9),
        ("y", "A", 9, None),
    ]
    assert (result.opened, result.rejected_count) == (2, 0)
    as_if.snapshot(1, ("x", "A"), ("y", "A"))
    as_if.snapshot(5, ("x", "B"), ("y", "C"))
    as_if.snapshot(9, ("x", "B"), ("y", "A"))
    assert table.versions() == as_if.versions()


def test_the_same_replay_twice_changes_nothing(spark: SparkSession, twins: Tables) -> None:
    table, _ = twins(CALM)
    table.snapshot(1, ("x", "A"), snapshot=keys(spark, "y"), batch_id="one")
    again: dict[str, Any] = {"batch_id": "again", "replays": ["one"]}
    table.snapshot(1, ("x", "A"), ("y", "B"), **again)
    before = table.versions()
    result = table.snapshot(1, ("x", "A"), ("y", "B"), **again)
    assert (result.version_before, result.why) == (result.version_after, "this batch was applied before")
    assert table.versions() == before


def test_a_snapshot_that_replays_another_batch_is_still_a_second_one(spark: SparkSession, twins: Tables) -> None:
    table, _ = twins(CALM)
    table.snapshot(1, ("x", "A"), batch_id="one")
    with pytest.raises(HistoryRefused, match="GH4002"):
        table.snapshot(1, ("x", "A"), ("y", "B"), batch_id="again", replays=["never applied"])


def test_a_replay_that_still_lacks_a_row_takes_back_nothing(spark: SparkSession, twins: Tables) -> None:
    table, _ = twins(CALM)
    table.snapshot(1, ("x", "A"), ("y", "A"), ("z", "A"))
    table.snapshot(5, ("x", "A"), ("y", "A"), snapshot=keys(spark, "z"), batch_id="five")
    # The contract of the day refuses x, too; that it was there on day 5 was said, and stays said.
    table.snapshot(5, ("y", "A"), ("z", "B"), snapshot=keys(spark, "x"), batch_id="again", replays=["five"])
    table.snapshot(3, ("x", "C"), ("y", "A"), ("z", "A"))
    assert table.versions() == [
        ("x", "A", 1, 3), ("x", "C", 3, 5), ("x", "A", 5, None),
        ("y", "A", 1, None), ("z", "A", 1, 5), ("z", "B", 5, None),
    ]  # fmt: skip


def test_a_corrected_key_undoes_the_delete_that_its_absence_was(spark: SparkSession, twins: Tables) -> None:
    table, _ = twins(CALM)
    table.snapshot(1, ("x", "A"), ("y", "A"))
    table.snapshot(5, ("x", "A"), snapshot=keys(spark, "Y?"), batch_id="five")
    assert ("y", "A", 1, 5) in table.versions()
    table.snapshot(5, ("x", "A"), ("y", "A"), batch_id="again", replays=["five"])
    assert table.versions() == [("x", "A", 1, None), ("y", "A", 1, None)]
    table.snapshot(3, ("x", "A"), ("y", "B"))
    assert table.versions() == [("x", "A", 1, None), ("y", "A", 1, 3), ("y", "B", 3, 5), ("y", "A", 5, None)]


def test_once_every_key_is_legible_absence_deletes(spark: SparkSession, twins: Tables) -> None:
    table, _ = twins(CALM)
    table.snapshot(1, ("x", "A"), ("y", "A"), ("z", "A"))
    table.snapshot(5, ("x", "A"), snapshot=Snapshot(illegible_rows=1), batch_id="five")
    table.snapshot(5, ("x", "A"), ("z", "A"), batch_id="again", replays=["five"])
    assert table.versions() == [("x", "A", 1, None), ("y", "A", 1, 5), ("z", "A", 1, None)]


def test_what_is_told_a_third_time_counts_also_in_compacted_memory(spark: SparkSession, twins: Tables) -> None:
    table, as_if = twins(CALM)
    for one, told in ((table, "partly"), (as_if, "in full")):
        one.snapshot(1, ("x", "A"))
        one.snapshot(5, ("x", told), batch_id="five", snapshot=Snapshot(illegible_rows=1) if one is table else None)
        one.snapshot(7, ("x", told))
    table.snapshot(5, ("x", "better"), batch_id="again", replays=["five"])
    table.snapshot(5, ("x", "in full"), batch_id="and again", replays=["five", "again"])
    table.snapshot(7, ("x", "in full"), batch_id="seven", replays=["b3"])
    with lock_beside(table.path) as lock:
        compact(spark, table.path, table.spec, lock)
    for one in (table, as_if):
        one.snapshot(6, ("x", "late"))
        one.snapshot(3, ("x", "late"))
    assert table.versions() == as_if.versions()


@pytest.mark.parametrize("seed", range(3))
def test_snapshots_in_any_order_end_as_if_nothing_had_been_set_aside(
    spark: SparkSession, twins: Tables, seed: int
) -> None:
    chance = random.Random(seed)
    table, as_if = twins(CALM)
    full = {
        day: {k: chance.choice("AB") for k in "vwxyz" if chance.random() < 0.7} | {"u": "A"} for day in (2, 4, 6, 8)
    }
    order = chance.sample(sorted(full), 4)
    later = []
    for day in order:
        rows = sorted(full[day].items())
        as_if.snapshot(day, *rows)
        bad = chance.choice(["none", "legible", "illegible", "another key", "partly"])
        key, _ = gone = chance.choice(rows[1:] or rows)
        left = [row for row in rows if row != gone] if bad != "none" else rows
        aside = {
            "none": None,
            "legible": keys(spark, key),
            "illegible": Snapshot(illegible_rows=1),
            "another key": keys(spark, key + "?"),
            "partly": Snapshot(illegible_rows=1),
        }[bad]
        left = [*left, (key, "partly")] if bad == "partly" or not left else left
        table.snapshot(day, *left, snapshot=aside, batch_id=f"day {day}")
        later += [day] if bad != "none" else []
    for day in chance.sample(later, len(later)):
        replay: dict[str, Any] = {"batch_id": f"again {day}", "replays": [f"day {day}"]}
        table.snapshot(day, *sorted(full[day].items()), **replay)
    assert table.versions() == as_if.versions()
    late = [(k, chance.choice("AC")) for k in "uwxz"]
    for one in (table, as_if):
        one.snapshot(5, *late, batch_id="late")
        one.snapshot(1, *late[:2], batch_id="earliest")
    assert table.versions() == as_if.versions()


@pytest.mark.parametrize("seed", range(2))
def test_changes_replayed_late_end_as_if_nothing_had_been_set_aside(twins: Tables, seed: int) -> None:
    chance = random.Random(seed)
    table, as_if = twins(EVENTS)
    moments = [(key, time) for key in "xyz" for time in range(12)]
    events = [(k, chance.choice("UUUD"), chance.choice("ABC"), s) for k, s in chance.sample(moments, 24)]
    batches = [events[start : start + 6] for start in range(0, 24, 6)]
    for number, batch in enumerate(batches):
        as_if.events(*batch, batch_id=f"b{number}")
        table.events(*batch[: 3 if number < 2 else 6], batch_id=f"b{number}")
    for number in (1, 0):
        table.events(*batches[number], batch_id=f"again {number}", replays=[f"b{number}"])
    assert table.versions() == as_if.versions()


def test_a_replay_comes_as_late_as_its_first_batch_did(twins: Tables) -> None:
    spec = HistorySpec(keys="k", sequence_by="d", lateness="P2D")
    table, _ = twins(spec)
    schema = "k string, v string, d date"
    days = [dt.date(2024, 1, day) for day in range(31)[1:]]
    table.apply([("x", "A", days[0])], schema, batch_id="b1")
    table.apply([("x", "B", days[4])], schema, batch_id="b2")
    table.apply([("x", "C", days[20])], schema, batch_id="b3")
    rows = [("x", "B", days[4]), ("y", "B", days[4]), ("z", "B", days[1])]
    assert table.apply(rows, schema, batch_id="late").rejected_count == 3
    assert table.apply(rows, schema, batch_id="again", replays=["b2"]).rejected_count == 0
    assert table.apply([("w", "A", days[0])], schema, batch_id="first again", replays=["b1"]).rejected_count == 0
    assert [row[:3] for row in table.versions()] == [
        ("w", "A", 1), ("x", "A", 1), ("x", "B", 5), ("x", "C", 21), ("y", "B", 5), ("z", "B", 2),
    ]  # fmt: skip
