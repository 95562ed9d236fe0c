"""Reading and writing a batch in the zones between landing and curated.

A batch has one folder a zone, named by its id and overwritten as a whole: a stage that runs again for the
same batch leaves what the first run left. Readers start only after the writer's manifest is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.frames.mask import as_json, masked_columns
from gluehouse.frames.parse import MALFORMED_RULE, RAW, SOURCE_OBJECT, VIOLATIONS
from gluehouse.frames.rules import VIOLATION, quoted
from gluehouse.spec.contract import Contract
from gluehouse.spec.environment import REJECTED
from gluehouse.spec.rule_fingerprint import fingerprints
from gluehouse.stages.context import StageContext


def write_staging(context: StageContext, parsed: DataFrame) -> str:
    """Write good and bad rows in ONE pass, apart by a partition: reading the source twice would cost twice."""
    uri = context.environment.staging_uri(context.plan.pipeline, context.plan.batch_id)
    with_verdict(parsed).write.mode("overwrite").partitionBy(REJECTED).parquet(uri)
    return uri


def with_verdict(parsed: DataFrame) -> DataFrame:
    """What ``parse`` answered, and whether a row is ``_rejected``; of good rows the empty list is not written."""
    rejected = F.size(quoted(VIOLATIONS)) > 0
    return parsed.withColumns({VIOLATIONS: F.when(rejected, quoted(VIOLATIONS)), REJECTED: rejected})


def read_staging(context: StageContext, rejected: bool = False) -> DataFrame:
    """The staged rows: the contract's columns of the good ones, or the bad ones with their bookkeeping."""
    uri = context.environment.staging_uri(context.plan.pipeline, context.plan.batch_id)
    contract = context.pipeline.contract
    bookkeeping = f"`{VIOLATIONS}` array<{VIOLATION}>, `{RAW}` string, `{SOURCE_OBJECT}` string, `{REJECTED}` boolean"
    schema = f"{ddl_of(contract)}, {bookkeeping}"
    rows = context.spark.read.schema(schema).parquet(uri).where(quoted(REJECTED) == F.lit(rejected))
    kept = contract.column_names if not rejected else (*contract.column_names, VIOLATIONS, RAW, SOURCE_OBJECT)
    return rows.select(*(quoted(name) for name in kept))


def write_quarantine(context: StageContext, stage: str, rows: DataFrame, keys: tuple[str, ...]) -> str:
    """Set rows aside. ``rows``: the keys' columns, ``_violations``, ``_raw``, ``_source_object``.

    Written columns: pipeline, run_id, rules, fingerprints and reasons (arrays of string, one entry a broken rule), raw
    (string), source_object (string), key (struct of the typed keys; NULL where one of them is NULL, so that it is not
    legible), quarantined_at.
    """
    uri = context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id)
    # A malformed record's cells may stand in each other's columns, so its key is as doubtful as the rest.
    legible = F.lit(bool(keys)) & ~F.exists(quoted(VIOLATIONS), lambda found: found["rule"] == F.lit(MALFORMED_RULE))
    for name in keys:
        legible = legible & quoted(name).isNotNull()
    key = F.struct(*(quoted(name) for name in keys)) if keys else F.lit(None).cast("string")
    known = fingerprints(context.pipeline.contract)
    rows.select(
        F.lit(context.plan.pipeline).alias("pipeline"),
        F.lit(context.plan.run_id).alias("run_id"),
        F.transform(quoted(VIOLATIONS), lambda v: v["rule"]).alias("rules"),
        F.transform(quoted(VIOLATIONS), lambda v: _fingerprint(v["rule"], known)).alias("fingerprints"),
        F.transform(quoted(VIOLATIONS), lambda v: v["reason"]).alias("reasons"),
        quoted(RAW).alias("raw"),
        quoted(SOURCE_OBJECT).alias("source_object"),
        F.when(legible, key).alias("key"),
        F.current_timestamp().alias("quarantined_at"),
    ).write.mode("overwrite").parquet(uri)
    return uri


def _fingerprint(rule: Column, known: Mapping[str, str]) -> Column:
    """Of a rule by its name; one that is none of the contract's is known by its name alone."""
    # One literal, however many rules there are.
    of_contract = F.from_json(F.lit(json.dumps(known)), "map<string,string>")
    return F.coalesce(of_contract[rule], F.substring(F.sha2(rule, 256), 1, 16))


def as_quarantine(context: StageContext, rows: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """Rows that a later stage rejected, in the shape of ``write_quarantine``: their raw form is what it was given."""
    names = [name for name in rows.columns if name != VIOLATIONS]
    return rows.select(
        *(quoted(name) for name in keys),
        quoted(VIOLATIONS),
        as_json(names, masked_columns(context.pipeline.contract, context.pipeline.output_contract)).alias(RAW),
        F.lit(", ".join(delivered.uri for delivered in context.plan.objects)).alias(SOURCE_OBJECT),
    )


def clear_quarantine(context: StageContext, stage: str) -> None:
    """Take back what an earlier run of this batch set aside and this one did not."""
    delete(context, context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id))


def read_quarantine(context: StageContext, stage: str) -> DataFrame | None:
    """What this batch has in quarantine from a stage, or None."""
    uri = context.environment.quarantine_uri(context.plan.pipeline, stage, context.plan.batch_id)
    return context.spark.read.parquet(uri) if exists(context, f"{uri}/_SUCCESS") else None


def read_processed(context: StageContext) -> DataFrame:
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    return context.spark.read.schema(ddl_of(context.pipeline.output_contract)).parquet(uri)


def ddl_of(contract: Contract) -> str:
    """The contract's columns as a DDL string, which every reader takes for its schema."""
    return ", ".join(f"`{column.name}` {column.type}" for column in contract.columns)


def exists(context: StageContext, uri: str) -> bool:
    path, system = _hadoop(context, uri)
    return bool(system.exists(path))


def delete(context: StageContext, uri: str) -> None:
    path, system = _hadoop(context, uri)
    system.delete(path, True)


def _hadoop(context: StageContext, uri: str):  # type: ignore[no-untyped-def]
    # The session's own file system: it knows s3://, local paths and the credentials of both.
    path = context.spark._jvm.org.apache.hadoop.fs.Path(uri)  # type: ignore[union-attr]
    return path, path.getFileSystem(context.spark._jsc.hadoopConfiguration())
