"""Rows that repeat others: set aside by rules of uniqueness, or dropped and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from gluehouse.frames.parse import How, Replacing, parse, warnings
from gluehouse.spec.cleanse import Cleanse
from gluehouse.spec.contract import Contract

COLUMNS = [
    {"name": "k", "type": "string"},
    {"name": "l", "type": "int"},
    {"name": "at", "type": "int", "nullable": False},
    {"name": "v", "type": "string"},
]
Delivered = tuple[str | None, str | None, str | None, str | None]
# What became of a row: the rules that it broke, and whether it was dropped.
Fate = tuple[list[str], bool]


def contract(*rules: dict[str, Any]) -> Contract:
    return Contract.model_validate({"contract": "t.v1", "columns": COLUMNS, "row_rules": list(rules)})


def fates(
    spark: SparkSession, rows: list[Delivered], agreed: Contract, deduplicate: dict[str, Any] | None = None
) -> list[Fate]:
    """One a row, in the order of delivery; the source object is the row's number."""
    schema = "k string, l string, at string, v string, _source_object string, _malformed string"
    frame = spark.createDataFrame([(*row, f"{place:04}", None) for place, row in enumerate(rows)], schema)
    how = How(cleanse=Cleanse.model_validate({"deduplicate": deduplicate}))
    found = sorted(parse(frame, agreed, (), how).collect(), key=lambda row: str(row["_source_object"]))
    return [([violation["rule"] for violation in row["_violations"]], row["_deduplicated"]) for row in found]


def unique(*columns: str, **more: Any) -> dict[str, Any]:
    return {"rule": "unique", "columns": list(columns), **more}


ON_K = ["unique(k)"]


def broken(found: list[Fate]) -> list[list[str]]:
    return [rules for rules, _ in found]


def test_every_row_of_a_repeated_combination_is_set_aside_and_null_never_repeats(spark: SparkSession) -> None:
    rows: list[Delivered] = [
        ("a", "1", "1", "x"), ("a", "1", "2", "y"), ("a", "2", "3", "x"),
        (None, "1", "1", "x"), (None, "1", "1", "x"), ("a", None, "1", "x"), ("a", None, "1", "x"),
    ]  # fmt: skip
    told = ["unique(k, l)"]
    assert broken(fates(spark, rows, contract(unique("k", "l")))) == [told, told, [], [], [], [], []]


def test_two_rules_are_judged_each_by_itself(spark: SparkSession) -> None:
    rows: list[Delivered] = [("a", "1", "1", "x"), ("a", "2", "1", "y"), ("b", "1", "1", "z"), ("c", "3", "1", "z")]
    found = fates(spark, rows, contract(unique("k"), unique("l")))
    assert broken(found) == [["unique(k)", "unique(l)"], ON_K, ["unique(l)"], []]


def test_rows_that_another_rule_sets_aside_take_no_part(spark: SparkSession) -> None:
    rows: list[Delivered] = [("a", "1", "1", "x"), ("a", "many", "1", "y"), ("a", "1", None, "z")]
    assert broken(fates(spark, rows, contract(unique("k")))) == [[], ["type(l)"], ["not_null(at)"]]


@pytest.mark.parametrize(("keep", "kept"), [("first", 1), ("last", 2)])
def test_of_repeated_rows_the_first_or_last_passes(spark: SparkSession, keep: str, kept: int) -> None:
    rows: list[Delivered] = [("a", "1", "10", "x"), ("a", "1", "9", "y"), ("a", "1", "11", "z"), ("b", "1", "1", "x")]
    found = broken(fates(spark, rows, contract(unique("k", keep=keep, by=["at"]))))
    assert [place for place, rules in enumerate(found) if not rules] == [kept, 3]


def test_of_rows_that_tie_for_the_last_place_none_passes_unless_they_are_the_same(spark: SparkSession) -> None:
    rows: list[Delivered] = [
        ("a", "1", "2", "x"), ("a", "1", "2", "y"), ("a", "1", "1", "z"),
        ("b", "1", "2", "x"), ("b", "1", "2", "x"), ("b", "1", "1", "y"),
    ]  # fmt: skip
    found = broken(fates(spark, rows, contract(unique("k", keep="last", by=["at"]))))
    assert found[:3] == [ON_K, ON_K, ON_K]
    assert sorted(found[3:5]) == [[], ON_K]
    assert found[5] == ON_K


def test_of_rows_that_are_the_same_in_all_columns_any_passes(spark: SparkSession) -> None:
    same: Delivered = ("a", "1", "1", None)
    rows: list[Delivered] = [same, same, ("b", "1", "1", "x"), ("b", "1", "1", None), ("c", "1", "1", "x")]
    found = broken(fates(spark, rows, contract(unique("k", keep="any"))))
    assert sorted(found[:2]) == [[], ON_K]
    assert found[2:] == [ON_K, ON_K, []]


