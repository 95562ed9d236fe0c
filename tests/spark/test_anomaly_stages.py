"""Memory of quality over whole runs: what a run measured is kept, and later runs are held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from gluehouse.aws.metrics import MetricsFolder
from gluehouse.history import FileLock
from gluehouse.spec.manifest import Manifest
from gluehouse.spec.metrics import RunMetrics
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused
from tests.spark.ports import CONTRACT, SPEC, compiled, context_of, landed

START = datetime(2024, 1, 1, tzinfo=UTC)
ANOMALY = {"anomaly": [{"metric": "rows", "severity": "stop", "history": 3}, {"metric": "quarantined"}]}
Make = Callable[[int, str], StageContext]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    """The context of the release of a day, planned on that day."""
    lock = FileLock(tmp_path / "ports.lock")
    pipeline = compiled({**SPEC, "quality": {**SPEC["quality"], **ANOMALY}}, CONTRACT)

    def context(day: int, text: str) -> StageContext:
        made = context_of(spark, tmp_path, pipeline, landed(tmp_path, f"ports/2024-01-{day:02}.csv", text), lock)
        plan = made.plan.model_copy(update={"triggered_at": START + timedelta(days=day)})
        return replace(made, plan=plan, metrics=MetricsFolder(made.environment.metrics, "ports"))

    with lock:
        yield context


def fused(context: StageContext) -> Manifest:
    return run_fused(context, lambda _manifest: None)


def remembered(context: StageContext) -> list[RunMetrics]:
    return MetricsFolder(context.environment.metrics, "ports").earlier(START + timedelta(days=99), 99, refused_too=True)


def ports(count: int) -> str:
    return "code,depth\n" + "".join(f"P{n:02},{n}\n" for n in range(count))


def test_a_run_far_from_those_before_it_is_refused_and_does_not_move_the_band(make: Make) -> None:
    for day in (1, 2, 3):
        assert fused(make(day, ports(20))).outcome == "passed"
    for day in (4, 5):
        refused = fused(make(day, ports(2)))
        assert (refused.outcome, refused.problem.code, refused.published) == ("failed", "GH3001", False)
        assert "2 is outside 19 to 21, median 20 of 3 runs" in refused.problem.message
    assert fused(make(6, ports(21))).outcome == "passed"
    found = [(run.values["rows"], run.outcome, run.published) for run in remembered(make(6, ports(21)))]
    assert found == [(20, "passed", True)] * 3 + [(2, "failed", False)] * 2 + [(21, "passed", True)]


def test_a_batch_that_is_run_again_is_judged_as_before_and_writes_nothing_new(make: Make, tmp_path: Path) -> None:
    for day in (1, 2, 3):
        fused(make(day, ports(20)))
    context = make(4, ports(20) + "X,-1\n")
    first, kept = fused(context), remembered(context)
    second = fused(context)
    assert (first.outcome, first.quality) == (second.outcome, second.quality)
    assert remembered(context) == kept
    assert kept[-1].values["quarantined"] == 1
    assert kept[-1].values["Dataset.*.RowCount"] == kept[-1].values["rows"] == 20


def test_a_delivery_refused_at_ingest_is_remembered_with_its_share_of_bad_rows(make: Make) -> None:
    context = make(1, "code,depth\nRTM,24\nHAM,deep\nANR,deeper\n")
    assert fused(context).problem.code == "GH2030"
    (run,) = remembered(context)
    assert (run.problem, run.published, run.values["quarantined_share"]) == ("GH2030", False, pytest.approx(2 / 3))


def test_stages_without_a_memory_judge_and_remember_nothing(make: Make) -> None:
    context = replace(make(1, ports(20)), metrics=None)
    assert fused(context).outcome == "passed"
    assert remembered(context) == []
