"""Stage 2, staging -> processed: the pipeline's own logic by Spark functions or by one SQL file."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from importlib import import_module
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from gluehouse.errors import ConfigError
from gluehouse.frames.rules import quoted
from gluehouse.frames.split import Split
from gluehouse.spec.contract import Contract
from gluehouse.spec.manifest import Counts
from gluehouse.spec.pipeline import TransformStep
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.report import Report

STAGING_VIEW = "staging"


def run(context: StageContext) -> Report:
    """Transform the batch; raises ConfigError GH1021 to GH1025, before any row is read, where the logic cannot fit."""
    staged = zones.read_staging(context)
    split = (
        _by_sql(context, staged)
        if context.pipeline.spec.process.engine == "glue_sql"
        else _by_functions(context, staged)
    )
    output = conform(split.accepted, context.pipeline.output_contract)
    seen = Observation()
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    output.observe(seen, F.count(F.lit(1)).alias("out")).write.mode("overwrite").parquet(uri)
    quarantined, outputs = _set_aside(context, split.rejected)
    return Report(counts=Counts(out=seen.get["out"], quarantined=quarantined), outputs={"processed": uri, **outputs})


def conform(frame: DataFrame, contract: Contract) -> DataFrame:
    """The closing select that is the contract: its columns, in its order, in its types.

    A transform must give each column in a type that the contract's holds without loss. Keys, sequence and
    operation are among the contract's columns (checked when the pipeline is compiled), so they survive too.
    Raises ConfigError GH1022 listing every column that is missing or of another type.
    """
    given = {field.name: field.dataType for field in frame.schema}
    agreed = frame.sparkSession.createDataFrame([], zones.ddl_of(contract)).schema
    wanted = {field.name: field.dataType for field in agreed}
    missing = [name for name in wanted if name not in given]
    other = [
        f"{name} is {given[name].simpleString()} and not {wanted[name].simpleString()}"
        for name in wanted
        if name in given and not _holds(wanted[name], given[name])
    ]
    if missing or other:
        raise ConfigError(
            "GH1022",
            f"the transform does not give what contract {contract.contract} says: missing are {missing}; "
            f"{'; '.join(other) or 'the types of the others fit'}.",
            "Keep these columns through the transform, cast them there, or change the output contract.",
        )
    return frame.select(*(quoted(name).cast(kind).alias(name) for name, kind in wanted.items()))


_WIDER = ("tinyint", "smallint", "int", "bigint")


def _holds(wanted: DataType, given: DataType) -> bool:
    """Whether every value of ``given`` is one of ``wanted``."""
    to, of = wanted.simpleString(), given.simpleString()
    if to == of or of == "void":
        return True
    if to in _WIDER and of in _WIDER:
        return _WIDER.index(of) <= _WIDER.index(to)
    return to == "double" and of in ("float", "tinyint", "smallint", "int")


def _by_sql(context: StageContext, staged: DataFrame) -> Split:
    """One SELECT over the view ``staging``, in a file chosen by the run's plan."""
    if context.sql is None:
        raise ConfigError(
            "GH1025", "the SQL engine was started without a SQL file.", "Pass --sql_uri; the plan names it."
        )
    staged.createOrReplaceTempView(STAGING_VIEW)
    return Split(context.spark.sql(context.sql))


def _by_functions(context: StageContext, staged: DataFrame) -> Split:
    rejected: tuple[DataFrame, ...] = ()
    frame = staged
    for step in context.pipeline.spec.process.transforms:
        result = load(step)(frame, _params(context, step))
        if isinstance(result, Split):
            frame, rejected = result.accepted, (*rejected, *result.rejected)
        else:
            frame = result
    return Split(frame, rejected)


def load(step: TransformStep) -> Callable[[DataFrame, dict[str, Any]], DataFrame | Split]:
    """The function that a step names; raises ConfigError GH1021 where its wheel does not have it."""
    module, _, function = step.function.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as problem:
        raise ConfigError(
            "GH1021",
            f"the transform {step.use} cannot be loaded: {problem}.",
            "Ship the module in a wheel that the job's --additional-python-modules names.",
        ) from problem
    return found


def _params(context: StageContext, step: TransformStep) -> dict[str, Any]:
    """The step's own parameters; a ``table`` among them gets its ``location`` in this environment beside it."""
    table = step.params.get("table")
    return {**step.params, "location": context.table_location(table)} if table else dict(step.params)


def _set_aside(context: StageContext, rejected: tuple[DataFrame, ...]) -> tuple[int | None, dict[str, str]]:
    """Rows that the transform rejected go to quarantine, as they came to it."""
    if not rejected:
        zones.clear_quarantine(context, "process")
        return None, {}
    history = context.pipeline.spec.history
    keys = tuple(history.keys) if history else ()
    rows = reduce(DataFrame.unionByName, (zones.as_quarantine(context, frame, keys) for frame in rejected))
    uri = zones.write_quarantine(context, "process", rows, keys)
    return context.spark.read.parquet(uri).count(), {"quarantine_process": uri}
