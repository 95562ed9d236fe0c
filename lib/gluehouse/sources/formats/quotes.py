"""Quotes of a CSV that stand where none may: Spark takes such a cell as far as it finds an end, and says nothing.

A quote opens a cell at the cell's start, and the one that closes it stands before a delimiter or an end (RFC 4180).
Within a cell that does not begin with one, quotes are characters like others.
"""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.sources.opened import LINE, as_path, read_lines, text_reader, times
from gluehouse.spec.source import CsvDialect

# Makes Spark's parser refuse a closing quote with text behind it, where it would take the whole for text of the cell.
STRICT = {"unescapedQuoteHandling": "RAISE_ERROR"}
# Ends a run at a line with a cell that nothing closes; ``sources.unreadable`` makes a GH2025 of it.
UNCLOSED = "UNCLOSED_QUOTE_ON_A_LINE"
# Stands for two quotes that mean one; it is no character of Unicode.
_DOUBLED = "\uffff"


def refuse_doubtful(spark: SparkSession, uri: str, dialect: CsvDialect) -> None:
    """With ``multi_line`` a quote that nothing closes takes in all to the end of the object, and is told by the number
    of quotes: each that opens a cell has one that closes it. (Two of them, each in a cell of its own, Spark finds:
    ``STRICT``.) And of NUL the parser leaves out some. Raises InputError GH2025. The object is read once more, as text.
    """
    line = F.col(LINE)
    quotes = F.sum(times(dialect.quote, line))
    found = _text(spark, uri, dialect.encoding).select(quotes % 2 == 1, F.bool_or(line.contains("\x00"))).head()
    odd, nul = found or (False, False)
    if odd:
        raise InputError(
            "GH2025",
            f"{uri} has an odd number of quotes: one of them opens a cell and is never closed.",
            "Close it, or put quotes around each cell that has one in it, and double that one. Then deliver it again.",
        )
    if nul:
        raise InputError(
            "GH2025",
            f"{uri} has a NUL, which Spark's parser leaves out at some places of a record of several lines.",
            "Deliver it without, in the agreed encoding.",
        )


def outside(line: Column, dialect: CsvDialect) -> Column:
    """A line without its well-formed quoted cells; NULL where no quote is left for ``is_misplaced``."""
    # Most lines of most objects have no quote at all.
    left = F.when(line.contains(dialect.quote), without_cells(line, dialect))
    return F.when(left.contains(dialect.quote) | left.contains(_DOUBLED), left)


def without_cells(line: Column, dialect: CsvDialect) -> Column:
    """The line without its well-formed quoted cells, and with one character for two quotes elsewhere."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    single = F.replace(line, F.lit(dialect.quote * 2), F.lit(_DOUBLED))
    cell = rf"(^|{between}){_DOUBLED}*{mark}[^{mark}]*{mark}{_blanks(dialect)}*(?={between}|\z)"
    return F.regexp_replace(single, cell, "$1")


def is_misplaced(outside: Column, dialect: CsvDialect) -> Column:
    """Whether in ``outside`` of a line a cell that a quote opens has text behind the one that closes it. Where none
    does, what stands on the next lines may have been meant as a part of the cell: the run ends with UNCLOSED."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    start = rf"(?:^|{between})"
    # From the first cell on that a quote opens: all others in a cell that goes on are two that mean one.
    opened = F.regexp_replace(outside, rf"(?s)^.*?{start}(?={_DOUBLED}*{mark})", "")
    unclosed = outside.rlike(rf"{start}{_DOUBLED}*{mark}") & (times(dialect.quote, opened) == 1)
    behind = outside.rlike(rf"{start}({_DOUBLED}*{mark}|{_DOUBLED}++(?!{_blanks(dialect)}*({between}|\z)))")
    return F.when(unclosed, F.raise_error(F.lit(UNCLOSED)).cast("boolean")).otherwise(behind)


def _blanks(dialect: CsvDialect) -> str:
    """What Spark's parser leaves out behind a closing quote, as a class of Java's regular expressions."""
    return rf"[\x00-\x20&&[^{re.escape(dialect.delimiter)}]]"


def _text(spark: SparkSession, uri: str, encoding: str) -> DataFrame:
    if not re.match("utf-?(16|32)", encoding, re.IGNORECASE):
        return read_lines(spark, uri, encoding)
    # The bytes of a line break stand within other characters there.
    whole = text_reader(spark).text(as_path(uri), wholetext=True)
    return whole.select(F.decode(F.col(LINE).cast("binary"), encoding).alias(LINE))