def test_a_rule_of_uniqueness_that_only_warns_keeps_its_rows_and_counts_them(spark: SparkSession) -> None:
    agreed = contract(unique("k", severity="warn"), unique("l"))
    rows = [("a", "1", "1", "x"), ("a", "2", "1", "x"), ("b", "2", "1", "x"), ("b", "3", "1", "x")]
    schema = "k string, l string, at string, v string, _source_object string, _malformed string"
    parsed = parse(spark.createDataFrame([(*row, "o", None) for row in rows], schema), agreed)
    counted = [(title, parsed.agg(count.alias("n")).first()["n"]) for title, count in warnings(agreed)]  # type: ignore[index]
    # Of the four that break the rule two are set aside by the other one.
    assert counted == [("unique(k)", 2)]


def test_rows_that_others_supersede_are_dropped_once_each_and_ties_that_differ_are_kept(spark: SparkSession) -> None:
    rows: list[Delivered] = [
        ("a", "1", "1", "x"), ("a", "1", "2", "y"), ("a", "1", "2", "y"),
        ("b", "1", "5", "x"), ("b", "1", "5", "y"), ("b", "1", "4", "z"),
        (None, "1", "1", "x"), (None, "1", "1", "x"),
    ]  # fmt: skip
    found = [dropped for _, dropped in fates(spark, rows, contract(), {"keys": ["k"], "order_by": ["at"]})]
    assert (found[0], sorted(found[1:3])) == (True, [False, True])
    assert found[3:] == [False, False, True, False, False]


def test_the_first_can_be_kept_and_without_an_order_only_what_is_the_same_goes(spark: SparkSession) -> None:
    rows: list[Delivered] = [("a", "1", "1", "x"), ("a", "1", "2", "y"), ("a", "1", "2", "y")]
    first = fates(spark, rows, contract(), {"keys": ["k"], "order_by": ["at"], "keep": "first"})
    assert [dropped for _, dropped in first] == [False, True, True]
    same = fates(spark, rows, contract(), {"keys": ["k"]})
    assert (same[0][1], sorted(dropped for _, dropped in same[1:])) == (False, [False, True])


def test_rows_that_differ_by_a_microsecond_are_not_the_same(spark: SparkSession) -> None:
    columns = [
        {"name": "k", "type": "string"},
        {"name": "z", "type": "timestamp"},
        {"name": "s", "type": "struct<n:timestamp_ntz>"},
    ]
    agreed = Contract.model_validate({"contract": "t.v1", "columns": columns, "row_rules": [unique("k", keep="any")]})
    at = "2024-01-01 00:00:00.12345"
    frame = spark.sql(
        "SELECT k, z, named_struct('n', n) AS s, '' AS _source_object, CAST(NULL AS string) AS _malformed FROM VALUES "
        f"('a', TIMESTAMP'{at}', TIMESTAMP_NTZ'{at}'), ('a', TIMESTAMP'{at}6', TIMESTAMP_NTZ'{at}'), "
        f"('b', TIMESTAMP'{at}', TIMESTAMP_NTZ'{at}'), ('b', TIMESTAMP'{at}', TIMESTAMP_NTZ'{at}6'), "
        f"('c', TIMESTAMP'{at}', TIMESTAMP_NTZ'{at}'), ('c', TIMESTAMP'{at}', TIMESTAMP_NTZ'{at}') AS rows(k, z, n)"
    )
    aside = [row for row in parse(frame, agreed).collect() if row["_violations"]]
    assert sorted(row["k"] for row in aside) == ["a", "a", "b", "b", "c"]
    assert {row["_raw"] for row in aside if row["k"] == "c"} == {
        f'{{"k":"c","z":"{at.replace(" ", "T")}0Z","s":{{"n":"{at.replace(" ", "T")}0"}}}}'
    }
    how = How(cleanse=Cleanse.model_validate({"deduplicate": {"keys": ["k"]}}))
    dropped = parse(frame, agreed.model_copy(update={"row_rules": ()}), (), how).where("_deduplicated").collect()
    assert [row["k"] for row in dropped] == ["c"]


def test_a_bad_row_supersedes_nothing_and_is_never_dropped(spark: SparkSession) -> None:
    rows: list[Delivered] = [("a", "1", "1", "x"), ("a", "bad", "2", "y"), ("a", "bad", "0", "z")]
    found = fates(spark, rows, contract(), {"keys": ["k"], "order_by": ["at"]})
    assert found == [([], False), (["type(l)"], False), (["type(l)"], False)]


