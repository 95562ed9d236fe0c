"""Digests of typed values: 64 bits to compare two states of one key, 128 bits for identity.

Values are brought to one form per family first, so that widening a column (INT to BIGINT, FLOAT to DOUBLE,
a decimal's scale) changes no digest: integers are BIGINT, floats DOUBLE with one zero and one NaN, decimals have no
trailing zeros, timestamps are microseconds since 1970 in UTC, text is its bytes. A NULL column adds nothing,
and each value is preceded by its column's name, so that adding an empty column changes no digest either.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

DIGEST_VERSION = 1


def digest64(named: Sequence[tuple[str, Column, T.DataType]]) -> Column:
    """xxhash64 over the non-null values, each preceded by its name: a BIGINT that is never NULL."""
    parts: list[Column] = [F.lit(DIGEST_VERSION)]
    for name, column, kind in named:
        parts += [F.when(column.isNotNull(), F.lit(name)), canonical(column, kind)]
    return F.xxhash64(*parts)


def struct_digest(payload: Column, kind: T.StructType, names: Sequence[str]) -> Column:
    """The digest of some fields of a struct column."""
    return digest64([(name, payload.getField(name), kind[name].dataType) for name in names])


def canonical(column: Column, kind: T.DataType) -> Column:
    """The value's form for hashing; nested values become the hash of their parts, NULL stays NULL."""
    if isinstance(kind, T.ByteType | T.ShortType | T.IntegerType):
        return column.cast("bigint")
    if isinstance(kind, T.FloatType | T.DoubleType):
        return column.cast("double") + F.lit(0.0)
    if isinstance(kind, T.DecimalType):
        return _without_trailing_zeros(column, kind)
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(column)
    if isinstance(kind, T.StructType):
        fields = [(f.name, column.getField(f.name), f.dataType) for f in kind.fields]
        return F.when(column.isNotNull(), digest64(fields))
    if isinstance(kind, T.ArrayType):
        return F.transform(column, lambda item: _element(item, kind.elementType))
    if isinstance(kind, T.MapType):
        return F.array_sort(
            F.transform(
                F.map_entries(column),
                lambda entry: F.xxhash64(
                    _element(entry.getField("key"), kind.keyType),
                    _element(entry.getField("value"), kind.valueType),
                ),
            )
        )
    return column


def digest128(named: Sequence[tuple[str, Column, T.DataType]]) -> Column:
    """32 hex digits over the values' canonical text, each preceded by its length: no two lists share an encoding."""
    parts = []
    for _, column, kind in named:
        text = _as_text(column, kind)
        parts.append(F.coalesce(F.concat(F.octet_length(text).cast("string"), F.lit(":"), text), F.lit("-")))
    return F.substring(F.sha2(F.concat(*parts), 256), 1, 32)


def _as_text(column: Column, kind: T.DataType) -> Column:
    if isinstance(kind, T.BinaryType):
        return F.hex(column)
    if isinstance(kind, T.FloatType | T.DoubleType):
        # Java 19 writes some doubles shorter than Java 17 did (2.0E23). The hash of eight bytes has one value for each.
        return F.when(column.isNotNull(), F.xxhash64(canonical(column, kind))).cast("string")
    if isinstance(kind, T.StructType):
        return digest128([(f.name, column.getField(f.name), f.dataType) for f in kind.fields])
    return canonical(column, kind).cast("string")


def _element(item: Column, kind: T.DataType) -> Column:
    return F.when(item.isNull(), F.lit(0).cast("bigint")).otherwise(F.xxhash64(F.lit(1), canonical(item, kind)))


def _without_trailing_zeros(column: Column, kind: T.DecimalType) -> Column:
    """12.50 and 12.5 are one text; so are the two zeros of 0.0000001000 in the form 1.000E-7."""
    # A cast writes 0.0000001 in ANSI mode, 1E-7 without; up to six places both agree. The formatter knows no modes.
    text = F.format_string("%s", column) if kind.scale > 6 else column.cast("string")
    text = F.regexp_replace(F.when(column.isNotNull(), text), r"(\.\d*?)0+(?=E|$)", "$1")
    return F.when(column == 0, F.lit("0")).otherwise(F.regexp_replace(text, r"\.(?=E|$)", ""))
