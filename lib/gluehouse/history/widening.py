"""Types that have every value of two others: what columns become when they grow."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import types as T

from gluehouse.errors import HistoryRefused

_WIDER: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
    "date": (),
}


def merge(old: T.StructType, new: T.StructType) -> T.StructType:
    """All fields of both, each in a type that has every value of either."""
    fields = {f.name: f for f in old.fields}
    for field in new.fields:
        was = fields.get(field.name)
        kind = field.dataType if was is None else wider(field.name, was.dataType, field.dataType)
        fields[field.name] = T.StructField(field.name, kind)
    return T.StructType(list(fields.values()))


def wider(name: str, old: T.DataType, new: T.DataType) -> T.DataType:
    if isinstance(new, T.NullType) or _widens(new, old):
        return old
    if isinstance(old, T.NullType) or _widens(old, new):
        return new
    if isinstance(old, T.StructType) and isinstance(new, T.StructType):
        return merge(old, new)
    if isinstance(old, T.ArrayType) and isinstance(new, T.ArrayType):
        return T.ArrayType(wider(name, old.elementType, new.elementType))
    if isinstance(old, T.MapType) and isinstance(new, T.MapType):
        return T.MapType(wider(name, old.keyType, new.keyType), wider(name, old.valueType, new.valueType))
    if isinstance(old, T.DecimalType) and isinstance(new, T.DecimalType):
        scale = max(old.scale, new.scale)
        whole = max(old.precision - old.scale, new.precision - new.scale)
        if whole + scale <= 38:
            return T.DecimalType(whole + scale, scale)
    raise HistoryRefused(
        "GH4101",
        f"column {name} is {old.simpleString()} in the table and {new.simpleString()} in the batch.",
        "cast it in the transform, or start a new column: a change of type family breaks comparison and identity.",
    )


def _widens(old: T.DataType, new: T.DataType) -> bool:
    """Whether every value of ``old`` is one of ``new``."""
    if plain(old) == plain(new):
        return True
    if isinstance(old, T.DecimalType) and isinstance(new, T.DecimalType):
        return old.scale <= new.scale and old.precision - old.scale <= new.precision - new.scale
    return new.simpleString() in _WIDER.get(old.simpleString(), ())


def nullable(kind: T.StructType) -> T.StructType:
    """The type with every part nullable and text compared by bytes: neither nullability nor collation is part of a
    history table's types."""
    return T.StructType([T.StructField(f.name, plain(f.dataType)) for f in kind.fields])


def plain(kind: T.DataType) -> T.DataType:
    if isinstance(kind, T.StructType):
        return nullable(kind)
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(plain(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(plain(kind.keyType), plain(kind.valueType))
    return T.StringType() if isinstance(kind, T.StringType) else kind


def wider_there(there: T.StructType, fields: Sequence[T.StructField]) -> list[str]:
    """The columns that are there in a narrower type."""
    return [
        f.name for f in fields if f.name in there.fieldNames() and plain(there[f.name].dataType) != plain(f.dataType)
    ]
