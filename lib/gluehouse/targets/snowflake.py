"""Snowflake: its types, and files that are put into a temporary stage and copied from there."""

from __future__ import annotations

from typing import ClassVar

from gluehouse.spec.target import WarehouseTarget
from gluehouse.targets.columns import Column
from gluehouse.targets.dialect import STAGED, Dialect, Execute, Statement
from gluehouse.targets.export import Export

STAGE = "gluehouse_files"


class Snowflake(Dialect):
    """Every DDL statement commits here: tables are made before the transaction begins.

    Names are upper-case, so that a query need not quote them.
    """

    types: ClassVar[dict[str, str]] = {
        "text": "VARCHAR",
        "integer": "NUMBER(38,0)",
        "floating": "FLOAT",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMP_NTZ(6)",
        "binary": "BINARY",
    }
    decimal: ClassVar[str] = "NUMBER"
    ddl_in_transaction: ClassVar[bool] = False

    def folded(self, name: str) -> str:
        return name.upper()

    def quote(self, name: str) -> str:
        return super().quote(self.folded(name))

    def told(self, data_type: str, precision: int | None, scale: int | None) -> str:
        if data_type == "NUMBER":
            return f"NUMBER({precision},{scale})"
        return {"TEXT": "VARCHAR", "TIMESTAMP_NTZ": "TIMESTAMP_NTZ(6)"}.get(data_type, data_type)

    def prepare_lock(self, target: WarehouseTarget) -> list[Statement]:
        """An UPDATE holds the ledger against others, if it finds a row: one without a batch stands for the table."""
        ledger, name, batch = self.ledger(target), self.quote("table_name"), self.quote("batch_id")
        text = (
            f"INSERT INTO {ledger} ({name}, {batch}) SELECT %s, '' "
            f"WHERE NOT EXISTS (SELECT 1 FROM {ledger} WHERE {name} = %s AND {batch} = '')"
        )
        return [(text, (target.table, target.table))]

    def lock(self, target: WarehouseTarget) -> list[Statement]:
        name, batch = self.quote("table_name"), self.quote("batch_id")
        rows = self.quote("rows")
        text = f"UPDATE {self.ledger(target)} SET {rows} = 0 WHERE {name} = %s AND {batch} = ''"
        return [(text, (target.table,))]

    def widen(self, table: str, column: Column) -> list[str]:
        """More digits before the point; Snowflake itself refuses more behind it."""
        kind = self.type_of(column.kind)
        return [f"ALTER TABLE {self.table(table)} ALTER COLUMN {self.quote(column.name)} SET DATA TYPE {kind}"]

    def create_stage(self) -> str:
        return f"CREATE OR REPLACE TEMPORARY STAGE {self.quote(STAGE)}"

    def put(self, uri: str) -> str:
        """``uri``: a file of this machine, of our own making."""
        escaped = uri.replace("\\", "\\\\").replace("'", "\\'")
        return f"PUT '{escaped}' @{self.quote(STAGE)} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"

    def copy(self) -> str:
        return (
            f"COPY INTO {self.quote(STAGED)} FROM @{self.quote(STAGE)} "
            "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE) "
            "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT"
        )

    def load(self, execute: Execute, export: Export) -> None:
        execute(self.create_stage())
        for file in export.local_copies():
            execute(self.put(file.as_uri()))
        execute(self.copy())
