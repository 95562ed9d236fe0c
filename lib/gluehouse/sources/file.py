"""Delivered files, read so that nothing is nulled or dropped on the way.

Every reader answers a frame with the contract's columns (text, or the file's own types),
``_source_object`` (string: the object's URI) and ``_malformed`` (string: a record that has not the format's
shape, else NULL). Grain: one row a record. Nothing is computed yet but a CSV's header line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.frames.parse import MALFORMED, SOURCE_OBJECT
from gluehouse.frames.rules import quoted
from gluehouse.sources.formats import READERS
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.delivered import Delivered, differences, refuse, source_of
from gluehouse.spec.source import FileSource


def read(spark: SparkSession, uris: Sequence[str], source: FileSource, contract: Contract) -> DataFrame:
    """All objects of a delivery as one frame; raises InputError GH2010 to GH2013 and GH2018 where it has not the
    agreed shape."""
    frames = [_read_object(spark, uri, source, contract) for uri in uris]
    return reduce(DataFrame.unionByName, frames)


def _read_object(spark: SparkSession, uri: str, source: FileSource, contract: Contract) -> DataFrame:
    from_key = columns_from_key(uri, source)
    columns = [column for column in contract.columns if column.name not in from_key]
    opened = READERS[source.format](spark, uri, source, columns)
    refuse(uri, contract, differences(contract, opened.columns, from_key))
    agreed = [_agreed(column, opened.columns) for column in columns]
    constants = [F.lit(value).alias(name) for name, value in from_key.items()]
    return opened.frame.select(*agreed, *constants, F.lit(uri).alias(SOURCE_OBJECT), quoted(MALFORMED))


def _agreed(column: Column, delivered: Delivered) -> SparkColumn:
    """The column under its agreed name; NULL where it is missing and the contract lets that pass."""
    name = source_of(column, delivered)
    if name is not None:
        return quoted(name).alias(column.name)
    # In the type of the delivery's other objects: a union with text would turn their values into text.
    return F.lit(None).cast("string" if None in delivered.values() else column.type).alias(column.name)


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
