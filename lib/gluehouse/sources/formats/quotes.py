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
# Stands for two quotes that mean one; it is no character of Unicode.
_DOUBLED = "\uffff"
_OUTSIDE = "outside"


def any_misplaced(spark: SparkSession, uri: str, dialect: CsvDialect, columns: int) -> bool:
    """Whether lines have misplaced quotes that cost no other line anything; with ``multi_line`` there are none such.

    Raises InputError GH2025 where a quote would take in what stands behind its cell. Without ``multi_line`` that is the
    last of the ``columns`` on a line. With it, it is all to the end of the object, and told by the number of its
    quotes: each that opens a cell has one that closes it. (Two that nothing closes, each in a cell of its own, Spark
    finds: ``STRICT``.) The object is read once more, as text.
    """
    lines, quote = _text(spark, uri, dialect).where(F.col(LINE).contains(dialect.quote)), dialect.quote
    if dialect.multi_line:
        quotes = F.sum(F.length(LINE) - F.length(F.replace(F.col(LINE), F.lit(quote), F.lit(""))))
        counted = lines.select(quotes % 2 == 1, F.lit(False))
        what = "an odd number of quotes: one of them opens a cell and is never closed"
        do = "Close it, or put quotes around each cell that has one in it, and double that one."
    else:
        outside = lines.select(_outside(F.col(LINE), dialect).alias(_OUTSIDE))
        counted = outside.select(F.bool_or(_stays_open(dialect, columns)), F.bool_or(_opens(dialect)))
        what = "lines whose last cell is opened by a quote and not closed: what follows would be lost"
        do = "If cells have line breaks, set csv.multi_line: true; else close or double the quotes."
    # Of no line at all neither is known.
    refused, found = counted.first() or (None, None)
    if refused:
        raise InputError("GH2025", f"{uri} has {what}.", f"{do} Then deliver it again.")
    return bool(found)


def is_misplaced(line: Column, dialect: CsvDialect) -> Column:
    """Whether a quote opens a cell of the line that no quote closes, or that has text behind the one that does."""
    # Most lines of an object have no quote at all.
    return line.contains(dialect.quote) & _opens(dialect, _outside(line, dialect))


def _text(spark: SparkSession, uri: str, dialect: CsvDialect) -> DataFrame:
    if not re.match("utf-?(16|32)", dialect.encoding, re.IGNORECASE):
        return read_lines(spark, uri, dialect.encoding)
    # The bytes of a line break stand within other characters there.
    whole = text_reader(spark).text(as_path(uri), wholetext=True)
    return whole.select(F.decode(F.col(LINE).cast("binary"), dialect.encoding).alias(LINE))


def _outside(line: Column, dialect: CsvDialect) -> Column:
    """The line without its well-formed quoted cells, and with one character for two quotes elsewhere."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    single = F.replace(line, F.lit(dialect.quote * 2), F.lit(_DOUBLED))
    # Spark's parser leaves blanks behind a closing quote out.
    cell = rf"(^|{between}){_DOUBLED}*{mark}[^{mark}]*{mark}[\x00-\x20]*(?={between}|\z)"
    return F.regexp_replace(single, cell, "$1")


def _opens(dialect: CsvDialect, outside: Column | None = None) -> Column:
    """Whether a quote still stands at a cell's start: alone, or as two with text behind them."""
    between, mark = re.escape(dialect.delimiter), re.escape(dialect.quote)
    starts = rf"(^|{between})({_DOUBLED}*{mark}|{_DOUBLED}++(?![\x00-\x20]*({between}|\z)))"
    return (F.col(_OUTSIDE) if outside is None else outside).rlike(starts)


def _stays_open(dialect: CsvDialect, columns: int) -> Column:
    """Whether the cell behind ``columns - 1`` delimiters begins with a quote and has no other to its end."""
    delimiter, quote = dialect.delimiter, dialect.quote
    closed = F.replace(F.col(_OUTSIDE), F.lit(_DOUBLED), F.lit(""))
    last = F.length(F.substring_index(closed, quote, -1))
    before = F.left(closed, F.length(closed) - last - F.lit(1))
    delimiters = F.length(before) - F.length(F.replace(before, F.lit(delimiter), F.lit("")))
    starts = before == "" if columns == 1 else before.endswith(delimiter)
    return closed.contains(quote) & starts & (delimiters == columns - 1)
