"""Memory stays small, and what was pruned is never missed: pruned at every batch, the table is that of the reference.

Streams drift forward, so that events come late, some of them too late, while the horizon moves over the keys' past.
"""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from reference import Log, Rules, versions
from test_order import COLUMNS, FLAG, RARE, event_frame, expected, random_payload, shown

from gluehouse.history import Snapshot, apply_batch, compact_memory
from gluehouse.spec.history import HistorySpec

LATENESS = 4
EVERY = {"columns": ["u"], "mode": "all_versions"}


def spec(**more: Any) -> HistorySpec:
    return HistorySpec(**{"keys": "k", "sequence_by": "at", "deletes": FLAG, "lateness": f"P{LATENESS}D", **more})


CASES: dict[str, tuple[HistorySpec, Rules]] = {
    "tie-breaker, untracked in the interval": (spec(tie_breaker="tie", untracked=["u"]), Rules(untracked=("u",))),
    "untracked in all versions": (spec(untracked=EVERY), Rules(untracked=("u",), all_versions=True)),
    "ignored nulls, untracked": (
        spec(ignore_nulls=True, untracked=["u"]),
        Rules(ignore_nulls=True, untracked=("u",)),
    ),
    "ignored nulls, untracked in all versions": (
        spec(ignore_nulls=True, untracked=EVERY),
        Rules(ignore_nulls=True, untracked=("u",), all_versions=True),
    ),
    "effective_at": (spec(sequence_by="s", effective_at="at"), Rules()),
    "effective_at, ignored nulls": (
        spec(sequence_by="s", effective_at="at", ignore_nulls=True, untracked=["u"]),
        Rules(ignore_nulls=True, untracked=("u",)),
    ),
    "type 1": (spec(type=1), Rules(type=1)),
    "type 1, ignored nulls": (spec(type=1, ignore_nulls=True), Rules(type=1, ignore_nulls=True)),
    "type 0": (spec(type=0), Rules(type=0)),
}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gluehouse.history.compaction.FILES", 0)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "case",
    [
        "tie-breaker, untracked in the interval",
        "ignored nulls, untracked in all versions",
        "effective_at, ignored nulls",
    ],
)
@given(seed=st.integers(0, 10**6))
@RARE
def test_with_memory_pruned_at_every_batch_the_table_is_that_of_the_accepted_events(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, case: str, seed: int
) -> None:
    rng = random.Random(f"{case} {seed}")
    how, rules = CASES[case]
    path = str(tmp_path_factory.mktemp("pruned") / "t")
    accepted: list[dict[str, Any]] = []
    pieces = drifting_pieces(rng, 200, tied=how.tie_breaker is not None, timed=how.effective_at is not None)
    for number, piece in enumerate(pieces):
        start = max((event["at"] for event in accepted), default=0) - LATENESS
        timely = [event for event in piece if event["at"] >= start]
        result = apply_batch(spark, path, event_frame(spark, piece), how, f"b{number}", payload=COLUMNS)
        assert result.rejected_count == len(piece) - len(timely)
        accepted += timely
        assert oldest(spark, path, "event") >= max(event["at"] for event in accepted) - LATENESS
    assert len(accepted) < sum(len(piece) for piece in pieces), "nothing came too late: the stream shows nothing"
    assert shown(spark, path) == expected(accepted, rules)


