"""One example a rule of the history tables, small enough to work out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from conftest import EVENTS, FLAG, SNAPSHOTS
from pyspark.sql import SparkSession

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history import Snapshot, apply_batch, read_history
from gluehouse.history.session import options
from gluehouse.spec.history import HistorySpec


def test_a_late_event_splits_the_version_it_falls_into_and_a_confirmation_keeps_its_time(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "A", 1))
    confirmation = t.events(("x", "A", 5))
    assert (confirmation.version_before, confirmation.version_after, confirmation.remembered) == (0, 0, 1)
    t.events(("x", "B", 3))
    assert t.versions() == [("x", "A", 1, 3), ("x", "B", 3, 5), ("x", "A", 5, None)]


def test_a_delete_that_comes_before_its_insert_is_remembered(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "D", None, 5), ("y", "A", 1))
    t.events(("x", "A", 2))
    assert t.versions() == [("x", "A", 2, 5), ("y", "A", 1, None)]


def test_many_changes_of_a_key_in_one_batch_are_many_versions_and_a_b_a_are_three(table: Any) -> None:
    t = table(EVENTS)
    found = t.events(("x", "A", 1), ("x", "B", 2), ("x", "A", 3), ("x", "A", 3), ("x", "D", None, 4), ("x", None, 6))
    assert (found.opened, found.strategy) == (4, "create")
    assert t.versions() == [("x", "A", 1, 2), ("x", "B", 2, 3), ("x", "A", 3, 4), ("x", None, 6, None)]


def test_several_sequence_columns_compare_left_to_right_and_make_the_effective_times(table: Any) -> None:
    one, two = dt.date(2024, 1, 1), dt.date(2024, 1, 2)
    t = table(HistorySpec(keys="k", sequence_by=["d", "s"]))
    schema = "k string, v string, d date, s string"
    t.apply([("x", "A", one, "10"), ("x", "D", two, "a")], schema)
    t.apply([("x", "B", one, "9"), ("x", "C", two, "Z")], schema)
    assert t.versions() == [
        ("x", "A", (one, "10"), (one, "9")),
        ("x", "B", (one, "9"), (two, "Z")),
        ("x", "C", (two, "Z"), (two, "a")),
        ("x", "D", (two, "a"), None),
    ]


def test_of_one_instant_the_last_event_by_sequence_shows_and_no_interval_is_empty(table: Any) -> None:
    one, five = dt.date(2024, 1, 1), dt.date(2024, 1, 5)
    t = table(HistorySpec(keys="k", sequence_by="s", effective_at="d", deletes=FLAG))
    schema = "k string, op string, v string, d date, s int"
    t.apply([("x", "U", "B", one, 2), ("x", "D", None, five, 3), ("y", "U", "A", one, 1)], schema)
    t.apply([("x", "U", "A", one, 1), ("x", "U", "C", five, 4), ("y", "D", None, one, 2)], schema)
    assert t.versions() == [("x", "B", 1, 5), ("x", "C", 5, None)]


def test_null_is_a_value_among_others_when_versions_are_compared_and_not_the_empty_text(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", None, 1), ("x", "A", 2), ("x", None, 3), ("x", "", 4))
    assert t.events(("x", "", 5)).opened == 0
    assert t.versions() == [("x", None, 1, 2), ("x", "A", 2, 3), ("x", None, 3, 4), ("x", "", 4, None)]


def test_the_higher_tie_breaker_wins_also_over_an_accepted_one_and_null_is_lowest(table: Any) -> None:
    t, schema = table(HistorySpec(keys="k", sequence_by="s", tie_breaker="n")), "k string, v string, n int, s int"
    t.apply([("x", "A", None, 1), ("y", "A", 5, 1)], schema)
    t.apply([("x", "B", 0, 1), ("y", "B", 4, 1)], schema)
    assert t.apply([("x", "C", 0, 1)], schema).rejected_count == 1
    assert t.versions() == [("x", "B", 1, None), ("y", "A", 1, None)]


def test_undecided_ties_go_to_quarantine_the_accepted_one_stands_and_a_delete_wins(table: Any) -> None:
    t = table(EVENTS)
    found = t.events(("x", "A", 1), ("y", "A", 1), ("y", "B", 1), ("z", "A", 1))
    assert sorted((r["k"], r["v"], r["rule"]) for r in found.rejected.collect()) == [
        ("y", "A", "history.undecided_tie"),
        ("y", "B", "history.undecided_tie"),
    ]
    found = t.events(("x", "C", 1), ("z", "D", None, 1))
    assert [(r["k"], r["v"]) for r in found.rejected.collect()] == [("x", "C")]
    assert found.removed == 1
    assert t.versions() == [("x", "A", 1, None)]


def test_rows_without_key_or_sequence_go_to_quarantine_and_the_rest_goes_on(table: Any) -> None:
    t = table(EVENTS)
    found = t.events((None, "A", 1), ("x", "A", None), ("x", "B", 2))
    assert sorted(r["rule"] for r in found.rejected.collect()) == [
        "history.null_key",
        "history.null_sequence",
    ]
    assert found.rejected_count == 2
    assert t.versions() == [("x", "B", 2, None)]


def test_a_truncate_deletes_every_key_also_one_heard_of_later(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "A", 1), ("x", "A", 5))
    t.events((None, "T", None, 3))
    t.events(("y", "A", 2))
    assert t.versions() == [("x", "A", 1, 3), ("x", "A", 5, None), ("y", "A", 2, 3)]


def test_a_truncate_that_ended_versions_at_an_instant_is_all_that_memory_needs_of_it(table: Any) -> None:
    one, five, schema = dt.date(2024, 1, 1), dt.date(2024, 1, 5), "k string, op string, v string, d date, s int"
    t = table(HistorySpec(keys="k", sequence_by="s", effective_at="d", deletes=FLAG))
    t.apply([("x", "U", "A", one, 1)], schema)
    t.apply([(None, "T", None, five, 2)], schema)
    again = t.apply([("x", "U", "A", one, 1)], schema)
    assert (again.version_after, again.memory_version) == (again.version_before, None)
    assert t.versions() == [("x", "A", 1, 5)]


def test_snapshots_in_any_order_delete_what_they_lack_also_keys_first_heard_of_later(table: Any) -> None:
    t = table(SNAPSHOTS)
    t.snapshot(9, ("x", "A"))
    t.snapshot(1, ("x", "A"), ("y", "A"))
    t.snapshot(5, ("x", "B"), ("y", "A"))
    again = t.snapshot(5, ("x", "B"), ("y", "A"))
    assert (again.version_after, again.memory_version) == (again.version_before, None)
    assert t.versions() == [("x", "A", 1, 5), ("x", "B", 5, 9), ("x", "A", 9, None), ("y", "A", 1, 9)]


def test_a_snapshot_is_refused_when_it_is_empty_incomplete_another_or_deletes_too_much(table: Any) -> None:
    t = table(SNAPSHOTS)
    t.snapshot(1, ("x", "A"), ("y", "A"), ("z", "A"))
    for code, day, rows, how in [
        ("GH4001", 2, [("x", "A")], {}),
        ("GH4002", 1, [("x", "B")], {}),
        ("GH4003", 2, [], {}),
        ("GH4004", 2, [("x", "A")], {"snapshot": Snapshot(complete=False)}),
    ]:
        with pytest.raises(HistoryRefused, match=code):
            t.snapshot(day, *rows, **how)
    assert t.versions() == [("x", "A", 1, None), ("y", "A", 1, None), ("z", "A", 1, None)]
    t.snapshot(2, ("x", "A"), allow_mass_delete=True)
    assert t.versions() == [("x", "A", 1, None), ("y", "A", 1, 2), ("z", "A", 1, 2)]


def test_a_snapshot_does_not_speak_for_its_quarantined_keys_and_deletes_nothing_when_one_is_illegible(
    spark: SparkSession, table: Any
) -> None:
    t = table(SNAPSHOTS)
    t.snapshot(1, ("x", "A"), ("y", "A"), ("z", "A"))
    t.snapshot(5, ("x", "A"), snapshot=Snapshot(quarantined_keys=spark.createDataFrame([("y",)], "k string")))
    assert t.versions() == [("x", "A", 1, None), ("y", "A", 1, None), ("z", "A", 1, 5)]
    found = t.snapshot(7, ("y", "B"), (None, "A"))
    assert "no legible key" in found.warnings[0]
    assert t.versions() == [("x", "A", 1, None), ("y", "A", 1, 7), ("y", "B", 7, None), ("z", "A", 1, 5)]


def test_an_event_later_than_the_horizon_goes_to_quarantine(table: Any) -> None:
    spec = HistorySpec(keys="k", sequence_by="d", lateness="P5D")
    t = table(spec)
    t.snapshot(20, ("x", "A"))
    found = t.snapshot(10, ("y", "A"))
    assert [r["rule"] for r in found.rejected.collect()] == ["history.too_late"]
    t.snapshot(16, ("z", "A"))
    assert t.versions() == [("x", "A", 20, None), ("z", "A", 16, None)]


def test_a_table_is_written_as_well_where_delta_keeps_no_list_of_its_files(spark: SparkSession, table: Any) -> None:
    """As in a table of more than fifty files, or one whose last commit another program made."""
    t = table(EVENTS)
    with options(spark, **{"spark.databricks.delta.incremental.commit.enabled": "false"}):
        t.events(("x", "A", 1), ("y", "A", 1))
        t.events(("x", "A", 5))
        assert t.events(("x", "B", 3), ("y", "B", 3)).strategy == "rewrite_files"
    assert t.versions() == [
        ("x", "A", 1, 3),
        ("x", "B", 3, 5),
        ("x", "A", 5, None),
        ("y", "A", 1, 3),
        ("y", "B", 3, None),
    ]


def test_a_batch_already_applied_changes_and_commits_nothing_but_names_its_rejects_again(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "A", 1), batch_id="one")
    t.events(("x", "B", 2), (None, "B", 2), batch_id="two")
    again = t.events(("x", "B", 2), (None, "B", 2), batch_id="two")
    assert (again.version_before, again.version_after, again.memory_version) == (1, 1, None)
    assert again.rejected_count == 1
    assert (again.opened, again.closed) == (0, 0)


def test_a_batch_that_comes_after_later_ones_is_not_taken_for_a_repeat(table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "B", 2), batch_id="2024-01-02")
    t.events(("x", "A", 1), batch_id="2024-01-01")
    assert t.versions() == [("x", "A", 1, 2), ("x", "B", 2, None)]


def test_bigint_surrogate_keys_stay_with_a_version_whose_start_moves_and_never_come_back(table: Any) -> None:
    t = table(EVENTS.model_copy(update={"surrogate_key": _sk("bigint")}))
    t.events(("x", "A", 5), ("y", "A", 1))
    first = dict(_keys(t))
    t.events(("x", "A", 3), ("y", "D", None, 1))
    t.events(("z", "A", 1), ("x", "B", 9))
    then = dict(_keys(t))
    assert then[("x", 3)] == first[("x", 5)]
    assert set(then.values()).isdisjoint({first[("y", 1)]})
    assert len(t.versions()) == len(set(then.values())) == 3


def test_hashed_surrogate_keys_follow_the_start_and_retired_ones_name_their_successor(table: Any) -> None:
    t = table(EVENTS.model_copy(update={"surrogate_key": _sk("hash128")}))
    t.events(("x", "A", 5))
    ((_, old),) = _keys(t)
    found = t.events(("x", "A", 3))
    ((_, new),) = _keys(t)
    assert [tuple(r) for r in found.retired_keys.collect()] == [(old, new)]
    assert (len(new), old != new) == (32, True)


def test_what_does_not_fit_is_refused_before_anything_is_written(spark: SparkSession, table: Any) -> None:
    t = table(EVENTS)
    t.events(("x", "A", 1))
    with pytest.raises(HistoryRefused, match="GH4101: column v is string in the table and int in the batch"):
        t.apply([("x", "U", 1, 1)], "k string, op string, v int, s int")
    with pytest.raises(ConfigError, match="GH1402: columns v and V differ in letter case alone"):
        t.apply([("x", "U", "A", 2)], "k string, op string, V string, s int")
    with pytest.raises(ConfigError, match="GH1401: the batch has no column k"):
        t.apply([("U", "A", 2)], "op string, v string, s int")
    with pytest.raises(ConfigError, match="GH1410"):
        apply_batch(spark, "s3://lake/t", spark.range(1), EVENTS, "b")


def _sk(kind: str) -> Any:
    return HistorySpec(keys="k", sequence_by="s", surrogate_key={"kind": kind, "column": "sk"}).surrogate_key


def _keys(t: Any) -> list[tuple[tuple[str, int], Any]]:
    return [((r["k"], r["effective_from"]), r["sk"]) for r in read_history(t.spark, t.path).collect()]


def test_the_strategy_is_the_cheapest_that_fits_and_the_result_says_why(table: Any) -> None:
    t = table(EVENTS)
    nothing = t.events()
    assert (nothing.strategy, nothing.version_after) == ("none", None)
    assert t.events(("x", "A", 2)).strategy == "create"
    assert t.events(("y", "A", 2)).strategy == "append"
    replaced = t.events(("x", "B", 4), ("y", "B", 4))
    assert (replaced.strategy, replaced.why) == ("rewrite_files", "2 rows in 2 files change")
    assert (replaced.opened, replaced.closed) == (2, 2)
    late = t.events(("x", "C", 3))
    assert (late.strategy, late.updated, late.opened) == ("rewrite_files", 1, 1)
    assert late.version_after == late.version_before + 1
