"""Formats with one record a line: log lines by a regular expression, and columns of fixed width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.frames.parse import MALFORMED
from gluehouse.sources.opened import LINE, Opened, holds_lost_bytes, read_lines
from gluehouse.spec.contract import Column
from gluehouse.spec.java_regex import in_java, replacement
from gluehouse.spec.source import FileSource

# No text holds it (a line that does is malformed), so it can stand between the values of a line.
_BETWEEN = "\x00"
_PIECES = "_pieces"
_TRIMS: dict[str, Callable[[SparkColumn], SparkColumn]] = {
    "both": F.trim, "left": F.ltrim, "right": F.rtrim, "none": lambda cell: cell,
}  # fmt: skip


def read_log_lines(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    """Each line is matched once: its groups are put together and taken apart again."""
    if source.lines is None:
        raise ValueError("a source of log lines without `lines`")
    settings, line = source.lines, F.col(LINE)
    lines = read_lines(spark, uri, settings.encoding)
    if settings.comment:
        lines = lines.where(~line.startswith(settings.comment))
    legible = ~line.contains(_BETWEEN) & (F.length(line) <= settings.longest) & ~holds_lost_bytes(line)
    groups = F.regexp_replace(line, in_java(settings.expression), replacement(settings.expression, _BETWEEN))
    # What does not match stays as it was, in one piece.
    split = lines.select(line, F.when(legible, F.split(groups, "\\x00", -1)).alias(_PIECES))
    fits = F.size(_PIECES) == len(settings.columns) + 1
    cells = {name: F.get(_PIECES, F.lit(place)) for place, name in enumerate(settings.columns, start=1)}
    return _opened(split, cells, fits)


def read_fixed_width(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    if source.fixed_width is None:
        raise ValueError("a source of fixed width without `fixed_width`")
    settings, line = source.fixed_width, F.col(LINE)
    trim = _TRIMS[settings.trim]
    lines = read_lines(spark, uri, settings.encoding)
    fits = (F.length(line) == settings.length) & ~holds_lost_bytes(line)
    cells = {column.name: trim(F.substring(line, column.start, column.width)) for column in settings.columns}
    return _opened(lines, cells, fits)


def _opened(lines: DataFrame, cells: Mapping[str, SparkColumn], fits: SparkColumn) -> Opened:
    """``fits``: whether a line has the agreed shape. One that has not is malformed as a whole."""
    malformed = F.when(~F.coalesce(fits, F.lit(False)), F.col(LINE)).alias(MALFORMED)
    named = (cell.alias(name) for name, cell in cells.items())
    return Opened(lines.select(*named, malformed), dict.fromkeys(cells))
