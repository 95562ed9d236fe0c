"""Warehouses to publish to: a PostgreSQL server in Redshift's place, and fakesnow in Snowflake's.

Both are real transactional databases that the dialects speak to. Only what neither can do is said otherwise here: the
loading of the exported files, which both warehouses do by SQL of their own, and a type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import fakesnow
import pgserver
import psycopg2
import pyarrow.parquet as pq
import snowflake.connector

from gluehouse.spec.target import WarehouseTarget
from gluehouse.targets.columns import Column
from gluehouse.targets.dialect import STAGED, Dialect, Execute
from gluehouse.targets.export import Export
from gluehouse.targets.redshift import Redshift
from gluehouse.targets.session import Warehouse
from gluehouse.targets.snowflake import Snowflake

ROWS_AT_ONCE = 500
SCHEMA = "curated"


def load_by_rows(dialect: Dialect, execute: Execute, export: Export) -> None:
    """The exported files, read by batches and inserted with parameters."""
    names, order = dialect.names(export.columns), [column.name for column in export.columns]
    for file in export.local_copies():
        for batch in pq.ParquetFile(file).iter_batches(batch_size=ROWS_AT_ONCE, columns=order):
            rows = [tuple(_plain(value) for value in row.values()) for row in batch.to_pylist()]
            if rows:
                one = f"({', '.join(['%s'] * len(export.columns))})"
                sql = f"INSERT INTO {dialect.quote(STAGED)} ({names}) VALUES {', '.join([one] * len(rows))}"
                execute(sql, tuple(value for row in rows for value in row))


def _plain(value: Any) -> Any:
    """Times are UTC in all warehouses, and tell no zone there."""
    return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) is not None else value


class Postgres(Redshift):
    """PostgreSQL has no VARBYTE, no keys of distribution and sorting, and no COPY from S3."""

    types: ClassVar[dict[str, str]] = {**Redshift.types, "binary": "BYTEA"}

    def told(self, data_type: str, precision: int | None, scale: int | None) -> str:
        return "BYTEA" if data_type == "bytea" else super().told(data_type, precision, scale)

    def create_table(self, target: WarehouseTarget, columns: Sequence[Column]) -> str:
        return Dialect.create_table(self, target, columns)

    def load(self, execute: Execute, export: Export) -> None:
        load_by_rows(self, execute, export)


class Fakesnow(Snowflake):
    """fakesnow copies into no temporary table."""

    def load(self, execute: Execute, export: Export) -> None:
        load_by_rows(self, execute, export)


@dataclass(frozen=True)
class Server:
    """A running warehouse; ``connect`` opens a connection as the port wants them."""

    kind: str
    connect: Callable[[], Any]
    dialect: Dialect

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.connect, self.dialect)

    def target(self, table: str = f"{SCHEMA}.ports", **fields: Any) -> dict[str, Any]:
        return {"target": self.kind, "table": table, "connection": "env:NOWHERE", **fields}

    def run(self, sql: str) -> None:
        self._ask(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._ask(sql).fetchall()]

    def rows(self, *names: str, table: str = f"{SCHEMA}.ports") -> list[tuple[Any, ...]]:
        """Some columns of all rows, sorted by their text."""
        listed = ", ".join(self.dialect.quote(name) for name in names)
        return sorted(self.query(f"SELECT {listed} FROM {self.dialect.table(table)}"), key=str)

    def tables(self) -> set[str]:
        """The names of the tables that there are, in small letters."""
        schema = self.dialect.folded(SCHEMA)
        asked = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'"
        return {str(name).lower() for (name,) in self.query(asked)}

    def clean(self) -> None:
        for table in self.tables():
            self.run(f"DROP TABLE {self.dialect.table(f'{SCHEMA}.{table}')}")

    def _ask(self, sql: str) -> Any:
        connection = self.connect()
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """A server of its own below ``folder``, on a socket there; it ends with the block."""
    running = pgserver.get_server(folder, cleanup_mode="stop")

    def connect() -> Any:
        connection = psycopg2.connect(running.get_uri())
        connection.autocommit = True
        return connection

    server = Server("redshift", connect, Postgres())
    try:
        server.run(f"CREATE SCHEMA {SCHEMA}")
        yield server
    finally:
        running.cleanup()


@contextmanager
def fake_snowflake() -> Iterator[Server]:
    """fakesnow in this process."""
    with fakesnow.patch():
        yield Server(
            "snowflake",
            lambda: snowflake.connector.connect(database="LAKE", schema="CURATED", autocommit=True),
            Fakesnow(),
        )
