"""Delivered files, read so that nothing is nulled or dropped on the way.

Every reader answers a frame with the contract's columns (text, or the file's own types),
``_source_object`` (string: the object's URI) and ``_malformed`` (string: a record that has not the format's
shape, else NULL). Grain: one row a record. Nothing is computed yet but a CSV's header line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import InputError
from gluehouse.frames.nested import common, in_type, is_nested, parsed_type, same_shape
from gluehouse.frames.parse import MALFORMED, SOURCE_OBJECT
from gluehouse.frames.rules import quoted
from gluehouse.sources.formats import READERS
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.delivered import Delivered, differences, refuse, source_of
from gluehouse.spec.source import FileSource


@dataclass(frozen=True)
class Part:
    """What one object of a delivery has, in its own types."""

    uri: str
    frame: DataFrame


def read(spark: SparkSession, uris: Sequence[str], source: FileSource, contract: Contract) -> DataFrame:
    """All objects of a delivery as one frame; raises InputError GH2010 to GH2014 and GH2018 where it has not the
    agreed shape."""
    return together(parts(spark, uris, source, contract), contract)


def parts(spark: SparkSession, uris: Sequence[str], source: FileSource, contract: Contract) -> list[Part]:
    """Each object by itself; a column that it lacks, which the contract lets pass, is of the type ``void``."""
    return [Part(uri, _read_object(spark, uri, source, contract)) for uri in uris]


def together(objects: Sequence[Part], contract: Contract) -> DataFrame:
    """The rows of all objects; raises InputError GH2014 where they have a column in types of which none has exactly the
    values of all."""
    wanted = {column.name: _common(column, objects) for column in contract.columns}
    return reduce(DataFrame.unionByName, (_as_agreed(part.frame, wanted) for part in objects))


def _common(column: Column, objects: Sequence[Part]) -> T.DataType:
    agreed = parsed_type(column.type)
    kinds = {part.uri: part.frame.schema[column.name].dataType for part in objects}
    # One object for each type, as a rule the only one.
    first = {kind.simpleString(): uri for uri, kind in reversed(kinds.items()) if not isinstance(kind, T.NullType)}
    found: T.DataType | None = None
    for uri in reversed(first.values()):
        found = common(found, kinds[uri], agreed) if found else kinds[uri]
        if found is None:
            told = ", ".join(f"{kind} in {uri}" for kind, uri in reversed(first.items()))
            raise InputError(
                "GH2014",
                f"column {column.name} is {told}, and no type has the values of all as they are.",
                "Deliver a column in one type in all objects, and the corrected records of a replay in the types of "
                "the delivery.",
            )
    return found or agreed


def _as_agreed(frame: DataFrame, wanted: Mapping[str, T.DataType]) -> DataFrame:
    delivered = {name: frame.schema[name].dataType for name in wanted}
    others = {name: kind for name, kind in wanted.items() if delivered[name].simpleString() != kind.simpleString()}
    if not others:
        return frame
    cast = {name: in_type(f"`{name}`", delivered[name], kind, _cast) for name, kind in others.items()}
    return frame.select(*(F.expr(cast[n]).alias(n) if n in cast else quoted(n) for n in frame.columns))


def _cast(place: str, of: str, to: str) -> str:
    return f"CAST({place} AS {to})"


def _read_object(spark: SparkSession, uri: str, source: FileSource, contract: Contract) -> DataFrame:
    from_key = columns_from_key(uri, source)
    columns = [column for column in contract.columns if column.name not in from_key]
    opened = READERS[source.format](spark, uri, source, columns)
    refuse(uri, contract, differences(contract, opened.columns, from_key))
    agreed = [_agreed(column, opened.columns) for column in columns]
    # A group that took no part in the match gives NULL.
    constants = [F.lit(value).cast("string").alias(name) for name, value in from_key.items()]
    frame = opened.frame.select(*agreed, *constants, F.lit(uri).alias(SOURCE_OBJECT), quoted(MALFORMED))
    _refuse_other_fields(uri, columns, frame)
    return frame


def _agreed(column: Column, delivered: Delivered) -> SparkColumn:
    """The column under its agreed name; NULL where it is missing and the contract lets that pass."""
    name = source_of(column, delivered)
    return (F.lit(None) if name is None else quoted(name)).alias(column.name)


def _refuse_other_fields(uri: str, columns: Sequence[Column], frame: DataFrame) -> None:
    for column in columns:
        kind = frame.schema[column.name].dataType
        if column.type.endswith(">") and is_nested(kind) and not same_shape(kind, parsed_type(column.type)):
            raise InputError(
                "GH2014",
                f"{uri} has the column {column.name} as {kind.simpleString()}, agreed {column.type}: a struct needs "
                "the agreed fields, all and no others, by their names.",
                "Deliver the agreed types, or agree on a new version of the contract.",
            )


def columns_from_key(uri: str, source: FileSource) -> dict[str, str]:
    """The columns that an object's key gives; raises InputError GH2012 where it does not match."""
    if source.columns_from_key is None:
        return {}
    found = re.search(source.columns_from_key, _key(uri))
    if found is None:
        raise InputError(
            "GH2012",
            f"the key of {uri} does not match columns_from_key '{source.columns_from_key}'.",
            f"Name the object so that it gives {list(source.key_columns)}.",
        )
    return found.groupdict()


def _key(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[2] if uri.startswith("s3://") else uri
