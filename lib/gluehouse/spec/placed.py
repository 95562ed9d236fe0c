"""The records of a delivered text, each with the line where it begins: read as the run reads them, without Spark."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gluehouse.spec import json_document, xml
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource

_TRIMS: dict[str, Callable[[str], str]] = {
    "both": lambda cell: cell.strip(" "),
    "left": lambda cell: cell.lstrip(" "),
    "right": lambda cell: cell.rstrip(" "),
    "none": lambda cell: cell,
}


class Placed(NamedTuple):
    """``line`` counts from 1; ``whole`` is the record's text, and ``cells`` what it has, by delivered names."""

    line: int
    whole: str
    cells: Mapping[str, Any]


def placed(text: str, source: FileSource, contract: Contract) -> Iterator[Placed]:
    """The records of ``text`` in their order; none where it is no document of the format."""
    if source.format == "json_document":
        return _of_json_document(text, source)
    if source.format == "xml":
        return _of_xml(text, source, contract)
    # Not splitlines: it splits at characters that end no line of these formats.
    unified = _with_newlines(text.removeprefix("\ufeff"))
    if source.format == "csv":
        return _of_csv(unified, source)
    lines = ((number, line) for number, line in enumerate(unified.split("\n"), 1) if line)
    return (
        Placed(number, line, _CELLS[source.format](line, source)) for number, line in lines if _counts(line, source)
    )


def _of_csv(text: str, source: FileSource) -> Iterator[Placed]:
    """With ``multi_line`` a record may have several lines, else a line is a record whatever its quotes."""
    lines = text.split("\n")
    header: list[str] | None = None
    for first, last, cells in _rows(lines, source):
        if header is None:
            header = cells
        else:
            yield Placed(first, "\n".join(lines[first - 1 : last]), dict(zip(header, cells, strict=False)))


def _rows(lines: list[str], source: FileSource) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each record that is not blank."""
    # Python's reader refuses cells of more than 131,072 characters until it is told otherwise.
    csv.field_size_limit(2**31 - 1)
    dialect: dict[str, Any] = {"delimiter": source.csv.delimiter, "quotechar": source.csv.quote}
    if not source.csv.multi_line:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, number, next(csv.reader([line], **dialect), [])
        return
    reader, last = csv.reader((f"{line}\n" for line in lines), **dialect), 0
    for cells in reader:
        first, last = last + 1, reader.line_num
        if cells:
            yield first, last, cells


def _of_json_document(text: str, source: FileSource) -> Iterator[Placed]:
    try:
        found = json_document.places_of(text.encode(), source.json_document.path)
    except ValueError:
        return
    line, before = 1, 0
    body = text.removeprefix("\ufeff")
    for start, end in found:
        line, before = line + _with_newlines(body[before:start]).count("\n"), start
        yield Placed(line, body[start:end], _object(body[start:end]))


def _of_xml(text: str, source: FileSource, contract: Contract) -> Iterator[Placed]:
    if source.xml is None:
        return
    wanted = {name for column in contract.columns for name in column.names}
    try:
        found = xml.placed_records_of(text.encode(source.xml.encoding), source.xml, wanted)
    except ValueError:
        return
    for line, record in found:
        yield Placed(line, record.text, record.values)


def _counts(line: str, source: FileSource) -> bool:
    """Whether a line that is not empty is a record."""
    if source.format == "json":
        return bool(line.strip(" \t"))
    return not (source.lines and source.lines.comment and line.startswith(source.lines.comment))


def _of_log_line(line: str, source: FileSource) -> Mapping[str, Any]:
    if source.lines is None or len(line) > source.lines.longest:
        return {}
    found = re.fullmatch(source.lines.expression, line)
    return found.groupdict() if found else {}


def _of_fixed_width(line: str, source: FileSource) -> Mapping[str, Any]:
    if source.fixed_width is None or len(line) != source.fixed_width.length:
        return {}
    trim = _TRIMS[source.fixed_width.trim]
    return {column.name: trim(line[column.start - 1 : column.end]) for column in source.fixed_width.columns}


def _object(text: str, _source: FileSource | None = None) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


_CELLS: dict[str, Callable[[str, FileSource], Mapping[str, Any]]] = {
    "json": _object,
    "lines": _of_log_line,
    "fixed_width": _of_fixed_width,
}