def test_rows_that_were_dropped_break_no_uniqueness(spark: SparkSession) -> None:
    rows: list[Delivered] = [("a", "1", "1", "x"), ("a", "1", "2", "y")]
    found = fates(spark, rows, contract(unique("k")), {"keys": ["k"], "order_by": ["at"]})
    assert found == [([], True), ([], False)]


def test_rows_that_give_way_supersede_nothing_and_are_told_by_the_delivery_alone(spark: SparkSession) -> None:
    rows = [
        ("a", "1", "1", "x", "d"), ("a", "1", "2", "y", "d"), ("a", "1", "2", "z", "d"), ("b", "bad", "1", "x", "d"),
        ("a", "1", "0", "x", "fixed"), ("b", "1", "1", "x", "fixed"), ("c", "bad", "1", "x", "fixed"),
    ]  # fmt: skip
    schema = "k string, l string, at string, v string, _source_object string, _malformed string"
    cleanse = Cleanse.model_validate({"deduplicate": {"keys": ["k"], "order_by": ["at"]}})
    agreed, frame = contract(unique("k")), spark.createDataFrame([(*row, None) for row in rows], schema)
    for rule, gone in ((None, 3), ("unique(k)", 2)):
        how = How(cleanse=cleanse, replacing=Replacing("fixed", rule))
        found = parse(frame, agreed, (), how).collect()
        left = [row for row in found if not row["_gives_way"]]
        assert len(found) - len(left) == gone
        told = {
            (row["k"], row["at"]): (row["_deduplicated"], [found["rule"] for found in row["_violations"]])
            for row in left
            if row["_source_object"] == "fixed" or row["k"] == "a"
        }
        # What was superseded by rows that are gone is back, and supersedes what stands in their place.
        assert told == {
            ("a", 1): (False, []), ("a", 0): (True, []), ("b", 1): (False, []), ("c", 1): (False, ["type(l)"]),
        }  # fmt: skip


def test_columns_of_a_contract_may_be_called_as_one_likes(spark: SparkSession) -> None:
    columns = [{"name": name, "type": "string"} for name in ("__spread", "__whole", "__taking_part", "__broken_0")]
    agreed = Contract.model_validate(
        {"contract": "t.v1", "columns": columns, "row_rules": [unique("__spread", keep="any")]}
    )
    names = [*agreed.column_names, "_source_object", "_malformed"]
    frame = spark.createDataFrame([(*"abcd", "", None)] * 2, ", ".join(f"{name} string" for name in names))
    rows = parse(frame, agreed).collect()
    assert [tuple(row)[:4] for row in rows] == [("a", "b", "c", "d")] * 2
    assert sorted(len(row["_violations"]) for row in rows) == [0, 1]


_ROW = st.tuples(
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["1", "2", "no"]),
    st.sampled_from(["1", "2", None]),
    st.sampled_from(["x", None]),
)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(_ROW, min_size=1, max_size=14), keep=st.sampled_from(["first", "last"]))
def test_any_rows_end_as_plain_python_says(spark: SparkSession, rows: list[Delivered], keep: str) -> None:
    agreed = contract(unique("k", "l"), unique("v", keep="any"))
    found = fates(spark, rows, agreed, {"keys": ["k"], "order_by": ["at"], "keep": keep})
    kept = [row for row, (rules, dropped) in zip(rows, found, strict=True) if not rules and not dropped]
    dropped = [row for row, (_, gone) in zip(rows, found, strict=True) if gone]
    assert (Counter(kept), Counter(dropped)) == _expected(rows, keep)
    assert all(not (rules and gone) for rules, gone in found)


def _expected(rows: list[Delivered], keep: str) -> tuple[Counter[Delivered], Counter[Delivered]]:
    good = [row for row in rows if row[1] != "no" and row[2] is not None]
    groups: dict[str, list[Delivered]] = defaultdict(list)
    for row in good:
        if row[0] is not None:
            groups[row[0]].append(row)
    left = [row for row in good if row[0] is None]
    for group in groups.values():
        best = (max if keep == "last" else min)(str(row[2]) for row in group)
        left += {row for row in group if row[2] == best}
    dropped = Counter(good) - Counter(left)
    pairs = Counter(row[:2] for row in left if row[0] is not None)
    texts: dict[str, list[Delivered]] = defaultdict(list)
    for row in left:
        texts[str(row[3])].append(row)
    kept: Counter[Delivered] = Counter()
    for row in set(left):
        several = row[0] is not None and pairs[row[:2]] > 1
        same = texts[str(row[3])]
        if several or (row[3] is not None and len(set(same)) > 1):
            continue
        kept[row] = 1 if row[3] is not None else left.count(row)
    return kept, dropped
