"""CSV by Spark's parser, with a header whose names are taken as they stand.

An object whose records are lines is read as lines, so that each is at hand when its cells are: what Spark's parser
takes for a cell without a word can be judged, and set aside as it was delivered, in the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from gluehouse.frames.parse import MALFORMED
from gluehouse.frames.rules import quoted
from gluehouse.sources.formats.quotes import STRICT, is_misplaced, outside, refuse_odd
from gluehouse.sources.opened import LINE, Opened, as_path, read_lines, text_reader, without_losses
from gluehouse.spec.contract import Column
from gluehouse.spec.header import refuse_repeated
from gluehouse.spec.source import CsvDialect, FileSource

_ROW, _NUMBER, _OUTSIDE = "_row", "_number", "_outside"


def read_csv(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    expected = {name for column in columns for name in column.names}
    options = _options(source.csv)
    # Read as a row of data: from a header Spark would rename what stands twice.
    first = text_reader(spark).options(header="false", **options).csv(as_path(uri)).head()
    header = list(first) if first is not None else []
    refuse_repeated(uri, [name for name in header if name], expected)
    # Columns that nobody asked for may have any name or none; they only must not shadow those of the contract.
    names = [name if name in expected else f"_unused_{place}" for place, name in enumerate(header)]
    schema = StructType([StructField(name, StringType()) for name in (*names, MALFORMED)])
    if source.csv.multi_line:
        refuse_odd(spark, uri, source.csv)
        frame = text_reader(spark).schema(schema).options(header="true", **options).csv(as_path(uri))
    else:
        frame = _by_line(spark, uri, source.csv, schema)
    known = [name for name in names if name in expected]
    # What is cast does not take U+FFFD or a line end anyway.
    texts = {name for column in columns if column.type == "string" for name in column.names}
    lost = [quoted(name).contains("\ufffd") for name in known if name in texts]
    if source.csv.multi_line and names and names[-1] in texts:
        # Spark takes the first line's end for every one's, and of CRLF would put the half into the last cell.
        lost.append(quoted(names[-1]).endswith("\r"))
    return Opened(without_losses(frame, known, lost), {name or "": None for name in header})


def _options(dialect: CsvDialect) -> dict[str, str]:
    return {
        "sep": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.quote,
        "encoding": dialect.encoding,
        "multiLine": str(dialect.multi_line).lower(),
        "maxColumns": "20480",
        "maxCharsPerColumn": "-1",
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": MALFORMED,
        # With pruning Spark parses only the columns asked for and no longer sees that a row is ragged.
        "columnPruning": "false",
        "enforceSchema": "true",
        "emptyValue": "",
        **(STRICT if dialect.multi_line else {}),
    }


def _by_line(spark: SparkSession, uri: str, dialect: CsvDialect, schema: StructType) -> DataFrame:
    """Each line but the first as a row of ``schema``; one with a misplaced quote is malformed."""
    # Few lines begin with a blank, and only those need be looked through.
    written = (F.col(LINE) >= "!") | F.col(LINE).rlike(r"[^\x00-\x20]")
    lines = read_lines(spark, uri, dialect.encoding).where(written)
    numbered = lines.withColumn(_NUMBER, F.monotonically_increasing_id())
    header = numbered.head()
    rows = numbered.where(F.col(_NUMBER) != (header[_NUMBER] if header else -1))
    # A schema as text, in which a name may have any character.
    named = ", ".join(f"`{name.replace('`', '``')}` string" for name in schema.names)
    read = F.from_csv(F.col(LINE), named, _options(dialect))
    taken = rows.select(LINE, read.alias(_ROW), outside(F.col(LINE), dialect).alias(_OUTSIDE))
    misplaced = is_misplaced(F.col(_OUTSIDE), dialect, len(schema.names) - 1)
    malformed = F.coalesce(F.when(misplaced, F.col(LINE)), F.col(_ROW)[MALFORMED])
    cells = (F.col(_ROW)[name].alias(name) for name in schema.names[:-1])
    return taken.select(*cells, malformed.alias(MALFORMED))
