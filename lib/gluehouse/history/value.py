"""Single values carried from a DataFrame to the driver and back without loss (a timestamp passes no time zone)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T


def portable(column: Column, kind: T.DataType) -> Column:
    """The column in a form that ``literal`` turns back."""
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(column)
    if isinstance(kind, T.StructType):
        return F.struct(*[portable(column.getField(f.name), f.dataType).alias(f.name) for f in kind.fields])
    return column


def literal(value: Any, kind: T.DataType) -> Column:
    """The collected form of ``portable`` as a literal of the type."""
    if value is None:
        return F.lit(None).cast(kind)
    if isinstance(kind, T.TimestampType):
        return F.timestamp_micros(F.lit(value).cast("bigint"))
    if isinstance(kind, T.StructType):
        return F.struct(*[literal(value[f.name], f.dataType).alias(f.name) for f in kind.fields])
    return F.lit(value).cast(kind)
