"""Where a batch is published: a Delta table of the curated zone, or a table of a warehouse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gluehouse.spec.model import Spec
from gluehouse.spec.types import TABLE_NAME

# The table in which a warehouse keeps what it was given; one a schema.
LEDGER = "gluehouse_batches"
# Of a connection: a name or ARN of Secrets Manager, or env:VARIABLE.
_PLACE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9/_+=.@:-]{1,2048})$"


class DeltaTarget(Spec):
    """A Delta table of the curated zone. Without `history` it is replaced by, or appended with, each batch."""

    target: Literal["delta"]
    table: str = Field(pattern=TABLE_NAME, description="database.table")
    mode: Literal["overwrite", "append"] = "overwrite"
    partition_by: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    encryption: Literal["sse-kms"] = Field(
        default="sse-kms",
        description="Every bucket of the template encrypts with the environment's key; said here for readers",
    )

    @property
    def name(self) -> str:
        """What locks and reports call the table."""
        return self.table


class _WarehouseTarget(Spec):
    table: str = Field(pattern=TABLE_NAME, description="schema.table; the schema must be there")
    mode: Literal["overwrite", "append"] = "overwrite"
    connection: str = Field(
        pattern=_PLACE,
        description="Secret with the connection as JSON: a name or ARN of Secrets Manager, or env:VARIABLE",
    )

    @field_validator("table")
    @classmethod
    def _the_ledger_is_ours(cls, table: str) -> str:
        if table.endswith(f".{LEDGER}"):
            raise ValueError(f"{LEDGER} is the table in which a warehouse keeps its batches; take another name")
        return table


class RedshiftTarget(_WarehouseTarget):
    """A table of Amazon Redshift. With `history` it follows the Delta table that is listed before it."""

    target: Literal["redshift"]
    distkey: str | None = Field(default=None, description="For a new table: the column whose value chooses the slice")
    sortkey: tuple[str, ...] = Field(default=(), description="For a new table: its compound sort key")

    @property
    def name(self) -> str:
        """What locks and reports call the table: a Delta table may have the same name."""
        return f"redshift:{self.table}"

    @property
    def key_columns(self) -> tuple[str, ...]:
        return ((self.distkey,) if self.distkey else ()) + self.sortkey


class SnowflakeTarget(_WarehouseTarget):
    """A table of Snowflake. With `history` it follows the Delta table that is listed before it."""

    target: Literal["snowflake"]

    @property
    def name(self) -> str:
        """What locks and reports call the table: a Delta table may have the same name."""
        return f"snowflake:{self.table}"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """None: Snowflake lays its tables out by itself."""
        return ()


WarehouseTarget = RedshiftTarget | SnowflakeTarget
Target = Annotated[DeltaTarget | RedshiftTarget | SnowflakeTarget, Field(discriminator="target")]
