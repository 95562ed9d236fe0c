"""Quotes of a CSV that stand where none may: Spark takes such a cell as far as it finds an end, and says nothing.

A quote opens a cell at the cell's start, and the one that closes it stands before a delimiter or an end (RFC 4180).
Within a cell that does not begin with one, quotes are characters like others.
"""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.sources.opened import LINE, as_path, read_lines, text_reader
from gluehouse.spec.source import CsvDialect

# Makes Spark's parser refuse a closing quote with text behind it, where it would take the whole for text of the cell.
STRICT = {"unescapedQuoteHandling": "RAISE_ERROR"}
# Ends a run at a line whose last cell nothing closes; ``sources.unreadable`` makes a GH2025 of it.
UNCLOSED = "UNCLOSED_QUOTE_AT_THE_END_OF_A_LINE"
# Stands for two quotes that mean one; it is no character of Unicode.
_DOUBLED = "\uffff"


def refuse_odd(spark: SparkSession, uri: str, dialect: CsvDialect) -> None:
    """With ``multi_line`` a quote that nothing closes takes in all to the end of the object, and is told by the number
    of quotes: each that opens a cell has one that closes it. Raises InputError GH2025.

    (Two that nothing closes, each in a cell of its own, Spark finds: ``STRICT``.) The object is read once more, as
    text.
    """
    quotes = F.sum(F.length(LINE) - F.length(F.replace(F.col(LINE), F.lit(dialect.quote), F.lit(""))))
    (odd,) = _text(spark, uri, dialect.encoding).select(quotes % 2 == 1).head() or (False,)
    if odd:
        raise InputError(
            "GH2025",
            f"{uri} has an odd number of quotes: one of them opens a cell and is never closed.",
            "Close it, or put quotes around each cell that has one in it, and double that one. Then deliver it again.",
        )


def outside(line: Column, dialect: CsvDialect) -> Column:
    """A line without its well-formed quoted cells; NULL where no quote is left for ``is_misplaced``."""
    # Most lines of most objects have no quote at all.
    left = F.when(line.contains(dialect.quote), _without_cells(line, dialect))
    return F.when(left.contains(dialect.quote) | left.contains(_DOUBLED), left)


def is_misplaced(outside: Column, dialect: CsvDialect, columns: int) -> Column:
    """Whether in ``outside`` of a line a quote opens a cell that no quote closes, or that has text behind the one that
    does. Where that is the last of the ``columns``, what stands on the next line may have been meant as a part of it:
    the run ends with UNCLOSED."""
    unclosed = F.raise_error(F.lit(UNCLOSED)).cast("boolean")
    return F.when(_stays_open(outside, dialect, columns), unclosed).otherwise(_opens(outside, dialect))


def _text(spark: SparkSession, uri: str, encoding: str) -> DataFrame:
    if not re.match("utf-?(16|32)", encoding, re.IGNORECASE):
        return read_lines(spark, uri, encoding)
    # The bytes of a line break stand within other characters there.
    whole = text_reader(spark).text(as_path(uri), wholetext=True)
    return whole.select(F.decode(F.col(LINE).cast("binary"), encoding).alias(LINE))


def _without_cells(line: Column, dialect: CsvDialect) -> Column:
    """The line without its well-formed quoted cells, and with one character for two quotes elsewhere."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    single = F.replace(line, F.lit(dialect.quote * 2), F.lit(_DOUBLED))
    # Spark's parser leaves blanks behind a closing quote out.
    cell = rf"(^|{between}){_DOUBLED}*{mark}[^{mark}]*{mark}[\x00-\x20]*(?={between}|\z)"
    return F.regexp_replace(single, cell, "$1")


def _opens(outside: Column, dialect: CsvDialect) -> Column:
    """Whether a quote still stands at a cell's start: alone, or as two with text behind them."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    return outside.rlike(rf"(^|{between})({_DOUBLED}*{mark}|{_DOUBLED}++(?![\x00-\x20]*({between}|\z)))")


def _stays_open(outside: Column, dialect: CsvDialect, columns: int) -> Column:
    """Whether the cell behind ``columns - 1`` delimiters begins with a quote and has no other to its end."""
    delimiter, quote = dialect.delimiter, dialect.quote
    closed = F.replace(outside, F.lit(_DOUBLED), F.lit(""))
    last = F.length(F.substring_index(closed, quote, -1))
    before = F.left(closed, F.length(closed) - last - F.lit(1))
    delimiters = F.length(before) - F.length(F.replace(before, F.lit(delimiter), F.lit("")))
    starts = before == "" if columns == 1 else before.endswith(delimiter)
    return closed.contains(quote) & starts & (delimiters == columns - 1)
