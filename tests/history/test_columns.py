"""Columns that come, go, become wider or are nested: what is compared, what is kept, what memory knows of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from conftest import EVENTS, FLAG, SNAPSHOTS
from pyspark.sql import SparkSession

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history import read_history
from gluehouse.spec.history import HistorySpec


def test_a_new_column_versions_only_rows_whose_value_is_not_null_and_widening_none(table: Any) -> None:
    t = table(EVENTS)
    t.apply([("x", "U", 1, 1), ("y", "U", 1, 1)], "k string, op string, n int, s int")
    t.apply([("x", "U", 1, None, 2), ("y", "U", 1, "new", 2)], "k string, op string, n int, c string, s int")
    assert t.versions("n", "c") == [("x", 1, None, 1, None), ("y", 1, None, 1, 2), ("y", 1, "new", 2, None)]
    found = t.apply([("x", "U", 1, 3), ("y", "U", 2**40, 3)], "k string, op string, n bigint, s int")
    assert found.strategy == "rewrite"
    assert t.versions("n", "c") == [
        ("x", 1, None, 1, None),
        ("y", 1, None, 1, 2),
        ("y", 1, "new", 2, 3),
        ("y", 2**40, None, 3, None),
    ]


def test_what_memory_knows_outlives_the_widening_of_a_column(table: Any) -> None:
    t = table(SNAPSHOTS)
    narrow, wide = "k string, n int, d date", "k string, n bigint, d date"
    first, other = [("x", 1, dt.date(2024, 1, 1)), ("y", 1, dt.date(2024, 1, 1))], [("x", 2, dt.date(2024, 1, 1))]
    t.apply(first, narrow)
    assert t.apply([("x", 2**40, dt.date(2024, 1, 5))], wide).strategy == "rewrite"
    assert t.apply(first, wide).why == "this snapshot is known already"
    with pytest.raises(HistoryRefused, match="GH4002"):
        t.apply(other, wide)
    t.apply([("x", 3, dt.date(2024, 1, 3)), ("y", 1, dt.date(2024, 1, 3))], narrow)
    assert t.versions("n") == [("x", 1, 1, 3), ("x", 3, 3, 5), ("x", 2**40, 5, None), ("y", 1, 1, 5)]


def test_column_names_may_have_dots_capitals_and_letters_of_any_script(spark: SparkSession, table: Any) -> None:
    spec = HistorySpec(keys=["Käy", "k.2"], sequence_by="S.q", surrogate_key={"kind": "bigint", "column": "s.K"})
    t = table(spec)
    schema = "`Käy` string, `k.2` int, `V.al` string, `S.q` int"
    t.apply([("x", 1, "A", 1), ("y", 1, "A", 1)], schema)
    assert t.apply([("x", 1, "B", 3), ("y", 1, "B", 3)], schema).strategy == "rewrite_files"
    assert t.apply([("x", 1, "C", 2)], schema).strategy == "rewrite_files"
    found = read_history(spark, t.path).orderBy("`Käy`", "effective_from").collect()
    assert [(r["Käy"], r["k.2"], r["V.al"], r["effective_from"]) for r in found] == [
        ("x", 1, "A", 1),
        ("x", 1, "C", 2),
        ("x", 1, "B", 3),
        ("y", 1, "A", 1),
        ("y", 1, "B", 3),
    ]


def test_a_column_that_no_visible_row_has_needed_yet_is_known_from_memory(table: Any) -> None:
    t = table(HistorySpec(type=0, keys="k", sequence_by="s", deletes=FLAG))
    t.apply([("x", "U", "A", 1)], "k string, op string, v string, s int")
    hidden = t.apply([("x", "U", "A", "new", 5)], "k string, op string, v string, c string, s int")
    assert (hidden.version_after, hidden.remembered) == (0, 1)
    t.apply([("x", "D", None, 3)], "k string, op string, v string, s int")
    assert t.versions("v", "c") == [("x", "A", "new", 5, None)]


def test_a_key_becomes_wider_and_stays_the_same_key(table: Any) -> None:
    sk = {"kind": "hash128", "column": "sk"}
    t = table(HistorySpec(keys="k", sequence_by="d", deletes="absence", surrogate_key=sk))
    first, schema = [(7, "A", dt.date(2024, 1, 1)), (8, "A", dt.date(2024, 1, 1))], "k bigint, v string, d date"
    t.apply(first, "k int, v string, d date")
    was = {(r["k"], r["sk"]) for r in read_history(t.spark, t.path).collect()}
    assert t.apply(first, schema).why == "this snapshot is known already"
    wide = t.apply([(7, "B", dt.date(2024, 1, 2)), (2**40, "A", dt.date(2024, 1, 2))], schema)
    assert wide.strategy == "rewrite"
    t.apply([(7, "C", dt.date(2024, 1, 3)), (8, "C", dt.date(2024, 1, 3))], "k int, v string, d date")
    assert t.versions() == [
        (7, "A", 1, 2),
        (7, "B", 2, 3),
        (7, "C", 3, None),
        (8, "A", 1, 2),
        (8, "C", 3, None),
        (2**40, "A", 2, 3),
    ]
    assert was <= {(r["k"], r["sk"]) for r in read_history(t.spark, t.path).collect()}


def test_what_orders_events_becomes_wider(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", tie_breaker="tb"))
    narrow, wide = "k string, v string, tb int, s int", "k string, v string, tb bigint, s bigint"
    t.apply([("x", "A", 1, 1), ("x", "A", 1, 3)], narrow)
    t.apply([("x", "B", 2**40, 1)], wide)
    t.apply([("x", "C", 1, 2**40), ("x", "D", 2, 1)], wide)
    t.apply([("x", "E", 1, 5), ("x", "F", 7, 1)], narrow)
    assert t.versions() == [("x", "B", 1, 3), ("x", "A", 3, 5), ("x", "E", 5, 2**40), ("x", "C", 2**40, None)]


def test_the_sequence_beside_effective_at_becomes_wider(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", effective_at="d"))
    day = dt.date(2024, 1, 1)
    t.apply([("x", "A", day, 1), ("x", "B", day, 2)], "k string, v string, d date, s int")
    t.apply([("x", "C", day, 2**40)], "k string, v string, d date, s bigint")
    t.apply([("x", "D", day, 3)], "k string, v string, d date, s int")
    assert t.versions() == [("x", "C", 1, None)]


def test_nested_fields_go_by_their_names_and_may_be_added_anywhere_inside(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s"))
    one, two, three = {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 2, "c": 3}

    def schema(fields: str) -> str:
        return f"k string, v struct<{fields}>, w array<struct<{fields}>>, m map<string,struct<{fields}>>, s int"

    def row(value: Any, s: int) -> Any:
        return ("x", value, [value], {"key": value}, s)

    t.apply([row(one, 1)], schema("a:int,b:int"))
    assert t.apply([row(two, 2)], schema("b:int,a:int")).opened == 0
    assert t.apply([row(three, 3)], schema("a:int,b:bigint,c:int")).opened == 1
    assert t.apply([row(one, 4)], schema("a:int,b:int")).opened == 1
    plain = {"a": 1, "b": 2, "c": None}
    found = read_history(t.spark, t.path).orderBy("effective_from").collect()
    assert [r["v"].asDict() for r in found] == [plain, three, plain]
    assert [r["w"][0].asDict() for r in found] == [plain, three, plain]
    assert [r["m"]["key"].asDict() for r in found] == [plain, three, plain]


def test_a_column_that_left_the_contract_leaves_the_comparison_and_old_versions_keep_it(table: Any) -> None:
    full, less = "k string, v string, g string, s int", "k string, v string, s int"
    t = table(HistorySpec(keys="k", sequence_by="s"))
    t.apply([("x", "A", "q", 1), ("y", "A", "q", 1)], full)
    assert t.apply([("x", "A", 2), ("y", "B", 2), ("y", "A", 3)], less).opened == 2
    assert t.apply([("x", "A", 4)], less).opened == 0
    assert t.versions("v", "g") == [
        ("x", "A", "q", 1, None),
        ("y", "A", "q", 1, 2),
        ("y", "B", None, 2, 3),
        ("y", "A", None, 3, None),
    ]


def test_a_repeat_without_a_column_that_is_untracked_is_a_repeat(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", tracked=["v"]))
    t.apply([("x", "A", None, 1), ("x", "A", None, 3), ("x", "A", "n", 4)], "k string, v string, c string, s int")
    again = t.apply([("x", "A", 3)], "k string, v string, s int")
    assert (again.rejected_count, again.memory_version) == (0, None)
    assert t.versions("c") == [("x", "n", 1, None)]


def test_a_column_without_a_type_is_as_good_as_absent(spark: SparkSession, table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s"))
    t.apply([("x", "A", None, 1)], "k string, v string, w void, s int")
    assert "w" not in read_history(spark, t.path).columns
    t.apply([("x", "A", "w", 2)], "k string, v string, w string, s int")
    t.apply([("x", "A", None, 3)], "k string, v string, w void, s int")
    assert t.versions("w") == [("x", None, 1, 2), ("x", "w", 2, 3), ("x", None, 3, None)]


def test_what_the_spec_tracks_must_be_payload_and_becomes_it_where_nothing_else_is_said(table: Any) -> None:
    schema, rows = "k string, op string, v string, w string, s int", [("x", "U", "A", "w", 1)]
    t = table(HistorySpec(keys="k", sequence_by="s", deletes=FLAG, tracked=["w"]), payload=["v"])
    with pytest.raises(ConfigError, match="GH1401: the payload has no column w; it has v"):
        t.apply(rows, schema)
    t = table(HistorySpec(keys="k", sequence_by="s", deletes=FLAG, untracked=["op", "s"]))
    t.apply(rows, schema)
    assert t.versions("op", "s") == [("x", "U", 1, 1, None)]


def test_rejected_rows_keep_their_own_column_named_reason(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s"))
    found = t.apply([("x", "late", 1), (None, "late", 1)], "k string, reason string, s int")
    assert found.rejected.columns == ["k", "reason", "s", "rule", "_reason"]
    (row,) = found.rejected.collect()
    assert (row["reason"], row["rule"], row["_reason"]) == ("late", "history.null_key", "a key column (k) is NULL")


def test_null_can_be_the_flag_of_a_delete(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", deletes={"column": "op", "values": [None]}))
    t.events(("x", "A", 1), ("y", "A", 1), ("y", None, None, 2))
    assert t.versions() == [("x", "A", 1, None), ("y", "A", 1, 2)]
