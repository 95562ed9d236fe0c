"""Delivered files: CSV, JSON lines and Parquet, read so that nothing is nulled or dropped on the way.

Every reader answers a frame with the contract's columns (text, or the file's own types for Parquet),
``_source_object`` (string: the object's URI) and ``_malformed`` (string: a record that has not the format's
shape, else NULL). Grain: one row a record. Nothing is computed yet but a CSV's header line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType, StructField, StructType

from gluehouse.errors import InputError
from gluehouse.frames.parse import MALFORMED, SOURCE_OBJECT
from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.delivered import Delivered, differences, refuse, source_of
from gluehouse.spec.pipeline import FileSource


def read(spark: SparkSession, uris: Sequence[str], source: FileSource, contract: Contract) -> DataFrame:
    """All objects of a delivery as one frame; raises InputError GH2010 to GH2013 and GH2018 where it has not the
    agreed shape."""
    frames = [_read_object(spark, uri, source, contract) for uri in uris]
    return reduce(DataFrame.unionByName, frames)


def _read_object(spark: SparkSession, uri: str, source: FileSource, contract: Contract) -> DataFrame:
    from_key = columns_from_key(uri, source)
    columns = [column for column in contract.columns if column.name not in from_key]
    opened = _READERS[source.format](spark, uri, source, columns)
    refuse(uri, contract, differences(contract, opened.columns, from_key))
    agreed = [_agreed(column, opened.columns) for column in columns]
    constants = [F.lit(value).alias(name) for name, value in from_key.items()]
    return opened.frame.select(*agreed, *constants, F.lit(uri).alias(SOURCE_OBJECT), quoted(MALFORMED))


@dataclass(frozen=True)
class _Opened:
    """An object as Spark reads it, and the columns it says it has, those that nobody agreed on among them."""

    frame: DataFrame
    columns: Delivered


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


def _as_path(uri: str) -> str:
    """The URI as a path for Spark's readers, which take some characters for a pattern and skip hidden files."""
    if uri.rpartition("/")[2].startswith(("_", ".")):
        raise InputError(
            "GH2013",
            f"the name of {uri} begins with _ or a dot: Spark takes such objects for hidden and reads nothing.",
            "Deliver it under another name.",
        )
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", uri)


def _csv(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> _Opened:
    expected = {name for column in columns for name in column.names}
    dialect = {
        "sep": source.csv.delimiter,
        "quote": source.csv.quote,
        "escape": source.csv.quote,
        "encoding": source.csv.encoding,
        "multiLine": str(source.csv.multi_line).lower(),
        "maxColumns": "20480",
        "maxCharsPerColumn": "-1",
    }
    # Read as a row of data: from a header Spark would rename what stands twice.
    first = spark.read.options(header="false", **dialect).csv(_as_path(uri)).head()
    header = list(first) if first is not None else []
    repeated = sorted(name for name, times in Counter(header).items() if times > 1 and name in expected)
    if repeated:
        raise InputError("GH2011", f"the header of {uri} names {repeated} more than once.", "Deliver each column once.")
    # Columns that nobody asked for may have any name or none; they only must not shadow those of the contract.
    names = [name if name in expected else f"_unused_{place}" for place, name in enumerate(header)]
    reader = spark.read.schema(_text_columns(names)).options(
        **dialect,
        header="true",
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED,
        # With pruning Spark parses only the columns asked for and no longer sees that a row is ragged.
        columnPruning="false",
        enforceSchema="true",
        emptyValue="",
    )
    frame = _without_lost_bytes(reader.csv(_as_path(uri)), [name for name in names if name in expected])
    return _Opened(frame, {name or "": None for name in header})


def _without_lost_bytes(frame: DataFrame, names: Sequence[str]) -> DataFrame:
    """Where bytes are no text in the agreed encoding Spark puts U+FFFD and says nothing: such a record is malformed."""
    if not names:
        return frame
    cells = [quoted(name) for name in names]
    lost = F.when(F.concat_ws("", *cells).contains("\ufffd"), F.to_json(F.struct(*cells)))
    return frame.withColumn(MALFORMED, F.coalesce(quoted(MALFORMED), lost))


def _json(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> _Opened:
    # Spark hands a number over as text only by way of a double; decimals are read as such, with all their digits.
    fields = [StructField(name, _widest(column)) for column in columns for name in column.names]
    schema = StructType([*fields, StructField(MALFORMED, StringType())])
    frame = spark.read.schema(schema).json(_as_path(uri), mode="PERMISSIVE", columnNameOfCorruptRecord=MALFORMED)
    if len(fields) > len(columns):
        frame = _by_agreed_names(frame, columns)
    return _Opened(frame, {column.name: None for column in columns})


def _by_agreed_names(frame: DataFrame, columns: Sequence[Column]) -> DataFrame:
    """Each record's fields under their agreed names. One that has a column under two names has not the agreed shape:
    nobody can say which value is meant."""
    twice = F.lit(False)
    for column in columns:
        twice = twice | (sum((quoted(name).isNotNull().cast("int") for name in column.names), F.lit(0)) > 1)
    delivered = F.to_json(F.struct(*(quoted(name) for column in columns for name in column.names)))
    return frame.select(
        *(F.coalesce(*(quoted(name) for name in column.names)).alias(column.name) for column in columns),
        F.coalesce(quoted(MALFORMED), F.when(twice, delivered)).alias(MALFORMED),
    )


def _widest(column: Column) -> DecimalType | StringType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", column.type)
    return DecimalType(38, 38 - (int(decimal[1]) - int(decimal[2]))) if decimal else StringType()


def _parquet(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> _Opened:
    # Pages that were written with checksums are held against them.
    frame = spark.read.option("parquet.page.verify-checksum.enabled", "true").parquet(_as_path(uri))
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    return _Opened(frame.withColumn(MALFORMED, F.lit(None).cast("string")), types)


_READERS: dict[str, Callable[[SparkSession, str, FileSource, Sequence[Column]], _Opened]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}


def _text_columns(names: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in (*names, MALFORMED)])
