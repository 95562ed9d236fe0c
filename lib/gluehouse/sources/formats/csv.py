"""CSV by Spark's reader, with a header whose names are taken as they stand."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from gluehouse.frames.parse import MALFORMED
from gluehouse.frames.rules import quoted
from gluehouse.sources.formats.quotes import refuse_unclosed
from gluehouse.sources.opened import Opened, as_path, text_reader
from gluehouse.spec.contract import Column
from gluehouse.spec.header import refuse_repeated
from gluehouse.spec.source import FileSource


def read_csv(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
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
    first = text_reader(spark).options(header="false", **dialect).csv(as_path(uri)).head()
    header = list(first) if first is not None else []
    refuse_repeated(uri, [name for name in header if name], expected)
    refuse_unclosed(spark, uri, source.csv, len(header))
    # Columns that nobody asked for may have any name or none; they only must not shadow those of the contract.
    names = [name if name in expected else f"_unused_{place}" for place, name in enumerate(header)]
    reader = (
        text_reader(spark)
        .schema(_text_columns(names))
        .options(
            **dialect,
            header="true",
            mode="PERMISSIVE",
            columnNameOfCorruptRecord=MALFORMED,
            # With pruning Spark parses only the columns asked for and no longer sees that a row is ragged.
            columnPruning="false",
            enforceSchema="true",
            emptyValue="",
        )
    )
    # What is cast does not take U+FFFD anyway.
    texts = {name for column in columns if column.type == "string" for name in column.names}
    known = [name for name in names if name in expected]
    frame = _without_lost_bytes(reader.csv(as_path(uri)), known, [name for name in known if name in texts])
    return Opened(frame, {name or "": None for name in header})


def _without_lost_bytes(frame: DataFrame, names: Sequence[str], texts: Sequence[str]) -> DataFrame:
    """Where bytes are no text in the agreed encoding Spark puts U+FFFD and says nothing: such a record is malformed.

    Looked for in ``texts``; the record is told by its columns ``names``.
    """
    if not texts:
        return frame
    lost = F.coalesce(*(F.when(quoted(name).contains("\ufffd"), True) for name in texts))
    told = F.when(lost, F.to_json(F.struct(*(quoted(name) for name in names))))
    return frame.withColumn(MALFORMED, F.coalesce(quoted(MALFORMED), told))


def _text_columns(names: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in (*names, MALFORMED)])
