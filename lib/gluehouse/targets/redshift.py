"""Amazon Redshift: its types, and COPY from the exported Parquet files by a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gluehouse.spec.target import RedshiftTarget, WarehouseTarget
from gluehouse.targets.columns import Column
from gluehouse.targets.dialect import STAGED, Dialect, Execute, Statement
from gluehouse.targets.export import Export


@dataclass(frozen=True)
class Redshift(Dialect):
    """``iam_role``: the role by which COPY reads the files, or ``default``; its form was checked with the secret's."""

    iam_role: str = "default"
    types: ClassVar[dict[str, str]] = {
        "text": "VARCHAR(65535)",
        "integer": "BIGINT",
        "floating": "DOUBLE PRECISION",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "binary": "VARBYTE(1024000)",
    }
    decimal: ClassVar[str] = "DECIMAL"
    ddl_in_transaction: ClassVar[bool] = True

    def folded(self, name: str) -> str:
        return name.lower()

    def quote(self, name: str) -> str:
        return super().quote(self.folded(name))

    def told(self, data_type: str, precision: int | None, scale: int | None) -> str:
        if data_type == "numeric":
            return f"DECIMAL({precision},{scale})"
        names = {
            "character varying": "text",
            "bigint": "integer",
            "double precision": "floating",
            "boolean": "boolean",
            "date": "date",
            "timestamp without time zone": "timestamp",
            "binary varying": "binary",
        }
        return self.types[names[data_type]] if data_type in names else data_type

    def create_table(self, target: WarehouseTarget, columns: Sequence[Column]) -> str:
        made = super().create_table(target, columns)
        if not isinstance(target, RedshiftTarget):
            return made
        if target.distkey:
            made += f" DISTSTYLE KEY DISTKEY ({self.quote(target.distkey)})"
        if target.sortkey:
            made += f" COMPOUND SORTKEY ({', '.join(self.quote(name) for name in target.sortkey)})"
        return made

    def prepare_lock(self, target: WarehouseTarget) -> list[Statement]:
        return []

    def lock(self, target: WarehouseTarget) -> list[Statement]:
        # Primary keys are not enforced here: two writers must wait for each other, or both would find no batch.
        return [(f"LOCK TABLE {self.ledger(target)}", ())]

    def widen(self, table: str, column: Column) -> list[str]:
        """Redshift changes no column's type but a VARCHAR's length: a wider column takes the old one's place."""
        home, old, new = self.table(table), self.quote(column.name), self.quote(f"{column.name}__wider")
        return [
            f"ALTER TABLE {home} ADD COLUMN {new} {self.type_of(column.kind)}",
            f"UPDATE {home} SET {new} = {old}",
            f"ALTER TABLE {home} DROP COLUMN {old}",
            f"ALTER TABLE {home} RENAME COLUMN {new} TO {old}",
        ]

    def copy(self, manifest: str) -> str:
        """A COPY takes no parameters: the URI is of our own making, and its quotes are doubled all the same."""
        role = "default" if self.iam_role == "default" else _text(self.iam_role)
        return f"COPY {self.quote(STAGED)} FROM {_text(manifest)} IAM_ROLE {role} FORMAT AS PARQUET MANIFEST"

    def load(self, execute: Execute, export: Export) -> None:
        execute(self.copy(export.manifest()))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
