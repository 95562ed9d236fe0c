"""A Glue job run around a stage: arguments in, session and ports built, manifest out, errors with their code.

The same code runs in AWS Glue, in its container and under plain ``spark-submit``: what only Glue's runtime has
(``GlueContext``) is used where it is there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
from py4j.java_gateway import JavaClass
from pydantic import ValidationError
from pyspark.sql import SparkSession

from gluehouse.aws import data_quality, storage
from gluehouse.aws.catalog import GlueCatalog
from gluehouse.aws.landing import Landing
from gluehouse.aws.metrics import MetricsFolder
from gluehouse.aws.run_locks import held_locks
from gluehouse.aws.secrets import read_salt
from gluehouse.aws.warehouses import warehouse_of
from gluehouse.errors import ConfigError, GluehouseError, InfrastructureError, Unexpected
from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Manifest, Stage
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import RunPlan
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused, run_stage

REQUIRED = ("plan_uri", "environment")
OPTIONAL = ("sql_uri", "dpus")

SESSION = {
    # Glue 6.0 turns ANSI on and 5.1 leaves it off: said here, both behave alike.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    # Else a date that Spark 2 would have read otherwise ends the run, where the row should be set aside.
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Spark 3.5 refuses to write a date before 1582 or a timestamp before 1900; Spark 4 does not.
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # Nor does it read them where another program wrote them, such as a table that rules refer to.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}


def main(stage: Stage) -> None:
    """Run ``stage`` with the arguments of this process; the last line of a failure starts with its code."""
    try:
        _run(stage, arguments(sys.argv))
    except GluehouseError:
        raise
    except Exception as error:
        raise _coded(error) from error


def arguments(argv: Sequence[str]) -> dict[str, str]:
    """The job's arguments as Glue passes them (``--name value``); raises ConfigError GH1050 for a missing one.

    ``getResolvedOptions`` makes every requested name required, so optional ones are asked for where present.
    """
    from awsglue.utils import GlueArgumentError, getResolvedOptions

    given = {text.split("=", 1)[0].removeprefix("--") for text in argv if text.startswith("--")}
    names = [*REQUIRED, *(name for name in OPTIONAL if name in given)]
    try:
        resolved = getResolvedOptions(list(argv), names)
    except GlueArgumentError as problem:
        raise ConfigError(
            "GH1050",
            f"the job's arguments do not fit: {problem}.",
            f"Pass {', '.join('--' + n for n in REQUIRED)}.",
        ) from problem
    return {name: resolved[name] for name in names}


def _run(stage: Stage, given: dict[str, str]) -> None:
    environment = Environment.from_json(given["environment"])
    plan = _read(RunPlan, given["plan_uri"])
    pipeline = _read(CompiledPipeline, plan.config_uri)
    sql_uri = given.get("sql_uri") or plan.sql_uri
    judge = data_quality.service_for(pipeline, stage)
    with held_locks(environment, plan) as locks, _session(f"{plan.pipeline}/{stage}") as spark:
        context = StageContext(
            spark=spark,
            plan=plan,
            pipeline=pipeline,
            environment=environment,
            lock_for=locks.__getitem__,
            catalog=GlueCatalog() if environment.catalog else None,
            look_up=Landing(boto3.client("s3")).look_up if environment.landing.startswith("s3://") else None,
            sql=storage.read_text(sql_uri) if sql_uri else None,
            dpus=float(given.get("dpus", 1)),
            metrics=MetricsFolder(environment.metrics, plan.pipeline),
            salt=partial(read_salt, environment.salt_secret),
            data_quality=judge,
            warehouses=warehouse_of,
            verdict=lambda: _verdict(environment.manifest_uri(plan.pipeline, plan.run_id, "validate")),
        )

        def record(manifest: Manifest) -> None:
            uri = environment.manifest_uri(plan.pipeline, plan.run_id, manifest.stage)
            storage.write_text(uri, manifest.to_json())
            print(
                f"gluehouse: {manifest.stage} {manifest.outcome} in {manifest.seconds} s, manifest {uri}",
                flush=True,
            )

        run_fused(context, record) if stage == "fused" else run_stage(context, stage, record)


def _verdict(uri: str) -> Manifest | None:
    """The manifest of stage 3; None before it has ended, as where publish is debugged alone."""
    try:
        text = storage.read_text(uri)
    except ConfigError:
        return None
    return Manifest.model_validate_json(text)


def _read(model: Any, uri: str) -> Any:
    try:
        return model.model_validate_json(storage.read_text(uri))
    except ValidationError as problem:
        raise ConfigError(
            "GH1051",
            f"{uri} is no {model.__name__} of this version: {problem}.",
            "Compile and publish the configuration again.",
        ) from problem


@contextmanager
def _session(name: str) -> Iterator[SparkSession]:
    builder = SparkSession.builder.appName(name)
    for key, value in SESSION.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    _glue_context(spark)
    try:
        yield spark
    finally:
        spark.stop()


def _glue_context(spark: SparkSession) -> None:
    """Make Glue's own context where its runtime is: its observability metrics need one."""
    glue = getattr(spark._jvm.com.amazonaws.services.glue, "GlueContext", None)  # type: ignore[union-attr]
    if isinstance(glue, JavaClass):
        from awsglue.context import GlueContext

        GlueContext(spark.sparkContext)


_PASSING = (
    "SlowDown",
    "Service Unavailable",
    "Connection reset",
    "Connect timed out",
    "ExecutorLostFailure",
    "UnknownHost",
    "InternalError",
    "Throttl",
    "Rate exceeded",
    "Read timed out",
)


# What a query says by raise_error where a row shows that the configuration cannot be right.
_RAISED = re.compile(r"\b(GH1026): (\S.*?\.)(?:\s|$)")


def _coded(error: Exception) -> GluehouseError:
    """An error of Spark or a library with a code: infrastructure where its text says so, else a defect."""
    text = str(error)
    raised = _RAISED.search(text)
    if raised:
        return ConfigError(
            raised[1], raised[2], "Mend that table: `gluehouse history check` lists what is wrong with it."
        )
    told = f"{type(error).__name__} in {os.path.basename(sys.argv[0])}; its text is in the driver's log"
    if any(sign in text for sign in _PASSING):
        return InfrastructureError("GH9001", f"a service failed for a moment: {told}.")
    return Unexpected(
        "GH8001", f"the run stopped on {told}.", "Read the traceback above it in the log; report a defect."
    )
