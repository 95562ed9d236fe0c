"""Quotes of a CSV that nothing closes: Spark ends such a cell where the record or the object ends, and says nothing."""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.sources.opened import LINE, as_path, read_lines, text_reader
from gluehouse.spec.source import CsvDialect


def refuse_unclosed(spark: SparkSession, uri: str, dialect: CsvDialect, columns: int) -> None:
    """Raises InputError GH2025 where a quote would take in what stands behind its cell.

    Without ``multi_line`` that is the last of the ``columns`` on a line: after any other one the row is ragged, which
    Spark tells. With it, it is all to the end of the object, and told by the number of its quotes: each that opens a
    cell has one that closes it. The object is read once more, as text.
    """
    lines, quote = _text(spark, uri, dialect).where(F.col(LINE).contains(dialect.quote)), dialect.quote
    if dialect.multi_line:
        quotes = F.sum(F.length(LINE) - F.length(F.replace(F.col(LINE), F.lit(quote), F.lit(""))))
        found, what = quotes % 2 == 1, "an odd number of quotes: one of them opens a cell and is never closed"
        do = "Close it, or put quotes around each cell that has one in it, and double that one."
    else:
        found = F.bool_or(_stays_open(F.col(LINE), dialect.delimiter, quote, columns))
        what = "lines whose last cell is opened by a quote and not closed: what follows would be lost"
        do = "If cells have line breaks, set csv.multi_line: true; else close or double the quotes."
    # Of no line at all neither is known.
    if lines.select(found).first() == (True,):
        raise InputError("GH2025", f"{uri} has {what}.", f"{do} Then deliver it again.")


def _text(spark: SparkSession, uri: str, dialect: CsvDialect) -> DataFrame:
    if not re.match("utf-?(16|32)", dialect.encoding, re.IGNORECASE):
        return read_lines(spark, uri, dialect.encoding)
    # The bytes of a line break stand within other characters there.
    whole = text_reader(spark).text(as_path(uri), wholetext=True)
    return whole.select(F.decode(F.col(LINE).cast("binary"), dialect.encoding).alias(LINE))


def _stays_open(line: Column, delimiter: str, quote: str, columns: int) -> Column:
    """Whether the cell behind ``columns - 1`` delimiters begins with a quote and has no other to its end."""
    between, mark = re.escape(delimiter), re.escape(quote)
    single = F.replace(line, F.lit(quote * 2), F.lit(""))
    closed = F.regexp_replace(single, rf"(^|{between}){mark}[^{mark}]*{mark}(?={between}|\z)", "$1")
    last = F.length(F.substring_index(closed, quote, -1))
    before = F.left(closed, F.length(closed) - last - F.lit(1))
    delimiters = F.length(before) - F.length(F.replace(before, F.lit(delimiter), F.lit("")))
    starts = before == "" if columns == 1 else before.endswith(delimiter)
    return closed.contains(quote) & starts & (delimiters == columns - 1)
