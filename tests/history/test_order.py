"""The table is the same for every order, split and repetition of batches: random streams against the reference.

Keys do not know of each other, so one example carries many small random streams, one a key, through one table.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from reference import Log, Rules, versions

from gluehouse.history import apply_batch, read_history
from gluehouse.spec.history import HistorySpec

FLAG = {"column": "op", "values": ["D"], "truncates": ["T"]}
SCHEMA = "k int, a string, b int, u string, op string, at timestamp, s int, tie int"
COLUMNS = ["a", "b", "u"]
RARE = settings(max_examples=1, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

CASES: dict[str, tuple[HistorySpec, Rules]] = {
    "plain": (HistorySpec(keys="k", sequence_by="s", deletes=FLAG), Rules()),
    "untracked in the interval": (
        HistorySpec(keys="k", sequence_by="s", deletes=FLAG, untracked=["u"]),
        Rules(untracked=("u",)),
    ),
    "untracked in all versions": (
        HistorySpec(keys="k", sequence_by="s", deletes=FLAG, untracked={"columns": ["u"], "mode": "all_versions"}),
        Rules(untracked=("u",), all_versions=True),
    ),
    "ignored nulls, untracked": (
        HistorySpec(keys="k", sequence_by="s", deletes=FLAG, ignore_nulls=True, untracked=["u"]),
        Rules(ignore_nulls=True, untracked=("u",)),
    ),
    "effective_at": (
        HistorySpec(keys="k", sequence_by="s", deletes=FLAG, effective_at="at", untracked=["u"]),
        Rules(untracked=("u",)),
    ),
    "tie-breaker": (HistorySpec(keys="k", sequence_by="s", deletes=FLAG, tie_breaker="tie"), Rules()),
    "deletion vectors": (
        HistorySpec(keys="k", sequence_by="s", deletes=FLAG, untracked=["u"], deletion_vectors=True),
        Rules(untracked=("u",)),
    ),
    "type 1": (HistorySpec(type=1, keys="k", sequence_by="s", deletes=FLAG), Rules(type=1)),
    "type 1, ignored nulls": (
        HistorySpec(type=1, keys="k", sequence_by="s", deletes=FLAG, ignore_nulls=True),
        Rules(type=1, ignore_nulls=True),
    ),
    "type 0": (HistorySpec(type=0, keys="k", sequence_by="s", deletes=FLAG), Rules(type=0)),
}


@pytest.mark.parametrize("case", CASES)
@given(seed=st.integers(0, 10**6))
@RARE
def test_events_in_any_order_and_split_make_the_table_of_the_sorted_events(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, case: str, seed: int
) -> None:
    spec, rules = CASES[case]
    rng = random.Random(f"{case} {seed}")
    events = random_events(rng, keys=60, tied=spec.tie_breaker is not None, timed=spec.effective_at is not None)
    path = str(tmp_path_factory.mktemp("order") / "t")
    pieces = shuffled_pieces(rng, events, 3)
    for number, piece in enumerate(pieces):
        # A piece of unknown size takes the way of a large batch, so tables meet both ways in turn.
        frame = event_frame(spark, piece, sized=number != 1)
        result = apply_batch(spark, path, frame, spec, f"b{number}", payload=COLUMNS)
        assert result.rejected_count == 0
    assert shown(spark, path) == expected(events, rules)
    again = apply_batch(spark, path, event_frame(spark, pieces[0] + pieces[1]), spec, "again", payload=COLUMNS)
    assert again.version_after == again.version_before
    assert again.memory_version is None, "an exact repeat writes nothing anywhere"


@pytest.mark.parametrize("kind", ["events", "snapshots"])
def test_a_large_table_is_the_same(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nothing counts as small: no frame is held, the change set goes through a file, keys are joined."""
    monkeypatch.setattr("gluehouse.history.changes.SMALL_BYTES", -1)
    monkeypatch.setattr("gluehouse.history.scope.SMALL_KEYS", -1)
    rng = random.Random(kind)
    path = str(tmp_path / "t")
    if kind == "snapshots":
        log = random_snapshots(rng)
        apply_snapshots(spark, path, log, ("u",))
        assert shown(spark, path) == versions(log, Rules(untracked=("u",)))
        return
    spec, rules = CASES["untracked in the interval"]
    events = random_events(rng, keys=60, tied=False, timed=False)
    for number, piece in enumerate(shuffled_pieces(rng, events, 3)):
        apply_batch(spark, path, event_frame(spark, piece), spec, f"b{number}", payload=COLUMNS)
    assert shown(spark, path) == expected(events, rules)


