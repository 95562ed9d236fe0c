"""Single values carried from a DataFrame to the driver and back without loss (a time passes no time zone)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T


def typed(column: Column, kind: T.DataType | str) -> Column:
    """A cast whose type goes to Spark as text: as an object, each would first be sent and parsed as JSON."""
    return column.cast(kind if isinstance(kind, str) else type_text(kind))


def type_text(kind: T.DataType) -> str:
    """
    >>> type_text(T.StructType([T.StructField("a b", T.ArrayType(T.LongType()))]))
    'struct<`a b`:array<bigint>>'
    """
    if isinstance(kind, T.StructType):
        fields = [f"`{f.name.replace('`', '``')}`:{type_text(f.dataType)}" for f in kind.fields]
        return f"struct<{','.join(fields)}>"
    if isinstance(kind, T.ArrayType):
        return f"array<{type_text(kind.elementType)}>"
    if isinstance(kind, T.MapType):
        return f"map<{type_text(kind.keyType)},{type_text(kind.valueType)}>"
    return kind.simpleString()


def portable(column: Column, kind: T.DataType) -> Column:
    """The column in a form that ``literal`` turns back."""
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(column)
    if isinstance(kind, T.TimestampNTZType):
        # As a datetime it would come back as an instant of the zone that this process lives in.
        return column.cast("string")
    if isinstance(kind, T.StructType):
        return F.struct(*[portable(column.getField(f.name), f.dataType).alias(f.name) for f in kind.fields])
    return column


def literal(value: Any, kind: T.DataType) -> Column:
    """The collected form of ``portable`` as a literal of the type."""
    if value is None:
        return typed(F.lit(None), kind)
    if isinstance(kind, T.TimestampType):
        return F.timestamp_micros(F.lit(value).cast("bigint"))
    if isinstance(kind, T.StructType):
        return F.struct(*[literal(value[f.name], f.dataType).alias(f.name) for f in kind.fields])
    return typed(F.lit(value), kind)
