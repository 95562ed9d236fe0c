"""Single values carried from a DataFrame to the driver and back without loss (a time passes no time zone)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

DAY_MICROS = 86_400_000_000


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
    if isinstance(kind, T.DateType):
        # PySpark cannot send a date of the first thousand years, and Java's calendar for it skips ten days of 1582.
        return F.unix_date(column)
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
    if isinstance(kind, T.DateType):
        return F.date_from_unix_date(F.lit(value).cast("int"))
    if isinstance(kind, T.StructType):
        return F.struct(*[literal(value[f.name], f.dataType).alias(f.name) for f in kind.fields])
    return typed(F.lit(value), kind)


def instant(column: Column, kind: T.DataType) -> Column:
    """A date or timestamp as a timestamp; a date's is its midnight in UTC, whatever the session's zone."""
    if not isinstance(kind, T.DateType):
        return column.cast("timestamp")
    return F.timestamp_micros(F.unix_date(column).cast("bigint") * F.lit(DAY_MICROS))


def own(name: str) -> Column:
    """The frame's column of exactly this name."""
    return F.col(f"`{name}`")


def taken(field: T.StructField, have: Mapping[str, T.DataType], of: Callable[[str], Column] = own) -> Column:
    """The field in its type, out of what has fields of these types; NULL where it has not got it."""
    there = field.name in have
    column = fitted(of(field.name), have[field.name], field.dataType) if there else typed(F.lit(None), field.dataType)
    return column.alias(field.name)


def fitted(column: Column, have: T.DataType, want: T.DataType) -> Column:
    """The column in the wanted type, nested fields by their names; those that it has not are NULL."""
    if have == want:
        return column
    if isinstance(have, T.StructType) and isinstance(want, T.StructType):
        kinds = {f.name: f.dataType for f in have.fields}
        fields = [taken(f, kinds, column.getField) for f in want.fields]
        return F.when(column.isNotNull(), F.struct(*fields))
    if isinstance(have, T.ArrayType) and isinstance(want, T.ArrayType):
        items, wanted = have.elementType, want.elementType
        return F.transform(column, lambda one: fitted(one, items, wanted))
    if isinstance(have, T.MapType) and isinstance(want, T.MapType):
        keyed, valued, wanted_key, wanted_value = have.keyType, have.valueType, want.keyType, want.valueType
        keys = F.transform(F.map_keys(column), lambda one: fitted(one, keyed, wanted_key))
        values = F.transform(F.map_values(column), lambda one: fitted(one, valued, wanted_value))
        return F.map_from_arrays(keys, values)
    return typed(column, want)
