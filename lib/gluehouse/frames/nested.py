"""Arrays, maps and structs in another type of the same shape, as SQL: a struct's fields go by their names, where a cast
goes by their places."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import types as T

from gluehouse.spec.types import common_type

# The place of a value as SQL, its type and the wanted one: the value, or whether it is kept, as SQL.
Leaf = Callable[[str, str, str], str]
_NESTED = (T.ArrayType, T.MapType, T.StructType)


def parsed_type(text: str) -> T.DataType:
    """The type that a contract calls so."""
    return T._parse_datatype_string(text)


def is_nested(kind: T.DataType) -> bool:
    return isinstance(kind, _NESTED)


def same_shape(of: T.DataType, to: T.DataType) -> bool:
    """Whether structs have fields of the same names, in any order, and arrays, maps and values stand where they do."""
    if isinstance(of, T.StructType) and isinstance(to, T.StructType):
        inner = ((of[name].dataType, to[name].dataType) for name in to.names if name in of.names)
        return sorted(of.names) == sorted(to.names) and all(same_shape(*pair) for pair in inner)
    if isinstance(of, T.ArrayType) and isinstance(to, T.ArrayType):
        return same_shape(of.elementType, to.elementType)
    if isinstance(of, T.MapType) and isinstance(to, T.MapType):
        return same_shape(of.keyType, to.keyType) and same_shape(of.valueType, to.valueType)
    return not is_nested(of) and not is_nested(to)


def common(one: T.DataType, other: T.DataType, agreed: T.DataType) -> T.DataType | None:
    """The type into which values of both go exactly, as ``spec.types.common_type`` says, with the fields in the order
    of ``agreed``; None where there is none."""
    if one.simpleString() == other.simpleString():
        return one
    if not (same_shape(one, agreed) and same_shape(other, agreed)):
        return None
    if isinstance(one, T.StructType) and isinstance(other, T.StructType) and isinstance(agreed, T.StructType):
        found = [common(one[field.name].dataType, other[field.name].dataType, field.dataType) for field in agreed]
        fields = [T.StructField(name, kind) for name, kind in zip(agreed.names, found, strict=True) if kind]
        return T.StructType(fields) if len(fields) == len(found) else None
    if isinstance(one, T.ArrayType) and isinstance(other, T.ArrayType) and isinstance(agreed, T.ArrayType):
        element = common(one.elementType, other.elementType, agreed.elementType)
        return T.ArrayType(element) if element else None
    if isinstance(one, T.MapType) and isinstance(other, T.MapType) and isinstance(agreed, T.MapType):
        key = common(one.keyType, other.keyType, agreed.keyType)
        value = common(one.valueType, other.valueType, agreed.valueType)
        return T.MapType(key, value) if key and value else None
    name = common_type(one.simpleString(), other.simpleString(), agreed.simpleString())
    return parsed_type(name) if name else None


def in_type(place: str, of: T.DataType, to: T.DataType, leaf: Leaf, depth: int = 0) -> str:
    """The value at ``place``, of type ``of``, in the type ``to`` of the same shape; ``leaf`` tells what becomes of a
    value that is not nested."""
    if of.simpleString() == to.simpleString():
        return place
    item = f"item{depth}"
    if isinstance(of, T.StructType) and isinstance(to, T.StructType):
        fields = (
            f"{_text(field.name)}, "
            + in_type(_field(place, field.name), of[field.name].dataType, field.dataType, leaf, depth)
            for field in to
        )
        return f"CASE WHEN {place} IS NOT NULL THEN named_struct({', '.join(fields)}) END"
    if isinstance(of, T.ArrayType) and isinstance(to, T.ArrayType):
        return f"transform({place}, {item} -> {in_type(item, of.elementType, to.elementType, leaf, depth + 1)})"
    if isinstance(of, T.MapType) and isinstance(to, T.MapType):
        values = in_type(item, of.valueType, to.valueType, leaf, depth + 1)
        if of.keyType.simpleString() == to.keyType.simpleString():
            return f"transform_values({place}, (key{depth}, {item}) -> {values})"
        keys = in_type(item, of.keyType, to.keyType, leaf, depth + 1)
        return (
            f"map_from_arrays(transform(map_keys({place}), {item} -> {keys}), "
            f"transform(map_values({place}), {item} -> {values}))"
        )
    return leaf(place, of.simpleString(), to.simpleString())


def is_kept(place: str, of: T.DataType, to: T.DataType, leaf: Leaf, depth: int = 0) -> str:
    """Whether no value within the one at ``place`` is lost in the type ``to``, as ``leaf`` tells of each."""
    if of.simpleString() == to.simpleString():
        return "true"
    item = f"item{depth}"
    if isinstance(of, T.StructType) and isinstance(to, T.StructType):
        fields = (
            is_kept(_field(place, field.name), of[field.name].dataType, field.dataType, leaf, depth) for field in to
        )
        return f"({' AND '.join(fields)})"
    if isinstance(of, T.ArrayType) and isinstance(to, T.ArrayType):
        return _each(place, item, is_kept(item, of.elementType, to.elementType, leaf, depth + 1))
    if isinstance(of, T.MapType) and isinstance(to, T.MapType):
        keys = is_kept(item, of.keyType, to.keyType, leaf, depth + 1)
        values = is_kept(item, of.valueType, to.valueType, leaf, depth + 1)
        both = f"{_each(f'map_keys({place})', item, keys)} AND {_each(f'map_values({place})', item, values)}"
        # A file may have a key twice; a map that is made anew may not.
        once = f"coalesce(size(array_distinct(map_keys({place}))) = size(map_keys({place})), true)"
        return f"({both})" if keys == "true" else f"({both} AND {once})"
    return leaf(place, of.simpleString(), to.simpleString())


def _each(array: str, item: str, kept: str) -> str:
    return "true" if kept == "true" else f"coalesce(forall({array}, {item} -> {kept}), true)"


def _field(place: str, name: str) -> str:
    return f"{place}.`{name.replace('`', '``')}`"


def _text(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
