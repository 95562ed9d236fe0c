"""Rows come back from quarantine by the command, through the real state machine, to the history where they belong."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gluehouse.cli.main import commands
from gluehouse_local.watch import Execution
from tests import expected_airports as expected
from tests.e2e.conftest import Stack

FIRST, SECOND = expected.RELEASES[:2]
VERSION = ", ".join(("iata", *expected.COLUMNS, "effective_from", "effective_to"))
# The next release tells NBE otherwise, and RTM the same.
BAD = ("NBE", "RTM")


def quarantine(*words: str) -> str:
    asked = ["quarantine", *words, "--stack", "gluehouse-local"]
    return CliRunner().invoke(commands, asked, catch_exceptions=False).output


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def listed() -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = json.loads(quarantine("list", "airports", "--format", "json"))
    return told


def history(stack: Stack) -> list[tuple[object, ...]]:
    return sorted((tuple(row.values()) for row in stack.rows("airports", f"SELECT {VERSION} FROM t")), key=str)


def should_be(*releases: Path) -> list[tuple[object, ...]]:
    return sorted(expected.history(releases), key=str)


@pytest.mark.usefixtures("at_the_desk")
def test_rows_that_are_corrected_come_back_to_the_day_on_which_they_were_bad(stack: Stack, tmp_path: Path) -> None:
    with gzip.open(FIRST, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    wrong = [{**row, "lat": "north of here"} if row["iata"] in BAD else row for row in rows]
    for name, content in ((FIRST.name, gzip.compress(as_csv(wrong), mtime=0)), (SECOND.name, SECOND.read_bytes())):
        execution = stack.drop("airports", name, content)
        assert execution.status == "SUCCEEDED", execution.error
    assert history(stack) != should_be(FIRST, SECOND)
    (aside,) = listed()["batches"]
    assert (aside["rule"], aside["rows"]) == ("type(lat)", len(BAD))

    fixed = tmp_path / "fixed.csv"
    fixed.write_bytes(as_csv([row for row in reversed(rows) if row["iata"] in BAD]))
    asked = "replay", aside["batch"], "--corrected", str(fixed)
    execution = stack.executions.follow(Execution(quarantine(*asked).strip()))
    assert execution.status == "SUCCEEDED", execution.error
    assert history(stack) == should_be(FIRST, SECOND)
    (replay,) = listed()["replays"]
    assert (replay["status"], replay["set aside before"], replay["set aside now"]) == ("SUCCEEDED", len(BAD), 0)
    again = stack.executions.follow(Execution(quarantine(*asked).strip()))
    assert [name for name, _ in again.states][-1] == "NothingToDo"
    assert stack.locks() == []
