"""What the checker finds in broken tables, each invariant by itself, and against a plain reading of the rules."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from conftest import small_frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.history import Snapshot, apply_batch, read_history
from gluehouse.history.check import check_history, history_as_of, violations
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.gaps import ANY_DELETE, NO_DELETE, Deletes, deletes_in_memory, with_events
from gluehouse.history.memory import Memory
from gluehouse.history.versions import PRESETS
from gluehouse.spec.history import HistorySpec

# What each key has, as (from, to, is_current, surrogate key), and the invariants that it breaks.
CASES: dict[str, tuple[list[tuple[Any, ...]], set[str]]] = {
    "versions that meet break nothing": ([(1, 3, False, 10), (3, None, True, 11)], set()),
    "a closed last version breaks nothing": ([(1, 3, False, 12)], set()),
    "a version that starts before the one before it ends overlaps": (
        [(1, 5, False, 13), (3, None, True, 14)],
        {"overlap"},
    ),
    "an open version behind which another starts overlaps it": (
        [(1, None, True, 15), (3, 4, False, 16)],
        {"overlap"},
    ),
    "a version inside an earlier one, with another in between, overlaps": (
        [(1, 9, False, 17), (2, 3, False, 18), (4, 5, False, 19)],
        {"overlap"},
    ),
    "two versions with one start overlap": ([(1, 2, False, 20), (1, None, True, 21)], {"overlap"}),
    "a version that ends before it starts is inverted, and overlaps nothing": (
        [(1, None, True, 22), (4, 2, False, 23)],
        {"inversion"},
    ),
    "a version that ends where it starts is inverted": ([(4, 4, False, 24)], {"inversion"}),
    "two current versions are one too many": (
        [(1, 3, True, 25), (3, None, True, 26)],
        {"double_current", "current_flag"},
    ),
    "a current version with an end disagrees": ([(1, 3, True, 27)], {"current_flag"}),
    "an open version that is not current disagrees": ([(1, None, False, 28)], {"current_flag"}),
    "a current flag that is NULL disagrees with any end": (
        [(1, 3, None, 29), (3, None, None, 30)],
        {"current_flag"},
    ),
    "nothing between two versions is a gap": ([(1, 3, False, 31), (5, None, True, 32)], {"unexplained_gap"}),
    "a gap behind an overlap is a gap": (
        [(1, 4, False, 33), (2, 3, False, 34), (6, None, True, 35)],
        {"overlap", "unexplained_gap"},
    ),
    "an inverted version neither fills a gap nor makes one": (
        [(1, 3, False, 36), (3, 2, False, 37), (3, None, True, 38)],
        {"inversion"},
    ),
    "a start that is NULL has no place": ([(None, 3, False, 39), (3, None, True, 40)], {"null_start"}),
    "a surrogate key of another key's is given twice": ([(1, None, True, 10)], {"duplicate_surrogate_key"}),
    "a surrogate key that is NULL is missing, not given twice": (
        [(1, 2, False, None), (2, None, True, None)],
        {"null_surrogate_key"},
    ),
}
SCHEMA = "k string, n int, v string, effective_from int, effective_to int, is_current boolean, sk int, loaded_at int"


def rows_of(*versions: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [(key, 1, "v", start, end, current, sk, 0) for key, start, end, current, sk in versions]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, list[Any]]:
    """Key -> its violations, of all cases in one table."""
    rows = rows_of(*[(name, *version) for name, (versions, _) in CASES.items() for version in versions])
    table = small_frame(spark, rows, SCHEMA)
    answer: dict[str, list[Any]] = {}
    for row in check_history(table, ["k", "n"], "sk", NO_DELETE).collect():
        answer.setdefault(row["key"]["k"], []).append(row)
    return answer


@pytest.mark.parametrize("case", CASES)
def test_it_finds_that(case: str, found: dict[str, list[Any]]) -> None:
    expected = CASES[case][1]
    if case == "versions that meet break nothing":
        expected = {"duplicate_surrogate_key"}  # it is the other one that has 10
    assert {row["invariant"] for row in found.get(case, [])} == expected


def test_a_gap_is_told_by_its_own_interval(found: dict[str, list[Any]]) -> None:
    gaps = [row for row in found["a gap behind an overlap is a gap"] if row["invariant"] == "unexplained_gap"]
    assert [(row["effective_from"], row["effective_to"]) for row in gaps] == [(4, 6)]


def test_a_key_of_which_a_part_is_null_is_told_and_nothing_else_of_it(spark: SparkSession) -> None:
    rows = [("x", None, "v", 1, None, True, 1, 0), ("x", None, "v", 1, None, True, 2, 0)]
    broken = check_history(small_frame(spark, rows, SCHEMA), ["k", "n"], "sk").collect()
    assert [row["invariant"] for row in broken] == ["null_key", "null_key"]


VERSION = st.tuples(
    st.one_of(st.none(), st.integers(0, 6)), st.one_of(st.none(), st.integers(0, 6)), st.sampled_from([True, False])
)


def broken_by_hand(versions: list[tuple[Any, ...]]) -> dict[str, int]:
    """The invariants of one key, read off the rules: every version is held against every other."""
    wrong: dict[str, int] = {}

    def tell(name: str, count: int) -> None:
        if count:
            wrong[name] = count

    inf = float("inf")
    reach = [(s, inf if e is None else e) for s, e, _ in versions if s is not None]
    holding = sorted((s, e) for s, e in reach if e > s)
    tell("null_start", sum(s is None for s, _, _ in versions))
    tell("inversion", sum(e <= s for s, e in reach))
    tell("overlap", sum(any(e > s for _, e in holding[:at]) for at, (s, _) in enumerate(holding)))
    tell("current_flag", sum(c != (e is None) for _, e, c in versions))
    currents = sum(c for *_, c in versions)
    tell("double_current", currents if currents > 1 else 0)
    instants = range(8)
    covered = [any(s <= t < e for s, e in holding) for t in instants]
    ends_and_holds_again = [
        t for t in instants[1:] if not covered[t] and covered[t - 1] and any(covered[later] for later in instants[t:])
    ]
    tell("unexplained_gap", len(ends_and_holds_again))
    return wrong


@given(st.lists(st.lists(VERSION, max_size=6), min_size=1, max_size=60))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_it_finds_what_a_plain_reading_of_the_rules_finds(spark: SparkSession, keys: list[Any]) -> None:
    rows = rows_of(*[(str(at), *version, 0) for at, versions in enumerate(keys) for version in versions])
    answer: dict[str, dict[str, int]] = {str(at): {} for at in range(len(keys))}
    for row in check_history(small_frame(spark, rows, SCHEMA), ["k", "n"], deletes=NO_DELETE).collect():
        of_key = answer[row["key"]["k"]]
        of_key[row["invariant"]] = of_key.get(row["invariant"], 0) + 1
    assert answer == {str(at): broken_by_hand(versions) for at, versions in enumerate(keys)}


def gaps_in(table: DataFrame, deletes: Deletes) -> list[tuple[Any, ...]]:
    found = violations(table, PRESETS["gluehouse"].named(["k"]), deletes)
    broken = found.where(F.col("invariant") == "unexplained_gap").collect()
    return sorted((r["key"]["k"], r["effective_from"], r["effective_to"]) for r in broken)


def memory_of(spark: SparkSession, path: str, spec: HistorySpec) -> Deletes:
    committed = DeltaLocation(spark, path).state().transactions
    return deletes_in_memory(spec, Memory(spark, path, committed).stored())


def test_a_gap_where_deletes_are_by_absence_must_start_at_a_snapshot_that_speaks_for_the_key(
    spark: SparkSession, tmp_path: Any
) -> None:
    spec = HistorySpec(keys="k", sequence_by="d", deletes="absence")
    third, fourth, fifth = (dt.date(2024, 1, day) for day in (3, 4, 5))
    path = str(tmp_path / "t")
    batch = small_frame(spark, [("w", "v", third)], "k string, v string, d date")
    mute = small_frame(spark, [("y",)], "k string")
    apply_batch(spark, path, batch, spec, "b", snapshot=Snapshot(quarantined_keys=mute))
    torn = [("x", third), ("y", third), ("z", fourth)]
    versions = [
        (k, 1, "v", *interval, interval[1] is None, 0, 0)
        for k, end in torn
        for interval in ((dt.date(2024, 1, 1), end), (fifth, None))
    ]
    table = small_frame(spark, versions, SCHEMA.replace("_from int", "_from date").replace("_to int", "_to date"))
    assert gaps_in(table, memory_of(spark, path, spec)) == [("y", third, fifth), ("z", fourth, fifth)]


def test_a_gap_where_deletes_are_flagged_is_a_delete_unless_memory_has_an_upsert_in_it(
    spark: SparkSession, tmp_path: Any
) -> None:
    spec = HistorySpec(keys="k", sequence_by="s", deletes={"column": "op", "values": ["D"]})
    path = str(tmp_path / "t")
    rows = [("x", "U", "A", 1), ("x", "U", "A", 4), ("x", "D", None, 6), ("x", "U", "B", 8)]
    apply_batch(spark, path, small_frame(spark, rows, "k string, op string, v string, s int"), spec, "b1")
    remembered = memory_of(spark, path, spec)
    assert gaps_in(read_history(spark, path), remembered) == []
    # The upsert at 4 is remembered: it belongs into a gap that starts there, and not into one that ends there.
    torn = [("x", 1, 4), ("x", 8, None), ("y", 1, 4), ("y", 8, None)]
    versions = [(*version, version[2] is None, 0) for version in torn]
    assert gaps_in(small_frame(spark, rows_of(*versions), SCHEMA), remembered) == [("x", 4, 8)]
    before_it = [("x", 1, 3, False, 0), ("x", 4, None, True, 0)]
    assert gaps_in(small_frame(spark, rows_of(*before_it), SCHEMA), remembered) == []


def test_memory_is_no_witness_for_gaps_from_before_the_time_that_it_was_pruned_at(spark: SparkSession) -> None:
    schema = "kind string, key struct<k: string>, at int, is_delete boolean, speaks boolean"
    memory = small_frame(spark, [("snapshot", None, 7, None, True)], schema)
    table = small_frame(spark, rows_of(*[("x", s, e, e is None, 0) for s, e in ((1, 3), (5, 8), (9, None))]), SCHEMA)
    spec = HistorySpec(keys="k", sequence_by="s", deletes="absence")
    assert gaps_in(table, deletes_in_memory(spec, memory)) == [("x", 3, 5), ("x", 8, 9)]
    pruned = memory.unionByName(small_frame(spark, [("pruned", None, 7, None, None)], schema))
    assert gaps_in(table, deletes_in_memory(spec, pruned)) == [("x", 8, 9)]


def test_a_gap_needs_a_delete_of_the_log_where_one_is_given(spark: SparkSession) -> None:
    versions = [(key, s, e, e is None, 0) for key in "xyz" for s, e in ((1, 3), (5, None))]
    table = small_frame(spark, rows_of(*versions), SCHEMA)
    log = [("x", "D", 3), ("y", "U", 3), ("y", "D", 4), (None, "D", 2)]
    events = small_frame(spark, log, "k string, op string, at long")
    flag = HistorySpec(keys="k", sequence_by="s", deletes={"column": "op", "values": ["D"]}).delete_flag
    witnesses = with_events(ANY_DELETE, events, ["k"], "at", flag)
    assert gaps_in(table, witnesses) == [("y", 3, 5), ("z", 3, 5)]
    emptied = small_frame(spark, [(None, 3)], "k string, at long")
    assert gaps_in(table, with_events(NO_DELETE, emptied, ["k"], "at", None)) == []
    with pytest.raises(ConfigError, match="GH1470"):
        with_events(NO_DELETE, events, ["k"], "then", None)


def test_no_gap_is_asked_about_where_any_delete_may_be_and_each_is_unexplained_where_nothing_deletes(
    spark: SparkSession,
) -> None:
    table = small_frame(spark, rows_of(("x", 1, 3, False, 0), ("x", 5, None, True, 0)), SCHEMA)
    assert gaps_in(table, ANY_DELETE) == []
    never = HistorySpec(keys="k", sequence_by="s")
    assert gaps_in(table, deletes_in_memory(never, None)) == [("x", 3, 5)]


def test_a_table_of_dbts_has_no_current_flag_and_may_have_a_far_date_for_an_open_end(spark: SparkSession) -> None:
    far = dt.datetime(9999, 12, 31)
    days = [dt.datetime(2024, 1, day) for day in (1, 2, 3)]
    rows = [(1, days[0], days[1], "a", days[0]), (1, days[1], far, "b", days[1]), (2, days[0], far, "b", days[0])]
    schema = "id int, dbt_valid_from timestamp, dbt_valid_to timestamp, dbt_scd_id string, dbt_updated_at timestamp"
    table = small_frame(spark, [*rows, (1, days[2], far, "c", days[2])], schema)
    columns = PRESETS["dbt"].named(["id"], open_end="9999-12-31T00:00:00Z")
    broken = sorted((row["key"]["id"], row["invariant"]) for row in violations(table, columns).collect())
    assert broken == [
        (1, "double_current"), (1, "double_current"), (1, "duplicate_surrogate_key"), (1, "overlap"),
        (2, "duplicate_surrogate_key"),
    ]  # fmt: skip


def test_columns_that_do_not_fit_are_refused(spark: SparkSession) -> None:
    table = small_frame(spark, [], "k string, effective_time date, end_time timestamp, is_current string")
    mack = PRESETS["mack"].named(["k"])
    for columns, words in (
        (PRESETS["gluehouse"].named(["id"]), "no column effective_from, effective_to, id"),
        (mack, "effective_time is date, but end_time is timestamp"),
        (mack.named(end="effective_time"), "is_current is string"),
    ):
        with pytest.raises(ConfigError, match=f"GH1470.*{words}"):
            violations(table, columns)


def test_at_an_instant_a_version_holds_from_its_start_on_and_at_its_end_no_more(spark: SparkSession) -> None:
    table = small_frame(
        spark,
        rows_of(("x", 1, 3, False, 0), ("x", 5, None, True, 0), ("y", None, 9, False, 0)),
        SCHEMA,
    )
    of = {at: [row["effective_from"] for row in history_as_of(table, at).collect()] for at in (0, 1, 2, 3, 4, 5, 99)}
    assert of == {0: [], 1: [1], 2: [1], 3: [], 4: [], 5: [5], 99: [5]}
