"""CSV by Spark's parser, with a header whose names are taken as they stand.

An object whose records are lines is read as lines, so that each is at hand when its cells are: what Spark's parser
takes for a cell without a word can be judged, and set aside as it was delivered, in the same pass.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from gluehouse.frames.parse import MALFORMED
from gluehouse.frames.rules import quoted
from gluehouse.history.session import PYTHON_UTILS, java_class
from gluehouse.sources.formats.quotes import STRICT, is_misplaced, outside, refuse_doubtful, without_cells
from gluehouse.sources.opened import LINE, Opened, as_path, read_lines, text_reader, times, without_losses
from gluehouse.spec.contract import Column
from gluehouse.spec.header import MOST_COLUMNS, refuse_repeated
from gluehouse.spec.source import CsvDialect, FileSource

_ROW, _NUMBER, _OUTSIDE = "_row", "_number", "_outside"
_NUL, _BYTE_ORDER_MARK = "\x00", "\ufeff"


def read_csv(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    expected = {name for column in columns for name in column.names}
    header, frame = (_read_whole if source.csv.multi_line else _read_lines)(spark, uri, source.csv, expected)
    # What is cast does not take U+FFFD or a line end anyway.
    texts = {name for column in columns if column.type in ("string", "binary") for name in column.names}
    known = [name for name in header if name in expected]
    lost = [quoted(name).contains("\ufffd") for name in known if name in texts]
    if source.csv.multi_line and header and header[-1] in texts:
        # Spark takes the first line's end for every one's, and of CRLF would put the half into the last cell.
        lost.append(quoted(header[-1]).endswith("\r"))
    return Opened(without_losses(frame, known, lost), dict.fromkeys(header))


def _read_whole(
    spark: SparkSession, uri: str, dialect: CsvDialect, expected: Collection[str]
) -> tuple[list[str], DataFrame]:
    """The names of the header, and the rows by Spark's reader, which knows records of several lines."""
    options = _options(dialect)
    # Read as a row of data: from a header Spark would rename what stands twice.
    first = text_reader(spark).options(header="false", **options).csv(as_path(uri)).head()
    header = [name or "" for name in first] if first is not None else []
    schema = _schema(uri, header, expected)
    refuse_doubtful(spark, uri, dialect)
    return header, text_reader(spark).schema(schema).options(header="true", **options).csv(as_path(uri))


def _read_lines(
    spark: SparkSession, uri: str, dialect: CsvDialect, expected: Collection[str]
) -> tuple[list[str], DataFrame]:
    """The names of the header, which is the first line that is not blank, and the other lines as rows.

    A blank line is a row only where it could be meant as one: its blanks are delimiters, or there is but one column.
    """
    line, written = F.col(LINE), (F.col(LINE) >= "!") | F.col(LINE).rlike(r"[^\x01-\x20]")
    numbered = read_lines(spark, uri, dialect.encoding).withColumn(_NUMBER, F.monotonically_increasing_id())
    # A quote that stays open in the header ends the run here.
    first = numbered.where(written).select(LINE, _NUMBER, is_misplaced(outside(line, dialect), dialect)).head()
    header = _names(spark, first[LINE], dialect) if first else []
    schema = _schema(uri, header, expected)
    rows = numbered.where(F.col(_NUMBER) > (first[_NUMBER] if first else -1))
    if len(header) > 1:
        rows = rows.where(written | line.contains(dialect.delimiter))
    # A schema as text, in which a name may have any character.
    named = ", ".join(f"`{name.replace('`', '``')}` string" for name in schema.names)
    cells = F.when(~_is_crowded(line, dialect), F.from_csv(line, named, _options(dialect)))
    taken = rows.select(LINE, cells.alias(_ROW), outside(line, dialect).alias(_OUTSIDE))
    # What Spark's parser leaves out without a word: NUL at some places, and the mark where a task begins.
    unfit = is_misplaced(F.col(_OUTSIDE), dialect) | line.contains(_NUL) | line.startswith(_BYTE_ORDER_MARK)
    malformed = F.coalesce(F.when(unfit | F.col(_ROW).isNull(), line), F.col(_ROW)[MALFORMED])
    return header, taken.select(
        *(F.col(_ROW)[name].alias(name) for name in schema.names[:-1]), malformed.alias(MALFORMED)
    )


def _schema(uri: str, header: Sequence[str], expected: Collection[str]) -> StructType:
    """Columns that nobody asked for may have any name or none; they only must not shadow those of the contract."""
    refuse_repeated(uri, [name for name in header if name], expected)
    unused = next(name for name in ("_unused" + "_" * more for more in count()) if _is_new(name, expected))
    names = [name if name in expected else f"{unused}{place}" for place, name in enumerate(header)]
    return StructType([StructField(name, StringType()) for name in (*names, MALFORMED)])


def _is_new(beginning: str, names: Collection[str]) -> bool:
    return not any(name.lower().startswith(beginning) for name in names)


def _names(spark: SparkSession, line: str, dialect: CsvDialect) -> list[str]:
    """The cells of a header as Spark's parser has them, however many they are."""
    csv = "org.apache.spark.sql.catalyst.csv.CSVOptions"
    told = java_class(spark, PYTHON_UTILS).toScalaMap(_options(dialect))
    settings = java_class(spark, csv)(told, False, "UTC").asParserSettings()
    cells = java_class(spark, "com.univocity.parsers.csv.CsvParser")(settings).parseLine(line)
    return [cell or "" for cell in cells]


def _is_crowded(line: SparkColumn, dialect: CsvDialect) -> SparkColumn:
    """Whether a line has more cells than the parser takes, which ends the run of one that tries."""
    long = F.octet_length(line) >= MOST_COLUMNS
    return (
        long
        & (times(dialect.delimiter, line) >= MOST_COLUMNS)
        & (times(dialect.delimiter, without_cells(line, dialect)) >= MOST_COLUMNS)
    )


def _options(dialect: CsvDialect) -> dict[str, str]:
    return {
        # Spark takes one backslash for the beginning of an escape.
        "sep": dialect.delimiter.replace("\\", "\\\\"),
        "quote": dialect.quote,
        "escape": dialect.quote,
        "encoding": dialect.encoding,
        "multiLine": str(dialect.multi_line).lower(),
        "maxColumns": str(MOST_COLUMNS),
        "maxCharsPerColumn": "-1",
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": MALFORMED,
        # With pruning Spark parses only the columns asked for and no longer sees that a row is ragged.
        "columnPruning": "false",
        "enforceSchema": "true",
        "emptyValue": "",
        **(STRICT if dialect.multi_line else {}),
    }
