"""Glue Data Quality inside of a job: the transform ``EvaluateDataQuality`` of Glue's own module awsgluedq.

The module is in the runtime of AWS Glue and nowhere else, so it is imported only for a pipeline that asks for it.
Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-pyspark-transforms-EvaluateDataQuality.html
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pyspark.sql import DataFrame

from gluehouse.quality.service import Service, missing
from gluehouse.spec.manifest import Stage
from gluehouse.spec.pipeline import CompiledPipeline


def service_for(pipeline: CompiledPipeline, stage: Stage) -> Service | None:
    """What the stage's rules are evaluated by; None where it has none for Glue Data Quality.

    Raises ConfigError GH1031 where the runtime has no such module: before the first row is read.
    """
    if pipeline.spec.quality.engine != "glue" or stage not in ("validate", "fused"):
        return None
    try:
        from awsgluedq.transforms import EvaluateDataQuality
    except ImportError as problem:
        raise missing(f"the runtime of this job ({stage} of {pipeline.name})") from problem
    return partial(_evaluate, EvaluateDataQuality)


def _evaluate(transform: Any, frame: DataFrame, ruleset: str, name: str) -> DataFrame:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame

    glue = GlueContext(frame.sparkSession.sparkContext)
    outcomes = transform.apply(
        frame=DynamicFrame.fromDF(frame, glue, "processed"),
        ruleset=ruleset,
        publishing_options={
            "dataQualityEvaluationContext": name,
            # The metrics zone remembers what rules measure; CloudWatch would bill each of them once more.
            "enableDataQualityCloudWatchMetrics": False,
            # Without it Glue keeps no statistics, which DetectAnomalies and dynamic operands judge by.
            "enableDataQualityResultsPublishing": True,
        },
    )
    rows: DataFrame = outcomes.toDF()
    return rows
