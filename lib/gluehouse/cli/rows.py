"""Rows of a DataFrame on a terminal: an aligned table, CSV, or a JSON object a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Form = Literal["table", "csv", "json"]


def show(frame: DataFrame, form: Form, limit: int) -> None:
    """Print up to ``limit`` rows (0: all), and for a table whether there are more. Timestamps are told in UTC."""
    rows = (frame.limit(limit + 1) if limit else frame).select(
        *([_json_of(frame)] if form == "json" else _texts(frame))
    )
    found = (list(row) for row in rows.toLocalIterator())
    if form == "table":
        some = list(found)
        click.echo("\n".join(aligned(frame.columns, some[:limit] if limit else some)))
        if limit and len(some) > limit:
            click.echo(f"… and more; --limit shows more than {limit}, 0 all.")
        return
    if form == "csv":
        click.echo(csv_line(frame.columns))
    for count, row in enumerate(found, 1):
        if limit and count > limit:
            break
        click.echo(row[0] if form == "json" else csv_line(["" if text is None else text for text in row]))


def aligned(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Iterator[str]:
    """Lines with the columns below each other; control characters are shown, not sent.

    >>> list(aligned(["k", "value"], [["a", None], ["bb", "x\\ny"]]))
    ['k   value', 'a   NULL', 'bb  x\\\\ny']
    """
    texts = [list(names), *[["NULL" if text is None else _printable(text) for text in row] for row in rows]]
    widths = [max(len(row[at]) for row in texts) for at in range(len(names))]
    for row in texts:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def csv_line(values: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _texts(frame: DataFrame) -> list[Column]:
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    def text(field: T.StructField) -> Column:
        column = F.col(f"`{field.name}`")
        if isinstance(field.dataType, T.TimestampType):
            return F.concat(F.translate(column.cast("string"), " ", "T"), F.lit("Z"))
        if isinstance(field.dataType, T.StructType | T.ArrayType | T.MapType):
            return F.to_json(column, JSON)
        if isinstance(field.dataType, T.BinaryType):
            return F.hex(column)
        return column.cast("string")

    return [text(field).alias(field.name) for field in frame.schema.fields]


JSON = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}


def _json_of(frame: DataFrame) -> Column:
    from pyspark.sql import functions as F

    return F.to_json(F.struct(*[F.col(f"`{name}`") for name in frame.columns]), JSON)
