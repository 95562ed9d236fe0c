"""The columns of a warehouse's table: name and kind, and the rows of a frame in just these columns and types.

A kind is a family of types: a BIGINT column holds every integer, so that a type which widens changes no table there.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import PublishError
from gluehouse.frames.rules import quoted
from gluehouse.spec.warehouse import OURS

# Whether a staged row goes from the table or comes to it.
WENT = f"{OURS}_went"

_EXPORTED = {
    "text": "string",
    "integer": "bigint",
    "floating": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "binary": "binary",
}
_KINDS: dict[type[T.DataType], str] = {
    T.StringType: "text",
    T.ByteType: "integer",
    T.ShortType: "integer",
    T.IntegerType: "integer",
    T.LongType: "integer",
    T.FloatType: "floating",
    T.DoubleType: "floating",
    T.BooleanType: "boolean",
    T.DateType: "date",
    T.TimestampType: "timestamp",
    T.BinaryType: "binary",
}


@dataclass(frozen=True)
class Column:
    """``kind``: text, integer, floating, boolean, date, timestamp (UTC), binary or decimal(p,s)."""

    name: str
    kind: str


def columns_of(schema: T.StructType, table: str) -> tuple[Column, ...]:
    """Raises PublishError GH5001 where a column is of a type that no warehouse gets."""
    columns = tuple(Column(field.name, _kind(field.dataType)) for field in schema.fields)
    unknown = [column.name for column in columns if not column.kind]
    if unknown:
        raise PublishError(
            "GH5001",
            f"{table} cannot have the columns {unknown}: no warehouse gets their types.",
            "Leave them out in the transform, or make texts of them.",
        )
    return columns


def _kind(of: T.DataType) -> str:
    if isinstance(of, T.DecimalType):
        return f"decimal({of.precision},{of.scale})"
    return _KINDS.get(type(of), "")


def exported(frame: DataFrame, columns: tuple[Column, ...]) -> list[SparkColumn]:
    """A frame's rows as those columns, NULL where it has none of the name."""
    have = {name.lower(): name for name in frame.columns}
    return [
        (quoted(have[column.name.lower()]) if column.name.lower() in have else F.lit(None))
        .cast(_EXPORTED.get(column.kind, column.kind))
        .alias(column.name)
        for column in columns
    ]
