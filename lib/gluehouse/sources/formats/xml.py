"""XML documents: each record becomes a row of texts, and is kept as it was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.frames.parse import MALFORMED
from gluehouse.sources.opened import LINE, Opened, as_path, several, text_reader
from gluehouse.spec.contract import Column
from gluehouse.spec.source import FileSource
from gluehouse.spec.xml import XmlRecord, records_of

_RECORD = "_record"
_RECORDS = "array<struct<values: map<string, string>, text: string, fits: boolean>>"


def read_xml(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    """The whole object is in memory while it is taken apart."""
    settings = source.xml
    if settings is None:
        raise ValueError("a source of XML without `xml`")
    wanted = frozenset(name for column in columns for name in column.names)

    def taken_apart(content: bytearray) -> list[XmlRecord]:
        return records_of(bytes(content), settings, wanted)

    documents = text_reader(spark).text(as_path(uri), wholetext=True)
    records = F.udf(taken_apart, _RECORDS)(F.col(LINE).cast("binary"))
    return _opened(documents.select(F.explode(records).alias(_RECORD)), columns)


def _opened(records: DataFrame, columns: Sequence[Column]) -> Opened:
    """``records``: ``_record``, an XmlRecord."""
    record = F.col(_RECORD)
    fits = reduce(and_, (~several(map(_value, column.names)) for column in columns if column.aliases), record["fits"])
    agreed = (F.coalesce(*map(_value, column.names)).alias(column.name) for column in columns)
    return Opened(
        records.select(*agreed, F.when(~fits, record["text"]).alias(MALFORMED)),
        {column.name: None for column in columns},
    )


def _value(name: str) -> SparkColumn:
    return F.col(_RECORD)["values"][name]