@pytest.mark.usefixtures("always")
@given(seed=st.integers(0, 10**6))
@RARE
def test_with_memory_pruned_at_every_snapshot_the_table_is_that_of_the_timely_snapshots(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    how = spec(deletes="absence", untracked=["u"], breaker={"share": 1.0, "keys": 1000})
    path = str(tmp_path_factory.mktemp("pruned") / "t")
    log, newest = Log(), 0
    for number, time in enumerate([6, 9, 1, 5, 12, 10]):
        rows = {k: random_payload(rng) for k in rng.sample(range(60), 40)}
        quiet = set(rng.sample(sorted(set(range(60)) - set(rows)), 5))
        piece = [{"key": k, "at": time, "seq": time, "op": "U", "tie": None, "payload": p} for k, p in rows.items()]
        mute = Snapshot(quarantined_keys=small_frame(spark, [(k,) for k in quiet], "k int"))
        result = apply_batch(spark, path, event_frame(spark, piece), how, f"b{number}", payload=COLUMNS, snapshot=mute)
        if time < newest - LATENESS:
            assert (result.rejected_count, result.why) == (40, "the whole snapshot comes too late")
            continue
        assert result.rejected_count == 0
        log.snapshots.append((time, rows, quiet))
        newest = max(newest, time)
    assert shown(spark, path) == versions(log, Rules(untracked=("u",)))
    for kind in ("event", "snapshot", "silent"):
        assert oldest(spark, path, kind) >= newest - LATENESS


def test_memory_shrinks_to_what_the_horizon_leaves_and_to_few_files(spark: SparkSession, tmp_path: Path) -> None:
    how, path = spec(untracked=["u"]), str(tmp_path / "t")
    for number in range(3):
        days = range(1 + 3 * number, 4 + 3 * number)
        piece = [update(key, day, "x", f"u{day}") for key in range(20) for day in days]
        apply_batch(spark, path, event_frame(spark, piece), how, f"b{number}", payload=COLUMNS)
    memory = spark.read.format("delta").load(path + "__memory")
    assert memory.where("kind = 'event'").count() >= 9 * 20
    found = compact_memory(spark, path, how)
    assert {row["kind"]: row["count"] for row in memory.groupBy("kind").count().collect()} == {
        "event": 5 * 20,
        "state": 20,
        "horizon": 2,
        "pruned": 1,
    }
    assert found.before.files > found.after.files == 4
    assert compact_memory(spark, path, how).after.files == 4


def test_memory_is_compacted_by_itself_when_it_has_many_small_files(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluehouse.history.compaction.FILES", 2)
    how, path = HistorySpec(keys="k", sequence_by="at"), str(tmp_path / "t")
    files = []
    for day in range(1, 6):
        apply_batch(spark, path, event_frame(spark, [update(1, day, "x", "u")]), how, f"b{day}", payload=COLUMNS)
        if day > 1:
            memory = spark.read.format("delta").load(path + "__memory")
            assert memory.count() == day - 1
            files.append(len(memory.inputFiles()))
    assert files == [1, 2, 1, 2]


def test_a_large_memory_is_compacted_when_half_of_it_is_old(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
    monkeypatch.setattr("gluehouse.history.compaction.SMALL_BYTES", -1)
    how, path = spec(untracked=["u"]), str(tmp_path / "t")
    many = spark.range(2000).selectExpr("CAST(id AS int) AS k", "explode(sequence(1, 4)) AS d")
    at = "make_timestamp(2024, 1, d, 0, 0, 0) AS at"
    early = many.selectExpr("k", "'x' AS a", "1 AS b", "concat('u', d) AS u", "'U' AS op", at, "d AS s", "0 AS tie")
    late = [event_frame(spark, [update(key, day, "x", f"u{day}") for key in range(5)]) for day in (10, 12)]
    pruned = []
    for number, batch in enumerate([early, *late]):
        apply_batch(spark, path, batch, how, f"b{number}", payload=COLUMNS)
        pruned.append(oldest(spark, path, "event") >= 8)
    assert pruned == [False, False, True]
    apply_batch(spark, path, event_frame(spark, [update(1, 9, "y", "late")]), how, "four", payload=COLUMNS)
    assert [(start, end) for start, end, _ in shown(spark, path)[1]] == [(1, 9), (9, 10), (10, None)]
    assert shown(spark, path)[1][0][2]["u"] == "u4"


def test_a_lateness_made_longer_does_not_bring_back_what_was_pruned(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    piece = event_frame(spark, [update(1, 10, "x", "u"), update(1, 11, "x", "u"), update(2, 20, "x", "u")])
    apply_batch(spark, path, piece, spec(), "one", payload=COLUMNS)
    compact_memory(spark, path, spec())
    for number, longer in enumerate([spec(lateness="P30D"), spec(lateness=None)]):
        late = event_frame(spark, [update(1, 15, "y", "u"), update(1, 16 + number, "z", "u")])
        result = apply_batch(spark, path, late, longer, f"late {number}", payload=COLUMNS)
        assert [(r["at"].day, r["rule"]) for r in result.rejected.collect()] == [(15, "history.too_late")]


def test_a_repeated_batch_is_judged_by_the_horizon_that_it_met_also_after_pruning(
    spark: SparkSession, tmp_path: Path
) -> None:
    path, how = str(tmp_path / "t"), spec()
    for name, piece in [
        ("one", [update(1, 10, "x", "u")]),
        ("two", [update(1, 5, "y", "u"), update(1, 7, "y", "u")]),
        ("three", [update(1, 28, "z", "u")]),
    ]:
        result = apply_batch(spark, path, event_frame(spark, piece), how, name, payload=COLUMNS)
        assert result.rejected_count == (name == "two")
    compact_memory(spark, path, how)
    was = shown(spark, path)
    again = apply_batch(
        spark, path, event_frame(spark, [update(1, 5, "y", "u"), update(1, 7, "y", "u")]), how, "two", payload=COLUMNS
    )
    assert (again.rejected_count, again.why, again.memory_version) == (1, "this batch was applied before", None)
    assert shown(spark, path) == was


def test_rows_of_an_unfinished_batch_survive_compaction_and_are_replaced_when_it_is_run_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    class Dies:
        """Lets memory be written, and nothing after it."""

        checks = 0

        def check(self, min_seconds_left: float = 30.0) -> None:
            self.checks += 1
            if self.checks == 2:
                raise RuntimeError("killed")

    path, how = str(tmp_path / "t"), spec(untracked=["u"])
    first = [update(1, 10, "x", "p"), update(1, 12, "x", "q")]
    apply_batch(spark, path, event_frame(spark, first), how, "one", payload=COLUMNS)
    second = event_frame(spark, [update(1, 11, "y", "r"), update(1, 14, "y", "s"), update(1, 13, "y", "t")])
    with pytest.raises(RuntimeError, match="killed"):
        apply_batch(spark, path, second, how, "two", payload=COLUMNS, lock=Dies())
    memory = spark.read.format("delta").load(path + "__memory")
    left = memory.where("batch_id = 'gluehouse/two'").count()
    assert left > 0
    compact_memory(spark, path, how)
    assert memory.where("batch_id = 'gluehouse/two'").count() == left
    apply_batch(spark, path, second, how, "two", payload=COLUMNS)
    compact_memory(spark, path, how)
    apply_batch(spark, path, event_frame(spark, [update(1, 10 + 3, "x", "v")]), how, "three", payload=COLUMNS)
    whole = [*first, update(1, 11, "y", "r"), update(1, 14, "y", "s"), update(1, 13, "y", "t")]
    assert shown(spark, path) == expected(whole, Rules(untracked=("u",)))


def update(key: int, day: int, value: str, note: str) -> dict[str, Any]:
    payload = {"a": value, "b": 1, "u": note}
    return {"key": key, "at": day, "seq": day, "op": "U", "tie": None, "payload": payload}


def drifting_pieces(rng: random.Random, keys: int, tied: bool, timed: bool) -> list[list[dict[str, Any]]]:
    """Three batches whose events hold up to 8 days before and 2 days after what came before; one event a position, or
    more with different tie-breakers; a truncate that comes late."""
    taken: set[tuple[Any, ...]] = set()
    pieces: list[list[dict[str, Any]]] = []
    for number in range(3):
        piece = []
        for key in range(keys):
            for _ in range(rng.randint(0, 5)):
                at = max(1, 6 + 5 * number + rng.randint(-8, 2))
                seq = rng.randint(1, 9) if timed else at
                tie = rng.choice([None, 1, 2]) if tied else None
                if (key, at, seq, tie) in taken:
                    continue
                taken.add((key, at, seq, tie))
                op = rng.choices(["U", "D"], [4, 1])[0]
                payload = random_payload(rng)
                piece.append({"key": key, "at": at, "seq": seq, "op": op, "tie": tie, "payload": payload})
        if number == 1:
            at = 6 + 5 * number - 3
            nothing = dict.fromkeys(COLUMNS)
            piece.append({"key": None, "at": at, "seq": 4 if timed else at, "op": "T", "tie": None, "payload": nothing})
        pieces.append(piece)
    return pieces


def oldest(spark: SparkSession, path: str, kind: str) -> int:
    """The earliest day that memory has a row of this kind for."""
    rows = spark.read.format("delta").load(path + "__memory").where(F.col("kind") == kind)
    found: dt.datetime | None = rows.agg(F.min("at")).collect()[0][0]
    return 31 if found is None else found.day
