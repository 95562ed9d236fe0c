"""Reading and writing a batch in the zones between landing and curated.

A batch has one folder a zone, named by its id and overwritten as a whole: a stage that runs again for the
same batch leaves what the first run left. Readers start only after the writer's manifest is there.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, functions as F
from pyspark.sql.types import BooleanType, StructField, StructType

from gluehouse.frames.parse import RAW, SOURCE_OBJECT, VIOLATIONS
from gluehouse.frames.rules import VIOLATION, quoted
from gluehouse.spec.contract import Contract
from gluehouse.stages.context import StageContext

REJECTED = "rejected"


def write_staging(context: StageContext, parsed: DataFrame) -> str:
    """Write good and bad rows in ONE pass, apart by a partition: reading the source twice would cost twice."""
    uri = context.environment.staging_uri(context.plan.pipeline, context.plan.batch_id)
    apart = parsed.withColumn(REJECTED, F.size(quoted(VIOLATIONS)) > 0)
    apart.write.mode("overwrite").partitionBy(REJECTED).parquet(uri)
    return uri


def read_staging(context: StageContext, rejected: bool = False) -> DataFrame:
    """The staged rows: the contract's columns of the good ones, or the bad ones with their bookkeeping."""
    uri = context.environment.staging_uri(context.plan.pipeline, context.plan.batch_id)
    contract = context.pipeline.contract
    bookkeeping = StructType.fromDDL(f"`{VIOLATIONS}` array<{VIOLATION}>, `{RAW}` string, `{SOURCE_OBJECT}` string")
    schema = StructType([*struct_of(contract), *bookkeeping, StructField(REJECTED, BooleanType())])
    rows = context.spark.read.schema(schema).parquet(uri).where(quoted(REJECTED) == F.lit(rejected))
    kept = contract.column_names if not rejected else (*contract.column_names, VIOLATIONS, RAW, SOURCE_OBJECT)
    return rows.select(*(quoted(name) for name in kept))


def write_quarantine(context: StageContext, stage: str, rows: DataFrame, keys: tuple[str, ...]) -> str:
    """Set rows aside. ``rows``: the keys' columns, ``_violations``, ``_raw``, ``_source_object``.

    Written columns: pipeline, run_id, rules and reasons (arrays of string), raw (string), source_object
    (string), key (struct of the typed keys; NULL where one of them is NULL, so that it is not legible), at.
    """
    uri = context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id)
    legible = F.lit(bool(keys))
    for name in keys:
        legible = legible & quoted(name).isNotNull()
    key = F.struct(*(quoted(name) for name in keys)) if keys else F.lit(None).cast("string")
    rows.select(
        F.lit(context.plan.pipeline).alias("pipeline"),
        F.lit(context.plan.run_id).alias("run_id"),
        F.transform(quoted(VIOLATIONS), lambda v: v["rule"]).alias("rules"),
        F.transform(quoted(VIOLATIONS), lambda v: v["reason"]).alias("reasons"),
        quoted(RAW).alias("raw"),
        quoted(SOURCE_OBJECT).alias("source_object"),
        F.when(legible, key).alias("key"),
        F.current_timestamp().alias("quarantined_at"),
    ).write.mode("overwrite").parquet(uri)
    return uri


def clear_quarantine(context: StageContext, stage: str) -> None:
    """Take back what an earlier run of this batch set aside and this one did not."""
    delete(context, context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id))


def read_quarantine(context: StageContext, stage: str) -> DataFrame | None:
    """What this batch has in quarantine from a stage, or None."""
    uri = context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id)
    return context.spark.read.parquet(uri) if exists(context, f"{uri}/_SUCCESS") else None


def read_processed(context: StageContext) -> DataFrame:
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    return context.spark.read.schema(struct_of(context.pipeline.output_contract)).parquet(uri)


def struct_of(contract: Contract) -> StructType:
    return StructType.fromDDL(", ".join(f"`{column.name}` {column.type}" for column in contract.columns))


def exists(context: StageContext, uri: str) -> bool:
    path, system = _hadoop(context, uri)
    return bool(system.exists(path))


def delete(context: StageContext, uri: str) -> None:
    path, system = _hadoop(context, uri)
    system.delete(path, True)


def _hadoop(context: StageContext, uri: str):  # type: ignore[no-untyped-def]
    # The session's own file system: it knows s3://, local paths and the credentials of both.
    session = context.spark
    path = session._jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(session._jsc.hadoopConfiguration())
