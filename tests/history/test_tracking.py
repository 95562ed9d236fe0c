"""What a version shows: untracked columns, ignored NULLs, and tables that keep one state a key. One example each."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import FLAG

from gluehouse.spec.history import HistorySpec


@pytest.mark.parametrize(("mode", "first"), [("in_interval", "late"), ("all_versions", "new")])
def test_an_untracked_value_that_comes_late_updates_the_version_that_shows_it(
    table: Any, mode: str, first: str
) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", untracked={"columns": ["u"], "mode": mode}))
    schema = "k string, v string, u string, s int"
    t.apply([("x", "A", "old", 1), ("x", "B", "new", 5)], schema)
    assert t.apply([("x", "A", "late", 3)], schema).opened == 0
    assert t.versions("v", "u") == [("x", "A", first, 1, 5), ("x", "B", "new", 5, None)]


def test_an_ignored_null_takes_the_value_before_since_the_last_delete_also_one_that_comes_late(table: Any) -> None:
    t = table(HistorySpec(keys="k", sequence_by="s", deletes=FLAG, ignore_nulls=True))
    schema = "k string, op string, v string, w string, s int"
    early = [("x", "U", "A", None, 1), ("x", "U", "C", None, 5), ("x", "U", "D", "w", 7)]
    t.apply([*early, ("x", "D", None, None, 8), ("x", "U", None, "z", 9)], schema)
    t.apply([("x", "U", None, "late", 3)], schema)
    assert t.versions("v", "w") == [
        ("x", "A", None, 1, 3),
        ("x", "A", "late", 3, 5),
        ("x", "C", "late", 5, 7),
        ("x", "D", "w", 7, 8),
        ("x", None, "z", 9, None),
    ]


def test_type_1_keeps_the_last_state_and_nothing_of_a_deleted_key(table: Any) -> None:
    t = table(HistorySpec(type=1, keys="k", sequence_by="s", deletes=FLAG))
    t.events(("x", "new", 5), ("y", "A", 1), ("y", "D", None, 4))
    t.events(("x", "old", 3), ("y", "B", 2))
    assert t.versions() == [("x", "new", 3, None)]
    t.events(("y", "C", 6))
    assert t.versions() == [("x", "new", 3, None), ("y", "C", 6, None)]


def test_type_1_with_ignored_nulls_keeps_the_last_value_of_each_column(table: Any) -> None:
    t = table(HistorySpec(type=1, keys="k", sequence_by="s", ignore_nulls=True))
    schema = "k string, v string, w string, s int"
    t.apply([("x", "new", None, 5)], schema)
    t.apply([("x", "old", "w", 3), ("x", None, "before", 1)], schema)
    assert t.versions("v", "w") == [("x", "new", "w", 1, None)]


def test_type_0_keeps_the_first_state_since_the_last_delete_also_where_that_comes_late(table: Any) -> None:
    t = table(HistorySpec(type=0, keys="k", sequence_by="s", deletes=FLAG))
    t.events(("x", "B", 5), ("x", "C", 6), ("y", "A", 1), ("y", "D", None, 4))
    t.events(("x", "A", 3), ("y", "B", 6), ("y", "C", 2))
    assert t.versions() == [("x", "A", 3, None), ("y", "B", 6, None)]
