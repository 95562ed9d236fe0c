"""A replay into tables without a history: they end as if no row had ever been bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gluehouse.history import FileLock
from gluehouse.spec.manifest import Manifest
from tests.spark.deliveries import BAD, FIRST, SPEC, THIRD, Ports, fused

EVERY = {"target": "delta", "table": "curated.every", "mode": "append", "partition_by": ["released_on"]}
NEWEST = {"target": "delta", "table": "curated.newest"}
PLAIN: dict[str, Any] = {
    "history": None,
    "source": {**SPEC["source"], "mode": "changes"},
    "publish": [EVERY, NEWEST],
}
FIXED = "depth,code,master\n24.5,RTM,Anna\n15,HAM,Bert\n"
GOOD = BAD.replace("240", "24.5").replace("deep", "15")
ALL_BAD = BAD.replace("18", "-1")
Make = Callable[[str], Ports]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    with FileLock(tmp_path / "ports.lock") as lock:
        yield lambda name: Ports(spark, tmp_path / name, lock, PLAIN, {"quarantine_limit": 1.0})


def deliver(ports: Ports, *texts: str) -> None:
    """One delivery a month, from January on."""
    for month, text in enumerate(texts, 1):
        manifest = fused(ports.context(f"2024-0{month}-01.csv", text))
        assert manifest.outcome == "passed", manifest.problem


def rows(ports: Ports, table: str) -> list[tuple[Any, ...]]:
    found = ports.spark.read.format("delta").load(ports.location(table)).collect()
    return sorted((row.code, row.depth, row.master, str(row.released_on)) for row in found)


def both(ports: Ports) -> list[list[tuple[Any, ...]]]:
    return [rows(ports, "every"), rows(ports, "newest")]


def strategies(manifest: Manifest) -> list[tuple[str, bool]]:
    """How each table was written, and whether it was at all."""
    return [(one.strategy, one.version_before != one.version_after) for one in manifest.tables]


def test_corrected_rows_come_back_in_every_target_as_if_they_had_never_been_bad(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    deliver(ports, FIRST, BAD)
    deliver(as_if, FIRST, GOOD)
    assert both(ports) != both(as_if)
    manifest = fused(ports.replay("2024-02-01.csv", FIXED))
    assert (manifest.outcome, strategies(manifest)) == ("passed", [("replay", True), ("overwrite", True)])
    assert both(ports) == both(as_if)
    again = fused(ports.replay("2024-02-01.csv", FIXED))
    assert (again.outcome, [changed for _, changed in strategies(again)]) == ("passed", [False, False])
    late = fused(ports.context("2024-02-01.csv"))
    assert (late.outcome, [changed for _, changed in strategies(late)]) == ("passed", [False, False])
    assert both(ports) == both(as_if)


def test_a_better_file_takes_the_place_of_the_first_one_and_a_newer_delivery_stays(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    deliver(ports, FIRST, BAD)
    assert fused(ports.replay("2024-02-01.csv", FIXED.replace("24.5", "99"))).outcome == "passed"
    deliver(as_if, FIRST, GOOD, THIRD)
    assert fused(ports.context("2024-03-01.csv", THIRD)).outcome == "passed"
    manifest = fused(ports.replay("2024-02-01.csv", FIXED))
    assert manifest.problem is not None
    assert manifest.problem.code == "GH2055"
    assert [one.table for one in manifest.tables] == ["curated.every"]
    assert both(ports) == both(as_if)


def test_a_delivery_of_which_every_row_was_bad_comes_back_whole(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    deliver(ports, FIRST, ALL_BAD)
    assert rows(ports, "newest") == []
    manifest = fused(ports.replay("2024-02-01.csv", FIXED + "18,ANR,Cleo\n"))
    assert manifest.outcome == "passed", manifest.problem
    deliver(as_if, FIRST, GOOD)
    assert both(ports) == both(as_if)
