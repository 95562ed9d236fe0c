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

RELEASE = expected.RELEASES[0]
VERSION = ", ".join(("iata", *expected.COLUMNS, "effective_from", "effective_to"))
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


@pytest.mark.usefixtures("at_the_desk")
def test_rows_that_are_corrected_come_back_as_if_they_had_never_been_bad(stack: Stack, tmp_path: Path) -> None:
    as_if = sorted(expected.history([RELEASE]), key=str)
    with gzip.open(RELEASE, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    wrong = [{**row, "lat": "north of here"} if row["iata"] in BAD else row for row in rows]
    execution = stack.drop("airports", RELEASE.name, gzip.compress(as_csv(wrong), mtime=0))
    assert execution.status == "SUCCEEDED", execution.error
    assert history(stack) == [version for version in as_if if version[0] not in BAD]
    (aside,) = listed()["batches"]
    assert (aside["rule"], aside["rows"]) == ("type(lat)", len(BAD))

    fixed = tmp_path / "fixed.csv"
    fixed.write_bytes(as_csv([row for row in reversed(rows) if row["iata"] in BAD]))
    asked = "replay", aside["batch"], "--corrected", str(fixed)
    execution = stack.executions.follow(Execution(quarantine(*asked).strip()))
    assert execution.status == "SUCCEEDED", execution.error
    assert history(stack) == as_if
    (replay,) = listed()["replays"]
    assert (replay["status"], replay["set aside before"], replay["set aside now"]) == ("SUCCEEDED", len(BAD), 0)
    again = stack.executions.follow(Execution(quarantine(*asked).strip()))
    assert [name for name, _ in again.states][-1] == "NothingToDo"
    assert stack.locks() == []
