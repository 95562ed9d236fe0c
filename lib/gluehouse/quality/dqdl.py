"""Data set rules in DQDL, evaluated by PyDeequ: the same on a laptop and on Glue.

PyDeequ's DQDL path needs no Python callbacks, so it does not hang a Spark job as Deequ's ``Check`` can.
Source of the language: https://docs.aws.amazon.com/glue/latest/dg/dqdl.html
"""

from __future__ import annotations

import os
from typing import Literal

from pyspark.errors import IllegalArgumentException
from pyspark.sql import DataFrame, Row, SparkSession

from gluehouse.errors import ConfigError
from gluehouse.spec.manifest import RuleReport


def evaluate(
    spark: SparkSession, frame: DataFrame, ruleset: str, severity: Literal["stop", "warn"]
) -> tuple[RuleReport, ...]:
    """One report a rule. A rule that could not be evaluated is failed; raises ConfigError GH1030 for bad syntax."""
    # pydeequ asks for this variable when it is imported, and picks nothing by it that we use.
    os.environ.setdefault("SPARK_VERSION", ".".join(spark.version.split(".")[:2]))
    from pydeequ.dqdl import EvaluateDataQuality

    try:
        outcomes = EvaluateDataQuality.process(spark, frame, ruleset).collect()
    except IllegalArgumentException as problem:
        told = str(problem).splitlines()[0]
        raise ConfigError("GH1030", f"the rules are no DQDL: {told}.", "Correct quality in the pipeline.") from problem
    return tuple(_report(row, severity) for row in outcomes)


def _report(row: Row, severity: Literal["stop", "warn"]) -> RuleReport:
    passed = row["Outcome"] == "Passed"
    return RuleReport(
        rule=row["Rule"],
        outcome="passed" if passed else "failed",
        severity=severity,
        metrics=dict(row["EvaluatedMetrics"] or {}),
        reason="" if passed else (row["FailureReason"] or "no reason was given"),
    )
