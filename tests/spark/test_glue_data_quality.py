"""Stage 3 with `quality.engine: glue` over whole runs, against a stand-in of awsgluedq: there is none outside of AWS.

The stand-in has the calls and columns that AWS documents; it lets Deequ judge, and says what Glue alone can say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.aws.data_quality import service_for
from gluehouse.aws.metrics import MetricsFolder
from gluehouse.errors import ConfigError
from gluehouse.history import FileLock
from gluehouse.spec.manifest import Manifest, RuleReport
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused
from tests.spark.ports import CONTRACT, SPEC, compiled, context_of, landed

GOOD = "code,depth\nRTM,24\nHAM,15.5\nANR,17\n"
RULES = 'Rules = [ RowCount > 1, IsPrimaryKey "code" ]'
COLUMNS = ("Rule", "Outcome", "FailureReason", "EvaluatedMetrics")
Make = Callable[..., StageContext]


class DynamicFrame(NamedTuple):
    """As much of awsglue's as the job uses."""

    frame: DataFrame

    @classmethod
    def fromDF(cls, frame: DataFrame, context: Any, name: str) -> DynamicFrame:  # noqa: N802 - Glue's name
        assert isinstance(context, GlueContext)
        assert name
        return cls(frame)

    def toDF(self) -> DataFrame:  # noqa: N802 - Glue's name
        return self.frame


class GlueContext:
    def __init__(self, context: Any) -> None:
        assert context.applicationId


class Standin:
    """EvaluateDataQuality; ``outcome`` replaces what Deequ says of a rule, and ``drop`` leaves a rule out."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.outcome: dict[str, str] = {}
        self.drop = ""

    def apply(self, *, frame: DynamicFrame, ruleset: str, publishing_options: dict[str, Any]) -> DynamicFrame:
        self.asked.append(publishing_options)
        os.environ.setdefault("SPARK_VERSION", "3.5")  # pydeequ asks for it when it is imported
        from pydeequ.dqdl import EvaluateDataQuality as Deequ

        rows = frame.toDF()
        found = Deequ.process(rows.sparkSession, rows, ruleset).select(*COLUMNS)
        for rule, said in self.outcome.items():
            here = F.col("Rule") == rule
            found = found.withColumn("Outcome", F.when(here, F.lit(said)).otherwise(F.col("Outcome")))
        return DynamicFrame(found.where(F.col("Rule") != self.drop))


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Standin:
    """Glue's modules as they are in a job's runtime."""
    standin = Standin()
    for name, content in {
        "awsgluedq": {},
        "awsgluedq.transforms": {"EvaluateDataQuality": standin},
        "awsglue.context": {"GlueContext": GlueContext},
        "awsglue.dynamicframe": {"DynamicFrame": DynamicFrame},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return standin


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    lock = FileLock(tmp_path / "ports.lock")

    def context(text: str = GOOD, **quality: Any) -> StageContext:
        given = {"engine": "glue", "rules": RULES, **quality}
        pipeline = compiled({**SPEC, "quality": given}, CONTRACT)
        file = landed(tmp_path, "ports/2024-01-01.csv", text)
        service = service_for(pipeline, "fused")
        made = context_of(spark, tmp_path, pipeline, file, lock, data_quality=service)
        return context_of(
            spark, tmp_path, pipeline, file, lock, data_quality=service,
            metrics=MetricsFolder(made.environment.metrics, "ports"),
        )  # fmt: skip

    with lock:
        yield context


def run(context: StageContext) -> Manifest:
    return run_fused(context, lambda _manifest: None)


def rules(manifest: Manifest) -> dict[str, RuleReport]:
    return {report.rule: report for report in manifest.quality if "RowCount" in report.rule or "Key" in report.rule}


def published(context: StageContext) -> bool:
    return Path(context.table_location("curated.ports")).exists()


def test_what_glue_passes_is_published_and_reported_as_deequ_would_report_it(glue: Standin, make: Make) -> None:
    context = make(warn="Rules = [ RowCount > 100 ]")
    by_glue = run(context)
    assert (by_glue.outcome, by_glue.published) == ("passed", True), by_glue.problem
    assert published(context)
    found = rules(by_glue)
    assert [(one.outcome, one.severity) for one in found.values()] == [
        ("passed", "stop"), ("passed", "stop"), ("failed", "warn"),
    ]  # fmt: skip
    assert found["RowCount > 1"].metrics == {"Dataset.*.RowCount": 3.0}
    assert rules(run(make(warn="Rules = [ RowCount > 100 ]", engine="deequ"))) == found


def test_each_severity_is_evaluated_under_its_own_name_and_published_to_glue_alone(glue: Standin, make: Make) -> None:
    context = make(warn="Rules = [ RowCount > 100 ]")
    run(context)
    prefix = f"gluehouse_{context.environment.name}_ports"
    assert [asked["dataQualityEvaluationContext"] for asked in glue.asked] == [f"{prefix}_stop", f"{prefix}_warn"]
    assert {asked["enableDataQualityResultsPublishing"] for asked in glue.asked} == {True}
    assert {asked["enableDataQualityCloudWatchMetrics"] for asked in glue.asked} == {False}


def test_what_glue_fails_is_not_published_and_the_alert_says_what_was_found(glue: Standin, make: Make) -> None:
    context = make("code,depth\nRTM,24\n")
    manifest = run(context)
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH3001")  # type: ignore[union-attr]
    assert "RowCount > 1 (" in manifest.problem.message  # type: ignore[union-attr]
    assert "Dataset.*.RowCount = 1" in manifest.problem.message  # type: ignore[union-attr]
    assert not published(context)


def test_a_rule_that_glue_could_not_evaluate_stops(glue: Standin, make: Make) -> None:
    glue.outcome = {"RowCount > 1": "Error"}
    context = make()
    manifest = run(context)
    assert manifest.problem.code == "GH3001"  # type: ignore[union-attr]
    assert "could not be evaluated" in rules(manifest)["RowCount > 1"].reason
    assert not published(context)


def test_a_rule_that_glue_does_not_mention_stops(glue: Standin, make: Make) -> None:
    glue.drop = 'IsPrimaryKey "code"'
    context = make()
    manifest = run(context)
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH3004")  # type: ignore[union-attr]
    assert "expected 1 of IsPrimaryKey" in manifest.problem.message  # type: ignore[union-attr]
    assert not published(context)


def test_a_rule_about_nothing_but_null_fails_without_a_metric(glue: Standin, make: Make) -> None:
    context = make("code,depth\nRTM,\nHAM,\n", rules='Rules = [ RowCount > 1, Mean "depth" > 3 ]')
    manifest = run(context)
    (mean,) = [report for report in manifest.quality if report.rule.startswith("Mean")]
    assert (mean.outcome, mean.metrics) == ("failed", {})
    assert mean.reason
    assert not published(context)


def test_outside_of_glue_a_run_ends_before_it_and_says_what_to_do(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"GH1031: .*awsgluedq.*write engine: deequ"):
        make()
