"""The unknown member, and members that facts told of before their own rows came.

Members among other events, in any order, and with memory pruned: test_streams.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from days import COLUMNS, SCHEMA, delete, frame, instant, spec, upsert
from pyspark.sql import DataFrame, SparkSession

from gluehouse.errors import ConfigError
from gluehouse.history import apply_batch, compact_memory, infer_members, read_history
from gluehouse.history.check import check_history
from gluehouse.history.repair import plan_repair
from gluehouse.history.versions import PRESETS
from gluehouse.spec.history import HistorySpec

HASHED = {"kind": "hash128", "column": "sk"}
NUMBERED = {"kind": "bigint", "column": "sk", "unknown_member": True}


def members(spark: SparkSession, *told: tuple[int | None, int | None]) -> DataFrame:
    return small_frame(spark, [(key, instant(day)) for key, day in told], "k int, at timestamp")


def rows(spark: SparkSession, path: str, *names: str) -> list[tuple[Any, ...]]:
    """Versions in order, with days for times; without the unknown member."""
    found = read_history(spark, path).where("k IS NOT NULL").orderBy("k", "effective_from").collect()
    times = [[getattr(row[n], "day", None) for n in ("effective_from", "effective_to")] for row in found]
    return [(row["k"], *ends, *[row[n] for n in names]) for row, ends in zip(found, times, strict=True)]


def test_a_fact_that_comes_first_gets_a_key_that_stays_when_the_member_comes(
    spark: SparkSession, tmp_path: Path
) -> None:
    for kind in ("bigint", "hash128"):
        path = str(tmp_path / kind)
        how = spec(surrogate_key={"kind": kind, "column": "sk"}, lateness=None)
        apply_batch(spark, path, frame(spark, [upsert(1, 5, "x", "u")]), how, "first", payload=COLUMNS)
        found = infer_members(spark, path, members(spark, (2, 7), (1, 8)), how, "facts")
        assert (found.opened, found.remembered) == (1, 0)
        ((_, _, _, fact_key),) = [row for row in rows(spark, path, "sk") if row[0] == 2]
        apply_batch(spark, path, frame(spark, [upsert(2, 12, "y", "v")]), how, "second", payload=COLUMNS)
        assert rows(spark, path, "a", "u") == [(1, 5, None, "x", "u"), (2, 7, None, "y", "v")]
        assert [row[3] for row in rows(spark, path, "sk") if row[0] == 2] == [fact_key]
        again = infer_members(spark, path, members(spark, (2, 7)), how, "facts again")
        assert (again.why, again.memory_version) == ("these members are known already", None)


def test_an_inferred_member_yields_to_an_event_at_its_time_a_delete_and_a_late_event_before_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, how = str(tmp_path / "t"), spec(surrogate_key=HASHED, lateness=None)
    pieces = [upsert(1, 3, "x", "u"), delete(1, 6), upsert(2, 4, "x", "u")]
    apply_batch(spark, path, frame(spark, pieces), how, "events", payload=COLUMNS)
    infer_members(spark, path, members(spark, (1, 6), (1, 8), (2, 4), (3, 5)), how, "facts")
    assert rows(spark, path, "a") == [(1, 3, 6, "x"), (1, 8, None, None), (2, 4, None, "x"), (3, 5, None, None)]
    late = [upsert(3, 2, "z", "w"), upsert(1, 9, "y", "u")]
    found = apply_batch(spark, path, frame(spark, late), how, "late", payload=COLUMNS)
    assert rows(spark, path, "a") == [(1, 3, 6, "x"), (1, 8, None, "y"), (2, 4, None, "x"), (3, 2, None, "z")]
    (moved,) = found.retired_keys.collect()
    keys = {row[0]: row[3] for row in rows(spark, path, "sk")}
    assert moved["successor"] == keys[3]


def test_a_snapshot_without_the_inferred_member_deletes_it_and_one_with_it_fills_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, how = str(tmp_path / "t"), spec(deletes="absence", lateness=None, breaker={"keys": 100})
    first = frame(spark, [upsert(1, 3, "x", "u")])
    apply_batch(spark, path, first, how, "one", payload=COLUMNS)
    infer_members(spark, path, members(spark, (2, 5), (3, 5)), how, "facts")
    second = frame(spark, [upsert(1, 7, "x", "u"), upsert(2, 7, "y", "u")])
    apply_batch(spark, path, second, how, "two", payload=COLUMNS)
    expected = [(1, 3, None, "x"), (2, 5, None, "y"), (3, 5, 7, None)]
    assert rows(spark, path, "a") == expected
    third = frame(spark, [upsert(1, 9, "x", "u"), upsert(2, 9, "y", "u")])
    apply_batch(spark, path, third, how, "three", payload=COLUMNS)
    assert rows(spark, path, "a") == expected


def test_the_table_can_begin_with_inferred_members(spark: SparkSession, tmp_path: Path) -> None:
    path, how = str(tmp_path / "t"), spec(surrogate_key=NUMBERED, sequence_by="s", effective_at="at")
    with pytest.raises(ConfigError, match="GH1405: the table does not tell yet"):
        infer_members(spark, path, members(spark, (1, 5)), how, "facts")
    like = small_frame(spark, [], SCHEMA).schema
    infer_members(spark, path, members(spark, (1, 5), (None, 5), (2, None)), how, "facts", like=like, payload=COLUMNS)
    apply_batch(spark, path, frame(spark, [upsert(1, 9, "x", "u")]), how, "b", payload=COLUMNS)
    assert rows(spark, path, "a", "sk") == [(1, 5, None, "x", 1)]


def test_members_without_key_or_time_or_of_another_type_are_named(spark: SparkSession, tmp_path: Path) -> None:
    path, how = str(tmp_path / "t"), spec(lateness="P4D")
    piece = frame(spark, [upsert(1, 10, "x", "u"), upsert(1, 11, "x", "u")])
    apply_batch(spark, path, piece, how, "b", payload=COLUMNS)
    found = infer_members(spark, path, members(spark, (None, 10), (2, None), (2, 6), (2, 7)), how, "facts")
    assert sorted(row["rule"] for row in found.rejected.collect()) == [
        "history.null_key",
        "history.null_sequence",
        "history.too_late",
    ]
    assert rows(spark, path, "a") == [(1, 10, None, "x"), (2, 7, None, None)]
    with pytest.raises(ConfigError, match="GH1405: at of the members is int, that of the table timestamp"):
        infer_members(spark, path, small_frame(spark, [(1, 1)], "k int, at int"), how, "wrong")
    with pytest.raises(ConfigError, match="GH1405: inferred members need one time"):
        infer_members(spark, path, small_frame(spark, [(1,)], "k int"), how, "wrong")


@pytest.mark.parametrize("kind", ["bigint", "hash128"])
def test_the_unknown_member_comes_with_the_first_version_and_is_counted_nowhere(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = str(tmp_path / "t")
    how = HistorySpec(
        keys="k",
        sequence_by="at",
        deletes="absence",
        surrogate_key={"kind": kind, "column": "sk", "unknown_member": True},
        breaker={"keys": 1, "share": 0.5},
    )
    for number, piece in enumerate(
        [
            [upsert(1, 3, "x", "u"), upsert(2, 3, "x", "u")],
            [upsert(1, 5, "y", "u")],
            [upsert(1, 7, "y", "v"), upsert(3, 7, "z", "u")],
        ]
    ):
        if number == 2:
            monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
        found = apply_batch(spark, path, frame(spark, piece), how, f"b{number}", payload=COLUMNS)
        assert (found.opened, found.removed) == ([2, 1, 2][number], 0)
    table = read_history(spark, path)
    (unknown,) = table.where("k IS NULL").collect()
    assert unknown["sk"] == (-1 if kind == "bigint" else "f" * 32)
    assert (unknown["is_current"], unknown["batch_id"]) == (True, "b0")
    assert all(unknown[name] is None for name in ("effective_from", "effective_to", *COLUMNS))
    assert check_history(table, ["k"], "sk").collect() == []
    assert check_history(table, ["k"]).count() > 0, "without its surrogate key it is a row without key"
    mended = plan_repair(table, PRESETS["gluehouse"].named(keys=("k",), surrogate="sk"))
    assert mended.where("moved IS NOT NULL OR size(changes) > 0").count() == 0
    if kind == "bigint":
        assert sorted(row[3] for row in rows(spark, path, "sk")) == [1, 2, 3, 4, 5]


def test_an_option_given_later_brings_the_unknown_member_with_the_next_change(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "t")
    plain = spec(surrogate_key={"kind": "bigint", "column": "sk"})
    apply_batch(spark, path, frame(spark, [upsert(1, 3, "x", "u")]), plain, "one", payload=COLUMNS)
    how = spec(surrogate_key=NUMBERED)
    for number, day in enumerate((4, 5)):
        piece = frame(spark, [upsert(1, day, f"y{day}", "u")])
        apply_batch(spark, path, piece, how, f"b{number}", payload=COLUMNS)
        assert read_history(spark, path).where("sk = -1").count() == 1
    compact_memory(spark, path, how)
    assert rows(spark, path, "sk") == [(1, 3, 4, 1), (1, 4, 5, 2), (1, 5, None, 3)]