@given(seed=st.integers(0, 10**6))
@RARE
@pytest.mark.parametrize("untracked", [(), ("u",)])
def test_snapshots_in_any_order_make_the_table_of_the_sorted_snapshots(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, untracked: tuple[str, ...], seed: int
) -> None:
    log = random_snapshots(random.Random(seed))
    path = str(tmp_path_factory.mktemp("snapshots") / "t")
    apply_snapshots(spark, path, log, untracked)
    assert shown(spark, path) == versions(log, Rules(untracked=untracked))


def random_snapshots(rng: random.Random) -> Log:
    log = Log()
    for time in rng.sample(range(1, 20), 4):
        log.snapshots.append((time, {k: random_payload(rng) for k in rng.sample(range(40), 28)}, set()))
    return log


def apply_snapshots(spark: SparkSession, path: str, log: Log, untracked: tuple[str, ...]) -> None:
    spec = HistorySpec(
        keys="k", sequence_by="s", deletes="absence", untracked=list(untracked), breaker={"share": 1.0, "keys": 1000}
    )
    for number, (time, rows, _) in enumerate(log.snapshots):
        events = [{"key": k, "at": None, "seq": time, "op": "U", "tie": None, "payload": p} for k, p in rows.items()]
        apply_batch(spark, path, event_frame(spark, events), spec, f"b{number}", payload=COLUMNS)


def random_payload(rng: random.Random) -> dict[str, Any]:
    return {"a": rng.choice(["x", "y", None]), "b": rng.choice([1, None]), "u": rng.choice(["p", "q", None])}


def random_events(rng: random.Random, keys: int, tied: bool, timed: bool) -> list[dict[str, Any]]:
    """Up to 8 events a key with at most one event a position, or two and more with different tie-breakers."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key in range(keys):
        for _ in range(rng.randint(1, 8)):
            seq = rng.randint(1, 9)
            at = rng.randint(1, 4) if timed else seq
            tie = rng.choice([None, 1, 2]) if tied else None
            place = (key, at, seq, tie)
            op = rng.choices(["U", "D"], [4, 1])[0]
            found[place] = {
                "key": key,
                "at": at,
                "seq": seq,
                "op": op,
                "tie": tie,
                "payload": random_payload(rng),
            }
    if rng.random() < 0.7:
        found["truncate"] = {
            "key": None,
            "at": 3,
            "seq": 4,
            "op": "T",
            "tie": None,  # type: ignore[index]
            "payload": dict.fromkeys(COLUMNS),
        }
        if not timed:
            found["truncate"]["at"] = 4  # type: ignore[index]
    return list(found.values())


def shuffled_pieces(rng: random.Random, events: list[dict[str, Any]], count: int) -> list[list[dict[str, Any]]]:
    """Every event in some piece, a third of them in two."""
    pieces: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for event in rng.sample(events, len(events)):
        for piece in rng.sample(pieces, 2 if rng.random() < 0.3 else 1):
            piece.append(event)
    return pieces


def instant(number: int | None) -> Any:
    import datetime as dt

    return None if number is None else dt.datetime(2024, 1, number)


def event_frame(spark: SparkSession, events: list[dict[str, Any]], sized: bool = True) -> DataFrame:
    rows = [
        (e["key"], *[e["payload"][n] for n in COLUMNS], e["op"], instant(e["at"]), e["seq"], e["tie"]) for e in events
    ]
    return small_frame(spark, rows, SCHEMA) if sized else spark.createDataFrame(rows, SCHEMA)


def expected(events: list[dict[str, Any]], rules: Rules) -> dict[Any, Any]:
    log = Log(
        events=[{**e, "delete": e["op"] == "D"} for e in events if e["op"] != "T"],
        truncates=[(e["at"], e["seq"]) for e in events if e["op"] == "T"],
    )
    return versions(log, rules)


def shown(spark: SparkSession, path: str | Path) -> dict[Any, Any]:
    """The visible table in the reference's form."""
    found: dict[Any, Any] = {}
    for row in read_history(spark, str(path)).orderBy("k", "effective_from").collect():
        assert row["is_current"] == (row["effective_to"] is None)
        ends = [v.day if hasattr(v, "day") else v for v in (row["effective_from"], row["effective_to"])]
        found.setdefault(row["k"], []).append((*ends, {n: row[n] for n in COLUMNS}))
    return found
