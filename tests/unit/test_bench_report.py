"""What the benchmark makes of its results: figures, targets, losses, the page; and which cells it measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.history.figures import Measured, figures
from bench.history.grid import short, whole
from bench.history.report import losses, report
from bench.history.results import Results
from bench.history.scenarios import SCENARIOS
from bench.history.systems import SYSTEMS
from bench.history.targets import targets


def cell(
    system: str, scenario: str = "random", keys: int = 2_000_000, depth: str = "half", **figures: Any
) -> dict[str, Any]:
    """A measured cell: ``cpu`` of the first run and of the warm one, MB ``written``, ``commits``, ``wrong`` rows."""
    cpu, warm = figures.get("cpu", (10.0, 5.0))

    def run(seconds: float) -> dict[str, Any]:
        return {
            "wall": seconds, "cpu": seconds, "read_calls": 10_000_000, "write_calls": 1, "said": {}, "engine": {},
            "peak_rss": figures.get("peak", 2**30),
            "written": {"data": round(figures.get("written", 1.0) * 1e6), "vectors": 0, "log": 0, "memory": 0},
            "commits": {"commits": figures.get("commits", 1), "added": 2, "removed": 1, "masked": 0},
            "memory_commits": {"commits": figures.get("memory_commits", 0), "added": 0, "removed": 0, "masked": 0},
            "wrong": {"wrong": figures.get("wrong", 0), "extra": 0, "missing": 0, "rows": 7},
        }  # fmt: skip

    return {
        "system": system, "scenario": scenario, "size": {"keys": keys, "depth": depth, "changes": 20_000},
        "source": "s", "measured_at": "2026-01-02T03:04:05", "commit": "abc", "runs": [run(cpu), run(warm)],
    }  # fmt: skip


def named(*cells: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(number): one for number, one in enumerate(cells)}


def verdicts(*cells: dict[str, Any]) -> dict[str, bool]:
    return {one.title: one.reached for one in targets(Measured(named(*cells))) if one.reached is not None}


def test_the_ratios_to_mack_are_reached_at_three_times_and_fifty_times() -> None:
    mack = cell("mack", cpu=(30.0, 15.0), written=100.0)
    title = "2M keys, deletion vectors, against mack"
    told = verdicts(mack, cell("ours_dv", cpu=(10.0, 5.1), written=2.0))
    assert told[f"{title}: CPU of the first run"] is True
    assert told[f"{title}: CPU warm"] is False
    assert told[f"{title}: bytes written"] is True
    assert verdicts(mack, cell("ours_dv", written=2.1))[f"{title}: bytes written"] is False
    assert verdicts(mack, cell("ours", cpu=(20.0, 10.1)))["2M keys, without, against mack: CPU warm"] is False


def test_growth_with_depth_and_keys_has_a_limit() -> None:
    shallow, deep = (
        cell("ours_dv", keys=500_000, depth=depth, cpu=cpu) for depth, cpu in (("1", (10.0, 5.0)), ("8", (11.0, 5.6)))
    )
    told = verdicts(shallow, deep)
    assert told["depth 8 against depth 1, deletion vectors: CPU of the first run"] is True
    assert told["depth 8 against depth 1, deletion vectors: CPU warm"] is False
    small, large = (
        cell("ours", "local", keys, cpu=cpu) for keys, cpu in ((250_000, (10.0, 5.0)), (2_000_000, (13.1, 6.5)))
    )
    told = verdicts(small, large)
    assert told["key-local, 2M against .25M, without: CPU of the first run"] is False
    assert told["key-local, 2M against .25M, without: CPU warm"] is True


def test_a_repeated_batch_may_commit_nowhere_and_a_confirming_one_to_memory_alone() -> None:
    repeat, confirm = (
        "a repeated batch: commits of table and memory",
        "a confirming batch: commits of the history table",
    )
    told = verdicts(cell("ours", "repeat", commits=0), cell("ours", "confirm", commits=0, memory_commits=1))
    assert (told[repeat], told[confirm]) == (True, True)
    told = verdicts(cell("ours", "repeat", commits=0, memory_commits=1), cell("ours", "confirm"))
    assert (told[repeat], told[confirm]) == (False, False)


def test_memory_may_not_grow_as_much_as_that_of_delta_rs() -> None:
    title = "peak memory from 1M to 4M keys, deletion vectors"

    def told(grown: int) -> bool:
        peaks = {("ours_dv", 1): 500, ("ours_dv", 4): 500 + grown, ("delta_rs", 1): 100, ("delta_rs", 4): 400}
        cells = [cell(system, keys=keys * 1_000_000, peak=peak) for (system, keys), peak in peaks.items()]
        return verdicts(*cells)[title]

    assert (told(299), told(300)) == (True, False)


def test_a_wrong_row_or_a_failed_cell_of_ours_is_a_target_missed() -> None:
    title = "wrong rows of ours, in any cell"
    failed = {**cell("ours"), "error": "MemoryError", "runs": []}
    assert verdicts(cell("ours"), cell("mack", wrong=9))[title] is True
    assert verdicts(cell("ours", wrong=1))[title] is False
    assert verdicts(cell("ours", "cdc"), failed)[title] is False


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert [one.reached for one in targets(Measured({}))] == [None] * len(targets(Measured({})))


def test_losses_name_every_system_that_needs_less_with_its_wrong_rows() -> None:
    peers = cell("delta_rs", cpu=(2.0, 6.0), wrong=3), cell("mack", cpu=(1.0, 6.0), written=9.0)
    found = [figures(one) for one in (cell("ours_dv"), *peers, cell("floor", "repeat", cpu=(0.1, 0.1)))]
    rows = list(losses([one for one in found if one]))
    less = "mack 0.5.0 1.0; delta-rs 1.6.6 2.0 [3]; ours 10.0 s"
    assert rows == [["random changes, 2M keys", less, "", less, "", ""]]


def test_where_nobody_needs_less_there_is_no_loss() -> None:
    found = [figures(one) for one in (cell("ours_dv", cpu=(1.0, 1.0)), cell("mack"))]
    assert list(losses([one for one in found if one])) == []


def test_the_report_has_a_row_for_each_system_and_says_why_one_failed() -> None:
    failed = {**cell("mack"), "error": "Py4JJavaError: two rows matched /data/x at once", "runs": []}
    machine = {"cpu": "a CPU", "cores": 2, "memory_gib": 8, "system": "Linux 6 x86_64"}
    page = report(machine, named(cell("ours_dv"), cell("docs_merge", wrong=1234), failed))
    assert "| ours, with deletion vectors | 10.0 | 10.0 | 5.0 | 5.0 | 1.00 | 10.0 | +2 -1 | 1 | 1024 |  | 0 |" in page
    assert "| **1,234** |" in page
    assert "mack 0.5.0 failed: Py4JJavaError: two rows matched at once" in page
    assert "## Random changes: 2M keys" in page


def test_results_go_on_where_they_were_and_forget_what_another_source_measured(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    Results(file).add("a", cell("ours"))
    again = Results(file)
    assert again.has("a", "s", warm=1)
    assert not again.has("a", "other", warm=1)
    assert not again.has("a", "s", warm=2)
    assert not again.has("b", "s", warm=0)


def test_results_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"machine": {"cpu": "abacus"}, "cells": {}}))
    with pytest.raises(ValueError, match=r"abacus.*name another file"):
        Results(file)


def test_the_whole_grid_begins_with_the_short_one_and_names_every_system_and_scenario() -> None:
    names = [one.name for one in whole()]
    assert names[: len(short())] == [one.name for one in short()]
    assert len(set(names)) == len(names)
    assert {one.system for one in whole()} == set(SYSTEMS)
    assert {one.scenario for one in whole()} == set(SCENARIOS)
