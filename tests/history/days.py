"""Events of January days, small enough to work out by hand: a key, a value that is tracked, a note that need not be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conftest import FLAG, small_frame
from pyspark.sql import DataFrame, SparkSession

from gluehouse.history import read_history
from gluehouse.spec.history import HistorySpec

SCHEMA = "k int, op string, a string, u string, at timestamp, s int"
COLUMNS = ["a", "u"]
LATENESS = 4
# (key, operation, value, note, day).
Event = tuple[int, str, str | None, str | None, int]


def spec(**more: Any) -> HistorySpec:
    return HistorySpec(**{"keys": "k", "sequence_by": "at", "deletes": FLAG, "lateness": f"P{LATENESS}D", **more})


def upsert(key: int, day: int, value: str, note: str) -> Event:
    return key, "U", value, note, day


def delete(key: int, day: int) -> Event:
    return key, "D", None, None, day


def instant(day: int | None) -> dt.datetime | None:
    return None if day is None else dt.datetime(2024, 1, day)


def frame(spark: SparkSession, events: Iterable[Event]) -> DataFrame:
    return small_frame(spark, [(*told, instant(day), day) for *told, day in events], SCHEMA)


def shown(spark: SparkSession, path: str | Path) -> dict[int, list[tuple[Any, ...]]]:
    """key -> (from, to, value, note) of each version, in order."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in read_history(spark, str(path)).orderBy("k", "effective_from").collect():
        days = [getattr(row[name], "day", None) for name in ("effective_from", "effective_to")]
        found.setdefault(row["k"], []).append((*days, row["a"], row["u"]))
    return found
