"""What one warehouse says otherwise than another: names, types, tables, locks and the loading of files.

Each method answers SQL text, or statements with their parameters; nothing here runs. Identifiers are quoted, and no
value stands in a text: it is a parameter, ``%s``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from gluehouse.spec.target import LEDGER, WarehouseTarget
from gluehouse.targets.columns import Column
from gluehouse.targets.export import Export

Execute = Callable[..., None]
Statement = tuple[str, tuple[Any, ...]]
STAGED = "gluehouse_staged"
LEDGER_COLUMNS = (
    Column("table_name", "text"),
    Column("batch_id", "text"),
    Column("delta_table", "text"),
    Column("delta_version", "integer"),
    Column("rows", "integer"),
    Column("asked_at", "timestamp"),
    Column("applied_at", "timestamp"),
)
_NUMBERS = re.compile(r"\((\d+),\s*(\d+)\)")


class Dialect(ABC):
    """``ddl_in_transaction``: whether a table that is made or changed within a transaction goes back with it."""

    types: ClassVar[dict[str, str]]
    decimal: ClassVar[str]
    ddl_in_transaction: ClassVar[bool]

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: str) -> str:
        """``schema.table``, quoted."""
        return ".".join(self.quote(part) for part in name.split("."))

    def ledger(self, target: WarehouseTarget) -> str:
        return self.table(f"{target.table.split('.')[0]}.{LEDGER}")

    def type_of(self, kind: str) -> str:
        """The type of a column of that kind."""
        decimal = _NUMBERS.search(kind)
        return f"{self.decimal}({decimal[1]},{decimal[2]})" if decimal else self.types[kind]

    def names(self, columns: Sequence[Column]) -> str:
        return ", ".join(self.quote(column.name) for column in columns)

    def described(self, columns: Sequence[Column]) -> str:
        return ", ".join(f"{self.quote(column.name)} {self.type_of(column.kind)}" for column in columns)

    def create_ledger(self, target: WarehouseTarget) -> str:
        keys = self.names(LEDGER_COLUMNS[:2])
        columns = self.described(LEDGER_COLUMNS)
        return f"CREATE TABLE IF NOT EXISTS {self.ledger(target)} ({columns}, PRIMARY KEY ({keys}))"

    def create_staged(self, columns: Sequence[Column]) -> str:
        """A table of this session alone; it has no schema, and ends with the session."""
        return f"CREATE TEMPORARY TABLE {self.quote(STAGED)} ({self.described(columns)})"

    def create_table(self, target: WarehouseTarget, columns: Sequence[Column]) -> str:
        return f"CREATE TABLE {self.table(target.table)} ({self.described(columns)})"

    def add_column(self, table: str, column: Column) -> str:
        return f"ALTER TABLE {self.table(table)} ADD COLUMN {self.described([column])}"

    def catalog(self, table: str) -> Statement:
        """Asks for name, type, precision and scale of a table's columns; no row where there is no table."""
        schema, name = (self.folded(part) for part in table.split("."))
        text = (
            "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
        )
        return text, (schema, name)

    def folded(self, name: str) -> str:
        """A name as the warehouse's catalog writes it."""
        return name

    @abstractmethod
    def told(self, data_type: str, precision: int | None, scale: int | None) -> str:
        """A type as the catalog tells it, in the words of ``type_of``."""

    @abstractmethod
    def lock(self, target: WarehouseTarget) -> list[Statement]:
        """The first statements of a transaction: what they touch nobody else writes until it ends."""

    @abstractmethod
    def prepare_lock(self, target: WarehouseTarget) -> list[Statement]:
        """What ``lock`` needs, before the transaction."""

    @abstractmethod
    def widen(self, table: str, column: Column) -> list[str] | None:
        """Give a decimal column more digits; None where the warehouse has no way to."""

    @abstractmethod
    def load(self, execute: Execute, export: Export) -> None:
        """Fill the staged table with the rows of the exported files."""
