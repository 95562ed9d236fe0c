"""JSON records, one a line or in a document: each is a text first, so that all of it can be judged and set aside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType, StructField, StructType

from gluehouse.frames.parse import MALFORMED
from gluehouse.sources.formats.json_flaws import (
    alters_a_decimal,
    goes_on,
    half_a_character,
    repeats_within,
    rounds_a_number,
)
from gluehouse.sources.opened import LINE, Opened, as_path, holds_lost_bytes, read_lines, several, text_reader, times
from gluehouse.spec.contract import Column
from gluehouse.spec.json_document import records_of
from gluehouse.spec.source import FileSource

_RECORD = "_record"
# Quotes are those of RFC 8259 alone: what looks for names twice knows no others. So are numbers: of those that are none
# Spark would make texts.
_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": MALFORMED,
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}


def read_json_lines(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    return _opened(read_lines(spark, uri).where(F.col(LINE).rlike(r"[^ \t\r\n]")), columns)


def read_json_document(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    """The whole object is in memory while it is taken apart."""
    path = source.json_document.path
    split = F.udf(lambda content: records_of(bytes(content), path), "array<string>")
    documents = text_reader(spark).text(as_path(uri), wholetext=True)
    records = documents.select(F.explode(split(F.col(LINE).cast("binary"))).alias(LINE))
    return _opened(records, columns)


def _opened(records: DataFrame, columns: Sequence[Column]) -> Opened:
    """``records``: ``value`` (string), the text of one record. One that is no object or more than one, whose bytes are
    no text, that names a field or a column twice, or that Spark would alter has not the agreed shape."""
    # Spark hands a number over as text only by way of a double; decimals are read as such, with all their digits.
    fields = [StructField(name, _widest(column)) for column in columns for name in column.names]
    schema = StructType([*fields, StructField(MALFORMED, StringType())])
    read = F.from_json(LINE, schema, _OPTIONS)
    frame = records.select(LINE, read.alias(_RECORD))
    unfit = [
        _field(MALFORMED).isNotNull(),
        F.col(_RECORD).isNull(),
        holds_lost_bytes(F.col(LINE)),
        goes_on(),
        _repeats_a_name(columns),
        repeats_within(),
        half_a_character(),
    ]
    texts = [_field(name) for column in columns if column.type == "string" for name in column.names]
    unfit += [rounds_a_number(texts)] if texts else []
    kept = {field.name: field.dataType.scale for field in fields if isinstance(field.dataType, DecimalType)}
    unfit += [alters_a_decimal(F.col(_RECORD), _as_texts(kept), kept)] if kept else []
    unfit += [several(map(_field, column.names)) for column in columns if column.aliases]
    bad = reduce(or_, (F.coalesce(one, F.lit(False)) for one in unfit))
    agreed = (F.coalesce(*map(_field, column.names)).alias(column.name) for column in columns)
    return Opened(
        frame.select(*agreed, F.when(bad, F.col(LINE)).alias(MALFORMED)), {column.name: None for column in columns}
    )


def _repeats_a_name(columns: Sequence[Column]) -> SparkColumn:
    """Of two fields of one name Spark would keep the last. NULL for what is no object.

    To list a record's names is to read it again, so it is done only where it can have more members than fields were
    found: a member's colon stands behind a quote or a blank.
    """
    found = sum((_field(name).isNotNull().cast("int") for column in columns for name in column.names), F.lit(0))
    members = sum((times(text, F.col(LINE)) for text in ('":', " :", "\t:", "\n:", "\r:")), F.lit(0))
    names = F.array(F.expr(f"json_object_keys({LINE})"))
    # Within a filter, so that the names are listed once.
    repeating = F.filter(names, lambda listed: F.size(listed) > F.size(F.array_distinct(listed)))
    # Most records have no further colons, and then one look is enough.
    return F.when((times(":", F.col(LINE)) > found) & (members > found), F.size(repeating) > 0)


def _field(name: str) -> SparkColumn:
    return F.col(_RECORD)[name]


def _as_texts(names: Iterable[str]) -> SparkColumn:
    return F.from_json(LINE, StructType([StructField(name, StringType()) for name in names]), _OPTIONS)


def _widest(column: Column) -> DecimalType | StringType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", column.type)
    return DecimalType(38, 38 - (int(decimal[1]) - int(decimal[2]))) if decimal else StringType()
