"""Quarantine and replay over the four stages: what a set-aside row carries, and rows that come back at their day."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gluehouse.aws.aside import AsideZone
from gluehouse.history import FileLock
from gluehouse.spec.lines import lines_of
from gluehouse.spec.rule_fingerprint import fingerprints
from gluehouse.stages.runner import run_stage
from tests.spark.deliveries import BAD, FIRST, THIRD, Ports, fused

Make = Callable[[str], Ports]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    with FileLock(tmp_path / "ports.lock") as lock:
        yield lambda name: Ports(spark, tmp_path / name, lock)


def versions(ports: Ports) -> list[tuple[Any, ...]]:
    rows = ports.spark.read.format("delta").load(ports.location()).collect()
    return sorted((row.code, row.depth, str(row.effective_from), str(row.effective_to)) for row in rows)


def three(ports: Ports, second: str) -> None:
    """Three releases, of which the second has ``second``."""
    for name, text in (("2024-01-01.csv", FIRST), ("2024-02-01.csv", second), ("2024-03-01.csv", THIRD)):
        assert fused(ports.context(name, text)).outcome == "passed"


def test_a_row_in_quarantine_names_the_rule_as_it_was_and_shows_no_personal_data(make: Make) -> None:
    ports = make("t")
    context = ports.context("2024-02-01.csv", BAD)
    assert run_stage(context, "ingest", lambda _manifest: None).counts.quarantined == 2
    zone = AsideZone(context.environment.quarantine)
    rows = list(zone.rows_of("ports", context.plan.batch_id))
    marks = fingerprints(context.pipeline.contract)
    assert {row.rules: row.fingerprints for row in rows} == {
        ("between(depth)",): (marks["between(depth)"],),
        ("type(depth)",): (marks["type(depth)"],),
    }
    assert {json.loads(row.raw or "")["master"] for row in rows} == {"***"}
    assert {row.key["code"] for row in rows if row.key} == {"RTM", "HAM"}
    raws = {row.raw or "": row.rules[0] for row in rows}
    found = lines_of(raws, BAD, context.pipeline.spec.source, context.pipeline.contract)
    assert {raws[raw]: [place.line for place in places] for raw, places in found.items()} == {
        "between(depth)": [2],
        "type(depth)": [3],
    }


def test_corrected_rows_come_back_at_their_day_as_if_they_had_never_been_bad(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    three(ports, BAD)
    three(as_if, BAD.replace("240", "24.5").replace("deep", "15"))
    assert versions(ports) != versions(as_if)
    manifest = fused(ports.replay("2024-02-01.csv", "depth,code,master\n24.5,RTM,Anna\n15,HAM,Bert\n"))
    assert (manifest.outcome, manifest.counts.rows_in, manifest.counts.quarantined) == ("passed", 3, 0)
    told = next(report for report in manifest.quality if report.rule == "replay")
    assert told.metrics == {"replaced": 2, "corrected": 2}
    assert versions(ports) == versions(as_if)


def test_rows_that_a_mended_rule_accepts_come_back_and_the_others_stay(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    three(ports, BAD)
    manifest = fused(ports.replay("2024-02-01.csv", top=300))
    assert (manifest.outcome, manifest.counts.good, manifest.counts.quarantined) == ("passed", 2, 1)
    three(as_if, BAD.replace("240", "24"))

    assert ("RTM", 240.0, "2024-02-01", "2024-03-01") in versions(ports)
    assert [row for row in versions(ports) if row[0] != "RTM"] == [row for row in versions(as_if) if row[0] != "RTM"]
    before = versions(ports)
    again = fused(ports.replay("2024-02-01.csv", top=300))
    assert again.tables[0].version_before == again.tables[0].version_after
    assert versions(ports) == before


def test_only_the_rows_of_one_rule_are_replaced_and_dropped_ones_are_counted(make: Make) -> None:
    ports = make("t")
    three(ports, BAD)
    fixed = "code,master,depth\nHAM,Bert,15\n"
    one = ports.replay("2024-02-01.csv", fixed, rule="type(depth)")
    manifest = run_stage(one, "ingest", lambda _manifest: None)
    assert (manifest.outcome, manifest.counts.rows_in, manifest.counts.quarantined) == ("passed", 3, 1)
    other = ports.replay("2024-02-01.csv", fixed, drop=1)
    manifest = run_stage(other, "ingest", lambda _manifest: None)
    assert (manifest.outcome, manifest.counts.rows_in, manifest.counts.quarantined) == ("passed", 2, 0)


@pytest.mark.parametrize(("drop", "code"), [(2, None), (1, "GH2053"), (3, "GH2053")])
def test_bad_rows_are_dropped_for_nothing_if_somebody_says_how_many(make: Make, drop: int, code: str | None) -> None:
    ports = make("t")
    ports.context("2024-02-01.csv", BAD)
    manifest = run_stage(ports.replay("2024-02-01.csv", drop=drop), "ingest", lambda _manifest: None)
    assert (manifest.problem.code if manifest.problem else None) == code
    assert (manifest.counts.rows_in, manifest.counts.good, manifest.counts.quarantined) == (1, 1, 0)


@pytest.mark.parametrize("corrected", ["code,master,depth\nHAM,Bert,15\n", "code,master,depth\nA,,1\nB,,1\nC,,1\n"])
def test_corrected_records_that_are_not_as_many_as_the_rows_they_replace_are_refused(
    make: Make, corrected: str
) -> None:
    ports = make("t")
    three(ports, BAD)
    before = versions(ports)
    manifest = fused(ports.replay("2024-02-01.csv", corrected))
    assert manifest.problem is not None
    assert manifest.problem.code == "GH2053"
    assert versions(ports) == before


def test_a_corrected_record_that_is_bad_itself_is_set_aside_with_its_own_object(make: Make) -> None:
    ports = make("t")
    three(ports, BAD)
    context = ports.replay("2024-02-01.csv", "code,master,depth\nRTM,Anna,24.5\nHAM,Bert,shallow\n")
    manifest = run_stage(context, "ingest", lambda _manifest: None)
    assert (manifest.outcome, manifest.counts.good, manifest.counts.quarantined) == ("passed", 2, 1)
    (row,) = AsideZone(context.environment.quarantine).rows_of("ports", context.plan.batch_id)
    assert row.source_object.endswith("fixed.csv")


TWICE = "code,master,depth\nRTM,Anna,24\nRTM,Anna,25\nANR,Cleo,18\n"
UNIQUE = {"rule": "unique", "columns": ["code"]}


def test_rows_that_give_way_take_no_part_in_the_uniqueness_of_those_that_stand_in_their_place(
    spark: SparkSession, tmp_path: Path
) -> None:
    with FileLock(tmp_path / "ports.lock") as lock:
        ports = Ports(spark, tmp_path / "t", lock, rules=(UNIQUE,))
        as_if = Ports(spark, tmp_path / "as_if", lock)
        three(ports, TWICE)
        three(as_if, BAD.replace("240", "24.5").replace("deep", "15"))
        manifest = fused(ports.replay("2024-02-01.csv", "depth,code,master\n24.5,RTM,Anna\n15,HAM,Bert\n"))
        assert (manifest.outcome, manifest.counts.rows_in, manifest.counts.quarantined) == ("passed", 3, 0)
        assert versions(ports) == versions(as_if)

        fixed = "code,master,depth\nRTM,Anna,24.5\n"
        for rule in (None, "unique(code)"):
            one = run_stage(ports.replay("2024-02-01.csv", fixed, rule=rule, drop=1), "ingest", lambda _manifest: None)
            assert (one.outcome, one.counts.good, one.counts.quarantined) == ("passed", 2, 0)
        taken = ports.replay("2024-02-01.csv", f"{fixed}ANR,Cleo,17\n")
        manifest = run_stage(taken, "ingest", lambda _manifest: None)
        # A corrected record that repeats a delivered row does not make that one give way.
        assert [report.metrics for report in manifest.quality if report.rule == "replay"] == [
            {"replaced": 2, "corrected": 2}
        ]
        assert (manifest.counts.good, manifest.counts.quarantined) == (1, 2)


def test_a_delivery_that_was_refused_whole_is_published_by_its_replay(make: Make) -> None:
    ports, as_if = make("t"), make("as_if")
    worse = BAD.replace("ANR,Cleo,18", "ANR,Cleo,-1")
    assert fused(ports.context("2024-02-01.csv", worse)).outcome == "failed"
    good = "code,master,depth\nRTM,Anna,24\nHAM,Bert,15\nANR,Cleo,18\n"
    assert fused(ports.replay("2024-02-01.csv", good)).outcome == "passed"
    fused(as_if.context("2024-02-01.csv", good))
    assert versions(ports) == versions(as_if)
