"""Targets that are warehouses: what a pipeline may say of them, and the SQL that only the real ones understand."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from gluehouse.aws.warehouses import redshift_arguments, snowflake_arguments, warehouse_of
from gluehouse.errors import ConfigError
from gluehouse.spec.connection import RedshiftConnection, SnowflakeConnection, connection_of
from gluehouse.spec.contract import Contract
from gluehouse.spec.contract_uses import Consumer, uses_of
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.pipeline import CompiledPipeline, PipelineSpec
from gluehouse.spec.target import RedshiftTarget, SnowflakeTarget
from gluehouse.targets.columns import WENT, Column
from gluehouse.targets.invariants import broken_versions, delete_staged
from gluehouse.targets.redshift import Redshift
from gluehouse.targets.session import sqlstate
from gluehouse.targets.shape import statements
from gluehouse.targets.snowflake import Snowflake

DELTA = {"target": "delta", "table": "curated.ports"}
REDSHIFT = {"target": "redshift", "table": "curated.ports", "connection": "lake/redshift"}
SNOWFLAKE = {"target": "snowflake", "table": "curated.ports", "connection": "env:SNOWFLAKE"}
HISTORY = {"type": 2, "keys": ["code"], "sequence_by": ["seen"]}
CONTRACT: dict[str, Any] = {
    "contract": "ports.v1",
    "columns": [
        {"name": "code", "type": "string", "nullable": False},
        {"name": "depth", "type": "decimal(5,2)"},
        {"name": "seen", "type": "timestamp", "nullable": False},
    ],
    "keys": ["code"],
}
COLUMNS = (Column("code", "text"), Column("depth", "decimal(5,2)"), Column("seen", "timestamp"))
ROLE = "arn:aws:iam::123456789012:role/copy"


def spec(*publish: dict[str, Any], **more: Any) -> PipelineSpec:
    source = {"kind": "file", "format": "csv", "prefix": "ports/", "mode": "changes"}
    given = {"pipeline": "ports", "source": source, "contract": "ports.v1", "process": {"engine": "glue_pyspark"}}
    return PipelineSpec.model_validate({**given, "publish": list(publish), **more})


def compiled(pipeline: PipelineSpec, **contract: Any) -> CompiledPipeline:
    agreed = Contract.model_validate({**CONTRACT, **contract})
    return CompiledPipeline(name="ports", spec=pipeline, contract=agreed, output_contract=agreed)


def redshift(**more: Any) -> RedshiftTarget:
    return RedshiftTarget.model_validate({**REDSHIFT, **more})


def snowflake(**more: Any) -> SnowflakeTarget:
    return SnowflakeTarget.model_validate({**SNOWFLAKE, **more})


def test_tables_of_one_name_in_different_places_have_locks_of_their_own() -> None:
    assert spec(REDSHIFT, DELTA, SNOWFLAKE).tables == (
        "curated.ports",
        "redshift:curated.ports",
        "snowflake:curated.ports",
    )
    with pytest.raises(ValidationError, match="names a table twice"):
        spec(REDSHIFT, {**REDSHIFT, "connection": "another"})


def test_a_history_in_a_warehouse_follows_the_nearest_delta_table_above_it() -> None:
    other = {**DELTA, "table": "curated.again"}
    pipeline = spec(DELTA, REDSHIFT, other, SNOWFLAKE, history=HISTORY)
    followed = [pipeline.history_of_record(target).table for target in pipeline.warehouse_targets]
    assert followed == ["curated.ports", "curated.again"]
    for publish in ([REDSHIFT], [SNOWFLAKE, DELTA]):
        with pytest.raises(ValidationError, match="follows the history of a Delta table, and none is listed before it"):
            spec(*publish, history=HISTORY)
    with pytest.raises(ValidationError, match="takes no mode"):
        spec(DELTA, {**REDSHIFT, "mode": "append"}, history=HISTORY)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"partition_by": ["code"]}, "partition_by"),
        ({"connection": "a name with blanks"}, "connection"),
        ({"table": "ports"}, "table"),
        ({"table": "curated.gluehouse_batches"}, "keeps its batches"),
    ],
)
def test_what_a_warehouse_has_not_is_refused_by_name(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        spec({**REDSHIFT, **changed})


@pytest.mark.parametrize(
    ("publish", "more", "columns", "told"),
    [
        (REDSHIFT, {}, [{"name": "Tags", "type": "array<string>"}], r"no arrays, maps or structs, but .* \['Tags'\]"),
        (SNOWFLAKE, {}, [{"name": WENT, "type": "int"}], "for itself"),
        ({**REDSHIFT, "sortkey": ["nowhere"]}, {}, [], r"distkey or sortkey \['nowhere'\]"),
        (REDSHIFT, {"history": {**HISTORY, "sequence_by": ["seen", "depth"]}}, [], "one column for the time"),
    ],
)
def test_what_a_warehouse_cannot_hold_is_refused_by_the_check(
    publish: dict[str, Any], more: dict[str, Any], columns: list[dict[str, Any]], told: str
) -> None:
    listed = [DELTA, publish] if more else [publish]
    with pytest.raises(ValidationError, match=told):
        compiled(spec(*listed, **more), columns=[*CONTRACT["columns"], *columns])


def test_keys_of_distribution_and_sorting_may_be_columns_that_the_history_writes() -> None:
    target = {**REDSHIFT, "distkey": "code", "sortkey": ["code", "effective_from"]}
    pipeline = compiled(spec(DELTA, target, history=HISTORY))
    consumer = Consumer(spec=pipeline.spec, output=pipeline.output_contract)
    used = [use for use in uses_of(pipeline.contract, pipeline.contract, consumer) if use.kind == "partition"]
    assert [(use.column, use.where.rpartition(": ")[2]) for use in used] == [
        ("code", "publish redshift:curated.ports distkey, sortkey")
    ]


def test_redshift_makes_its_table_with_keys_and_copies_by_a_manifest() -> None:
    target = redshift(distkey="code", sortkey=["code", "seen"])
    assert Redshift().create_table(target, COLUMNS) == (
        'CREATE TABLE "curated"."ports" ("code" VARCHAR(65535), "depth" DECIMAL(5,2), "seen" TIMESTAMP) '
        'DISTSTYLE KEY DISTKEY ("code") COMPOUND SORTKEY ("code", "seen")'
    )
    assert Redshift(ROLE).copy("s3://work/processed/_exports/p/b/t/_manifest.json") == (
        "COPY \"gluehouse_staged\" FROM 's3://work/processed/_exports/p/b/t/_manifest.json' "
        f"IAM_ROLE '{ROLE}' FORMAT AS PARQUET MANIFEST"
    )
    assert " IAM_ROLE default " in Redshift().copy("s3://it's")
    assert "'s3://it''s'" in Redshift().copy("s3://it's")


def test_redshift_waits_for_the_ledger_and_widens_by_another_column() -> None:
    assert Redshift().lock(redshift()) == [('LOCK TABLE "curated"."gluehouse_batches"', ())]
    assert Redshift().prepare_lock(redshift()) == []
    assert Redshift().widen("curated.ports", Column("depth", "decimal(12,2)")) == [
        'ALTER TABLE "curated"."ports" ADD COLUMN "depth__wider" DECIMAL(12,2)',
        'UPDATE "curated"."ports" SET "depth__wider" = "depth"',
        'ALTER TABLE "curated"."ports" DROP COLUMN "depth"',
        'ALTER TABLE "curated"."ports" RENAME COLUMN "depth__wider" TO "depth"',
    ]


def test_snowflake_puts_files_into_a_stage_of_its_session_and_copies_them_by_name() -> None:
    said: list[str] = []

    class Files:
        def local_copies(self) -> list[Path]:
            return [Path("/out/one.parquet"), Path("/out/t'wo.parquet")]

    Snowflake().load(said.append, Files())  # type: ignore[arg-type]
    assert said == [
        'CREATE OR REPLACE TEMPORARY STAGE "GLUEHOUSE_FILES"',
        "PUT 'file:///out/one.parquet' @\"GLUEHOUSE_FILES\" AUTO_COMPRESS = FALSE OVERWRITE = TRUE",
        "PUT 'file:///out/t%27wo.parquet' @\"GLUEHOUSE_FILES\" AUTO_COMPRESS = FALSE OVERWRITE = TRUE",
        (
            'COPY INTO "GLUEHOUSE_STAGED" FROM @"GLUEHOUSE_FILES" '
            "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE) "
            "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT"
        ),
    ]


def test_snowflake_names_are_upper_case_so_that_queries_need_not_quote_them() -> None:
    assert Snowflake().create_table(snowflake(), COLUMNS) == (
        'CREATE TABLE "CURATED"."PORTS" ("CODE" VARCHAR, "DEPTH" NUMBER(5,2), "SEEN" TIMESTAMP_NTZ(6))'
    )
    (lock, mine), *_ = Snowflake().lock(snowflake())
    assert lock.startswith('UPDATE "CURATED"."GLUEHOUSE_BATCHES" SET')
    assert mine == ("curated.ports",)


@pytest.mark.parametrize("dialect", [Redshift(), Snowflake()])
def test_no_value_stands_in_a_statement(dialect: Redshift | Snowflake) -> None:
    surrogate = {"kind": "hash128", "column": "sk", "unknown_member": True}
    history = HistorySpec.model_validate({**HISTORY, "surrogate_key": surrogate})
    target = redshift()
    sql, parameters = broken_versions(dialect, dialect.table(target.table), history)
    assert sql.count("%s") == len(parameters) == 1
    by_key, by_surrogate = delete_staged(dialect, target.table, history)
    assert dialect.quote("effective_from") in by_key
    assert dialect.quote("sk") in by_surrogate
    assert by_surrogate.endswith("IS NULL")


def test_a_name_cannot_end_its_quotes() -> None:
    assert Redshift().quote('a"b') == '"a""b"'


def test_a_table_is_extended_or_widened_and_left_alone_where_it_holds_more() -> None:
    there = {"code": "VARCHAR(65535)", "depth": "DECIMAL(4,2)"}
    needed = statements(Redshift(), redshift(), there, COLUMNS)
    assert needed[-1] == 'ALTER TABLE "curated"."ports" ADD COLUMN "seen" TIMESTAMP'
    assert needed[:-1] == Redshift().widen("curated.ports", COLUMNS[1])
    wide = {"code": "VARCHAR(65535)", "depth": "DECIMAL(9,2)", "seen": "TIMESTAMP"}
    assert statements(Redshift(), redshift(), wide, COLUMNS) == []


def test_sqlstates_are_read_as_each_driver_tells_them() -> None:
    class PostgresError(Exception):
        pgcode = "23505"

    class SnowflakeError(Exception):
        sqlstate = "42S02"

    told = [PostgresError(), SnowflakeError(), redshift_connector.ProgrammingError({"C": "40001"}), KeyError("C")]
    assert [sqlstate(error) for error in told] == ["23505", "42S02", "40001", ""]


def a_redshift_secret(**more: Any) -> str:
    told = {"host": "h", "dbname": "lake", "username": "loader", "password": "hunter2", "engine": "redshift"}
    return json.dumps({**told, **more})


def a_snowflake_secret(**more: Any) -> str:
    return json.dumps({"account": "a", "user": "u", "database": "LAKE", "warehouse": "W", **more})


def test_redshift_is_reached_over_tls_by_the_secret_that_its_service_writes() -> None:
    to = connection_of(RedshiftConnection, a_redshift_secret(iam_role=ROLE), "lake/redshift")
    given = redshift_arguments(to)
    assert (given["user"], given["password"], given["port"], given["sslmode"]) == (
        "loader",
        "hunter2",
        5439,
        "verify-full",
    )
    assert set(given) <= set(inspect.signature(redshift_connector.connect).parameters)


def test_snowflake_is_reached_by_a_password_or_a_key_and_its_times_are_utc() -> None:
    to = connection_of(SnowflakeConnection, a_snowflake_secret(password="hunter2", role="R"), "s")
    given = snowflake_arguments(to, snowflake())
    assert (given["password"], given["role"], given["schema"]) == ("hunter2", "R", "CURATED")
    assert given["session_parameters"]["TIMEZONE"] == "UTC"
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"open")
    ).decode()
    to = connection_of(SnowflakeConnection, a_snowflake_secret(private_key=pem, private_key_passphrase="open"), "s")
    der = snowflake_arguments(to, snowflake())["private_key"]
    assert serialization.load_der_private_key(der, None).private_numbers() == key.private_numbers()  # type: ignore[union-attr]
    wrong = connection_of(SnowflakeConnection, a_snowflake_secret(private_key="hunter2"), "s")
    with pytest.raises(ConfigError, match="GH1110") as refused:
        snowflake_arguments(wrong, snowflake())
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '{"password": "hunter2"}',
        a_redshift_secret(iam_role="hunter2'; DROP"),
        a_redshift_secret(port="hunter2"),
    ],
)
def test_a_secret_that_does_not_fit_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError, match="GH1110: the secret lake/redshift is no RedshiftConnection") as refused:
        connection_of(RedshiftConnection, text, "lake/redshift")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_warehouse_is_found_by_its_targets_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSHIFT", a_redshift_secret(iam_role=ROLE))
    found = warehouse_of(redshift(connection="env:REDSHIFT"))
    assert found.dialect == Redshift(ROLE)
    monkeypatch.delenv("REDSHIFT")
    with pytest.raises(ConfigError, match="GH1110: a target is a warehouse, but the variable REDSHIFT is not set"):
        warehouse_of(redshift(connection="env:REDSHIFT"))
