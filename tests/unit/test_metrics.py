"""The metrics of runs, kept: in a folder and on S3, written once, found by time, told by the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from gluehouse.aws import stacks
from gluehouse.aws.metrics import MetricsFolder
from gluehouse.cli.main import commands
from gluehouse.errors import ConfigError, GluehouseError, QualityError
from gluehouse.spec.environment import Environment
from gluehouse.spec.metrics import RunMetrics, line_of_publication, lines_of, read_lines
from gluehouse.spec.pipeline import Quality
from gluehouse.stages import validate
from gluehouse.stages.context import StageContext
from gluehouse.stages.memory import remember
from gluehouse.stages.report import Report

START = datetime(2024, 1, 25, 2, 15, tzinfo=UTC)
NOW = START + timedelta(days=400)


def run(day: int, rows: float | None = 100.0, **fields: Any) -> RunMetrics:
    given = {"run_id": f"run_{day}", "batch_id": f"batch{day}", "outcome": "passed", **fields}
    return RunMetrics(planned_at=START + timedelta(days=day), values={"rows": rows, "null_share(city)": 0.1}, **given)


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MetricsFolder]:
    """An empty zone, here and on MiniStack."""
    if request.param == "folder":
        yield MetricsFolder(str(tmp_path / "metrics"), "ports")
        return
    request.getfixturevalue("aws")
    boto3.client("s3").create_bucket(Bucket="lake")
    yield MetricsFolder("s3://lake/metrics", "ports")


def publish(folder: MetricsFolder, *runs: RunMetrics) -> None:
    for one in runs:
        folder.keep(one)
        folder.mark_published(one)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_published_runs_are_found_newest_first_and_told_oldest_first_over_months(kept: MetricsFolder) -> None:
    publish(kept, *(run(day) for day in (0, 5, 10, 40)))
    kept.keep(run(41, outcome="failed", problem="GH3001"))
    found = kept.earlier(NOW, 3)
    assert [one.run_id for one in found] == ["run_5", "run_10", "run_40"]
    assert all(one.published for one in found)
    assert found[-1].values == {"rows": 100.0, "null_share(city)": 0.1}


def test_a_refused_run_is_kept_and_marked_and_shown_where_it_is_asked_for(kept: MetricsFolder) -> None:
    publish(kept, run(0))
    kept.keep(run(1, 3.0, outcome="failed", problem="GH3001"))
    *_, refused = kept.earlier(NOW, 10, refused_too=True)
    assert (refused.run_id, refused.outcome, refused.problem, refused.published) == (
        "run_1", "failed", "GH3001", False,
    )  # fmt: skip
    assert refused.values["rows"] == 3.0


def test_a_run_sees_neither_itself_nor_later_runs(kept: MetricsFolder) -> None:
    publish(kept, *(run(day) for day in range(12)))
    assert [one.run_id for one in kept.earlier(run(5).planned_at, 3)] == ["run_2", "run_3", "run_4"]
    assert [one.run_id for one in kept.earlier(run(0).planned_at, 3)] == []


def test_without_a_run_there_is_nothing(kept: MetricsFolder) -> None:
    assert kept.earlier(NOW, 3) == []


def test_only_the_months_that_are_needed_are_listed_and_only_the_last_runs_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluehouse.aws import storage

    folder = MetricsFolder(str(tmp_path), "ports")
    publish(folder, *(run(day) for day in range(0, 360, 10)))
    seen: dict[str, int] = {"listed": 0, "read": 0}
    listing, reading = storage.list_uris, storage.read_text
    monkeypatch.setattr(storage, "list_uris", lambda uri: (seen.update(listed=seen["listed"] + 1), listing(uri))[1])
    monkeypatch.setattr(storage, "read_text", lambda uri: (seen.update(read=seen["read"] + 1), reading(uri))[1])
    assert len(folder.earlier(NOW, 4)) == 4
    assert seen == {"listed": 2, "read": 4}


def test_a_run_that_is_kept_again_writes_nothing_new(tmp_path: Path) -> None:
    folder = MetricsFolder(str(tmp_path), "ports")
    publish(folder, run(0))
    once = files(tmp_path)
    publish(folder, run(0))
    assert files(tmp_path) == once
    stem = "pipeline=ports/month=2024-01/20240125T021500.000000Z_run_0"
    assert sorted(once) == [f"{stem}_measured.jsonl", f"{stem}_published.jsonl"]


def test_every_line_has_the_same_columns_and_numbers_that_are_none_are_null() -> None:
    odd = run(0).model_copy(update={"values": {"b": float("nan"), "a": 1.5}})
    lines = [json.loads(line) for line in (lines_of(odd) + line_of_publication(odd)).splitlines()]
    assert {tuple(line) for line in lines} == {
        ("run_id", "batch_id", "planned_at", "outcome", "problem", "metric", "value")
    }  # fmt: skip
    assert [(line["metric"], line["value"]) for line in lines] == [
        ("a", 1.5), ("b", None), ("rows", None), ("published", 1.0),
    ]  # fmt: skip
    assert lines[0]["planned_at"] == "2024-01-25T02:15:00.000000Z"


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "not json\n", '{"run_id": "r"}\n'])
def test_an_object_that_is_no_metrics_is_refused_by_name_and_never_read_as_none(text: str) -> None:
    with pytest.raises(ConfigError, match="GH1052: s3://b/k is no metrics of a run"):
        read_lines(text, True, "s3://b/k")


def test_a_column_of_a_later_release_is_ignored() -> None:
    later = "".join(json.dumps({**json.loads(line), "unit": "rows"}) + "\n" for line in lines_of(run(0)).splitlines())
    assert read_lines(later, False, "k") == run(0)


REFUSED = QualityError("GH3001", "1 of 3 data set rules failed.", "Mend it.")


@pytest.mark.parametrize(
    ("stage", "report", "found"),
    [
        ("ingest", Report(measured={"quarantined": 1}), []),
        ("ingest", Report(problem=REFUSED, measured={"quarantined": 9}), [("failed", False, {"quarantined": 9})]),
        ("process", Report(problem=REFUSED), [("failed", False, {})]),
        ("validate", Report(measured={"rows": 5}), [("passed", False, {"rows": 5})]),
        ("validate", Report(problem=REFUSED, measured={"rows": 5}), [("failed", False, {"rows": 5})]),
        ("publish", Report(published=True), []),
    ],
)
def test_a_run_is_remembered_where_its_verdict_is_known(
    tmp_path: Path, stage: Any, report: Report, found: list[Any]
) -> None:
    context = context_of(MetricsFolder(str(tmp_path), "ports"))
    for _ in range(2):
        remember(context, stage, report)
    kept = MetricsFolder(str(tmp_path), "ports").earlier(NOW, 10, refused_too=True)
    named = [({name: value for name, value in one.values.items() if value is not None}) for one in kept]
    assert [(one.outcome, one.published, values) for one, values in zip(kept, named, strict=True)] == found


@pytest.mark.parametrize(
    ("report", "marked"),
    [
        (Report(published=True), True),
        (Report(published=True, problem=REFUSED), False),
        (Report(problem=REFUSED), False),
    ],
)
def test_only_a_run_whose_targets_all_took_it_counts_as_published(tmp_path: Path, report: Report, marked: bool) -> None:
    context = context_of(MetricsFolder(str(tmp_path), "ports"))
    remember(context, "validate", Report(measured={"rows": 5}))
    remember(context, "publish", report)
    (kept,) = MetricsFolder(str(tmp_path), "ports").earlier(NOW, 10, refused_too=True)
    assert (kept.published, kept.values["rows"], kept.outcome) == (marked, 5, "passed")


@pytest.mark.parametrize("stage", ["ingest", "validate", "publish"])
def test_a_stage_without_a_memory_remembers_nothing_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    remember(context_of(None), stage, Report(published=stage == "publish", measured={"rows": 5}))
    assert files(tmp_path) == {}


def context_of(metrics: MetricsFolder | None) -> StageContext:
    plan = SimpleNamespace(run_id="r1", batch_id="b1", triggered_at=START)
    return StageContext(
        spark=None, plan=plan, pipeline=None, environment=None, lock_for=lambda _table: None, metrics=metrics
    )  # type: ignore[arg-type]


def told(*words: str) -> Result:
    return CliRunner().invoke(commands, ["quality", "trend", *words])


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """A folder as `gluehouse_local stage` keeps one: eight published runs, then a refused one."""
    folder = MetricsFolder(str(tmp_path / "metrics"), "ports")
    publish(folder, *(run(day) for day in range(8)))
    folder.keep(run(8, 5.0, outcome="failed", problem="GH3001"))
    return tmp_path


def test_the_trend_of_a_metric_is_a_line_a_run_with_band_verdict_and_bars(zones: Path) -> None:
    lines = told("ports", "--metric", "rows", "--last", "2", "--folder", str(zones), "--root", str(zones)).output
    assert [line.split() for line in lines.splitlines()] == [
        ["planned", "(UTC)", "run", "fate", "rows", "band", "of", "runs", "verdict"],
        ["Thu", "2024-02-01", "02:15", "run_7", "published", "100", "too", "few"],
        ["Fri", "2024-02-02", "02:15", "run_8", "refused", "GH3001", "5", "100", "to", "100", "8", "outside"],
        ["trend:", "█▁"],
    ]


def test_without_a_metric_every_metric_is_shown_with_its_last_value(zones: Path) -> None:
    output = told("ports", "--folder", str(zones), "--root", str(zones)).output
    first, nulls, rows = (line.split() for line in output.splitlines())
    assert first[:3] == ["metric", "last", "value"]
    assert (nulls[0], rows[0], rows[1], rows[-1]) == ("null_share(city)", "rows", "5", "████████▁")


def test_the_trend_is_read_from_the_environment_of_a_stack(
    aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stack's answer alone: deploying the template takes longer than all other tests here.
    zones = ("landing", "staging", "processed", "quarantine", "curated", "runs", "metrics", "config")
    environment = Environment.model_validate({"name": "unit", **{zone: f"s3://lake/{zone}" for zone in zones}})
    monkeypatch.setattr(stacks, "outputs", {"unit": {"Environment": environment.model_dump_json()}}.__getitem__)
    boto3.client("s3").create_bucket(Bucket="lake")
    publish(MetricsFolder("s3://lake/metrics", "airports"), run(0, 7876.0))
    output = told("airports", "--metric", "rows", "--stack", "unit", "--root", str(tmp_path)).output
    assert "7876" in output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["prots"], "GH1480: there are no metrics of a pipeline prots"),
        (["ports", "--metric", "rowz"], "GH1481: no run shown here measured rowz. What to do: Measured were: null_sh"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_those_that_are(zones: Path, words: list[str], code: str) -> None:
    ended = told(*words, "--folder", str(zones), "--root", str(zones))
    assert isinstance(ended.exception, GluehouseError)
    assert str(ended.exception).startswith(code)


def test_the_query_of_the_documents_tells_a_metric_of_published_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    document = (Path(__file__).resolve().parents[2] / "docs/quality.md").read_text("utf-8")
    query = re.search(r"^```sql\n(SELECT planned_at.*?)^```", document, re.M | re.S)
    assert query is not None
    folder = MetricsFolder(str(tmp_path / "metrics"), "orders")
    publish(folder, run(9, 9.5), run(0, 7.0))
    publish(MetricsFolder(str(tmp_path / "metrics"), "others"), run(3, 1.0))
    folder.keep(run(5, None, outcome="failed", problem="GH2010"))
    monkeypatch.chdir(tmp_path)
    told = duckdb.sql(query[1]).fetchall()
    assert told == [((START + timedelta(days=day)).replace(tzinfo=None), value) for day, value in ((0, 7.0), (9, 9.5))]


def test_stage_3_holds_what_it_measured_against_the_published_runs_before_it(tmp_path: Path) -> None:
    folder = MetricsFolder(str(tmp_path), "ports")
    publish(folder, *(run(-day) for day in range(1, 9)))
    publish(folder, run(1, 5.0))
    rules = Quality.model_validate({"anomaly": [{"metric": "rows"}, {"metric": "null_share(town)"}]})
    context = replace(context_of(folder), pipeline=SimpleNamespace(spec=SimpleNamespace(quality=rules)))
    rows, town = validate._anomalies(context, Report(measured={"rows": 90.0}))
    assert (rows.outcome, rows.metrics["median"], rows.metrics["runs"]) == ("failed", 100, 8)
    assert (town.outcome, town.severity, town.metrics["runs"]) == ("failed", "warn", 0)
