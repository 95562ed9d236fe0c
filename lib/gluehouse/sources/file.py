"""Delivered files: CSV, JSON lines and Parquet, read so that nothing is nulled or dropped on the way.

Every reader answers a frame with the contract's columns (text, or the file's own types for Parquet),
``_source_object`` (string: the object's URI) and ``_malformed`` (string: a record that has not the format's
shape, else NULL). Grain: one row a record. Nothing is computed yet but a CSV's header line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from gluehouse.errors import InputError
from gluehouse.frames.parse import MALFORMED, SOURCE_OBJECT
from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Contract
from gluehouse.spec.pipeline import FileSource


def read(spark: SparkSession, uris: Sequence[str], source: FileSource, contract: Contract) -> DataFrame:
    """All objects of a delivery as one frame; raises InputError GH2010 to GH2012 where it has not the agreed shape."""
    frames = [_read_object(spark, uri, source, contract) for uri in uris]
    return reduce(DataFrame.unionByName, frames)


def _read_object(spark: SparkSession, uri: str, source: FileSource, contract: Contract) -> DataFrame:
    from_key = _columns_from_key(uri, source)
    expected = [name for name in contract.column_names if name not in from_key]
    frame = _READERS[source.format](spark, uri, source, expected)
    missing = [name for name in expected if name not in frame.columns]
    if missing:
        raise InputError(
            "GH2010",
            f"{uri} lacks the columns {missing}; contract {contract.contract} has them, the delivery has "
            f"{[c for c in frame.columns if c != MALFORMED]}.",
            "Deliver the agreed columns, or agree on a new version of the contract.",
        )
    constants = [F.lit(value).alias(name) for name, value in from_key.items()]
    return frame.select(
        *(quoted(name) for name in expected), *constants, F.lit(uri).alias(SOURCE_OBJECT), quoted(MALFORMED)
    )


def _columns_from_key(uri: str, source: FileSource) -> dict[str, str]:
    if source.columns_from_key is None:
        return {}
    found = re.search(source.columns_from_key, uri)
    if found is None:
        raise InputError(
            "GH2012",
            f"the key of {uri} does not match columns_from_key '{source.columns_from_key}'.",
            f"Name the object so that it gives {list(source.key_columns)}.",
        )
    return found.groupdict()


def _csv(spark: SparkSession, uri: str, source: FileSource, expected: Sequence[str]) -> DataFrame:
    dialect = {
        "sep": source.csv.delimiter,
        "quote": source.csv.quote,
        "escape": source.csv.quote,
        "encoding": source.csv.encoding,
        "multiLine": str(source.csv.multi_line).lower(),
        "header": "true",
    }
    header = spark.read.options(**dialect).csv(uri).columns
    _refuse_repeated(uri, header)
    reader = spark.read.schema(_text_columns(header)).options(
        **dialect,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED,
        # With pruning Spark parses only the columns asked for and no longer sees that a row is ragged.
        columnPruning="false",
        enforceSchema="true",
        emptyValue="",
        maxCharsPerColumn="-1",
    )
    return reader.csv(uri)


def _refuse_repeated(uri: str, header: Sequence[str]) -> None:
    # Spark tells repeated names apart by appending their position: a,a becomes a0,a1.
    stems = Counter(re.sub(rf"{position}$", "", name).lower() for position, name in enumerate(header))
    names = {name.lower() for name in header}
    repeated = sorted(stem for stem, times in stems.items() if times > 1 and stem not in names)
    if repeated:
        raise InputError("GH2011", f"the header of {uri} names {repeated} more than once.", "Deliver each column once.")


def _json(spark: SparkSession, uri: str, source: FileSource, expected: Sequence[str]) -> DataFrame:
    return spark.read.schema(_text_columns(expected)).json(uri, mode="PERMISSIVE", columnNameOfCorruptRecord=MALFORMED)


def _parquet(spark: SparkSession, uri: str, source: FileSource, expected: Sequence[str]) -> DataFrame:
    return spark.read.parquet(uri).withColumn(MALFORMED, F.lit(None).cast("string"))


_READERS: dict[str, Callable[[SparkSession, str, FileSource, Sequence[str]], DataFrame]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}


def _text_columns(names: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in (*names, MALFORMED)])
