"""The header of a CSV object: its column names, held against the contract as Spark's reader will do it.

The reader (``gluehouse.sources.file``) takes names as they stand, letter case and blanks included, skips blank
lines, and leaves columns alone that no contract names.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Set
from itertools import product
from typing import NamedTuple

from gluehouse.errors import InputError
from gluehouse.spec.source import CsvDialect

# The reader's maxColumns.
MOST_COLUMNS = 20480
_BLANK_LINES = re.compile(r"(?:[\x01-\x09\x0b\x0c\x0e-\x20]*[\r\n]+)*")
_LINE = re.compile(r"[^\r\n]*")
_DELIMITERS = (",", ";", "\t", "|", "\x01", "^", "~", ":", " ")
_SPOKEN = {"\t": "tabs", " ": "blanks", "\x01": "the character U+0001"}
_NAMES_TOLD = 20


class Header(NamedTuple):
    """``record`` is its text. ``ended``: its end was seen. ``rows``: more than line ends comes after it."""

    names: tuple[str, ...]
    record: str
    ended: bool
    rows: bool


class Wanted(NamedTuple):
    """What a contract, called ``by``, wants of a header: ``names`` are those that it knows columns by, and
    ``missing(delivered)`` answers the columns that would be missing."""

    by: str
    names: tuple[str, ...]
    missing: Callable[[Set[str]], list[str]]


def read_header(text: str, dialect: CsvDialect, whole: bool) -> Header:
    """The first record of ``text``, which is ``whole`` or the beginning of more."""
    blank = _BLANK_LINES.match(text)
    body = text[blank.end() :] if blank else text
    if dialect.multi_line:
        lines = io.StringIO(body, newline="")
    else:
        # The line alone: without multi_line a record ends with it, open quotes or not.
        line = _LINE.match(body)
        lines = io.StringIO(line[0] if line else "", newline="")
    names = next(csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote), [])
    end = lines.tell()
    return Header(tuple(names), body[:end], whole or end < len(body), bool(body[end:].strip("\r\n")))


def check_header(uri: str, header: Header, text: str, dialect: CsvDialect, wanted: Wanted) -> bool:
    """Whether all that is ``wanted`` is there; False if the header's end was not seen.

    Raises InputError GH2010 (columns are missing), GH2011 (one stands twice), GH2022 (more than the reader takes).
    """
    if len(header.names) > MOST_COLUMNS:
        raise InputError(
            "GH2022", f"the header of {uri} has more than {MOST_COLUMNS} columns.", "Deliver the agreed columns."
        )
    if not header.ended:
        return False
    refuse_repeated(uri, header.names, wanted.names)
    missing = wanted.missing(_readable(header, dialect))
    if missing:
        # Only the contract's own names: where the header is missing, the first line is a row.
        told = ", ".join(missing[:_NAMES_TOLD]) + (" and more" if len(missing) > _NAMES_TOLD else "")
        why = _explained(header, text, dialect, wanted, missing)
        raise InputError(
            "GH2010",
            f"the first line of {uri} has {len(header.names)} columns and lacks {told} of {wanted.by}.{why}",
            "Deliver it with the agreed header, or publish a new version of the contract.",
        )
    return True


def _is_unclosed(record: str, dialect: CsvDialect) -> bool:
    """Whether the next line would still belong to the record."""
    lines = io.StringIO(f"{record}\n", newline="").readlines()
    reader = csv.reader([*lines, "\n"], delimiter=dialect.delimiter, quotechar=dialect.quote)
    next(reader, None)
    return reader.line_num > len(lines)


def refuse_repeated(uri: str, delivered: Collection[str], names: Collection[str]) -> None:
    """Raise InputError GH2011 where one of ``names`` stands twice, also if only letter case or blanks tell the two
    apart: nobody could say which column is meant."""
    times = Counter(_folded(name) for name in delivered)
    repeated = sorted(name for name in names if name in delivered and times[_folded(name)] > 1)
    if repeated:
        told = ", ".join(repeated[:_NAMES_TOLD])
        raise InputError(
            "GH2011",
            f"the header of {uri} names {told} more than once, letter case and blanks left aside.",
            "Deliver each column once.",
        )


def _readable(header: Header, dialect: CsvDialect) -> set[str]:
    """Spark's parser drops blanks behind a closing quote, and Python's does not."""
    names = set(header.names)
    return names | {name.strip() for name in names} if dialect.quote in header.record else names


def _explained(header: Header, text: str, dialect: CsvDialect, wanted: Wanted, missing: list[str]) -> str:
    other = next((name for name in _dialects(dialect) if _holds(text, name, wanted)), None)
    if other is not None and other.delimiter != dialect.delimiter:
        return f" They are there if it is separated by {_told(other)} and not by {_told(dialect)} (`csv.delimiter`)."
    if other is not None:
        return f" They are there if its quotes are {other.quote} and not {dialect.quote} (`csv.quote`)."
    found = {_folded(name) for name in header.names}
    alike = [name for name in missing if _folded(name) in found]
    if alike:
        return f" {', '.join(alike[:_NAMES_TOLD])} stand there with other letter case or with blanks."
    if _is_unclosed(header.record, dialect):
        return " A quote is open at its end; names with line breaks need `csv.multi_line: true`."
    return ""


def _dialects(agreed: CsvDialect) -> Iterable[CsvDialect]:
    for quote, delimiter in product((agreed.quote, '"', "'"), (agreed.delimiter, *_DELIMITERS)):
        yield agreed.model_copy(update={"quote": quote, "delimiter": delimiter})


def _holds(text: str, dialect: CsvDialect, wanted: Wanted) -> bool:
    return not wanted.missing(_readable(read_header(text, dialect, whole=True), dialect))


def _told(dialect: CsvDialect) -> str:
    return _SPOKEN.get(dialect.delimiter, f"'{dialect.delimiter}'")


def _folded(name: str) -> str:
    return name.strip("\ufeff \t\r\n\xa0").lower()
