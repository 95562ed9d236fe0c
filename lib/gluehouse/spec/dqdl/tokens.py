"""The words of a DQDL text, each with its position.

Source: CommonLexerRules.g4 of software.amazon.glue:dqdl, which PyDeequ parses with. As there, a date, a time and
``now()`` are words of their own, a comment ends with a line break, and a carriage return is no blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "number", "text", "date", "time", "now", "symbol", "unclosed", "stray", "end"]

DURATION_UNITS = ("days", "hours", "minutes")
SIZE_UNITS = ("B", "KB", "MB", "GB", "TB")
RESERVED = frozenset((
    "and", "AND", "or", "OR", "of", "OF", "null", "NULL", "empty", "EMPTY", "whitespaces_only", "WHITESPACES_ONLY",
    "between", "in", "not", "matches", "where", "with", "Rules", "Analyzers", "Metadata", "DataSources",
    *DURATION_UNITS, *SIZE_UNITS,
))  # fmt: skip
_WORD = re.compile(
    r"""(?P<blank>[ \t\n]+|\#[^\n]*\n)
    |(?P<date>"\d{4}-\d\d-\d\d")
    |(?P<time>"\d{1,2}:\d\d[ ][AP]M"|"\d\d:\d\d")
    |(?P<text>"(?:\\["\\]|\\(?!["\\])|[^"\\])*")
    |(?P<unclosed>["\#].*)
    |(?P<now>now\(\))
    |(?P<word>[A-Za-z0-9_.]+)
    |(?P<symbol>>=|<=|[=!<>()\[\]{},:$+*/-])
    |(?P<stray>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, order=True)
class Position:
    """Line and column of a text, both from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong at one place of a text, and what would be accepted; ``glue_takes``: wrong for PyDeequ only."""

    position: Position
    message: str
    glue_takes: bool = False


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str
    position: Position

    def __str__(self) -> str:
        return "the end of the text" if self.kind == "end" else f"`{self.text}`"


def tokenise(text: str) -> Iterator[Token]:
    """Every word of the text without blanks and comments, and one of kind ``end`` after the last."""
    position = Position()
    for found in _WORD.finditer(text):
        kind, word = str(found.lastgroup), found.group()
        if kind == "word" and _NUMBER.fullmatch(word):
            kind = "number"
        if kind != "blank":
            yield Token(kind, word, position)  # type: ignore[arg-type]
        position = _after(position, word)
    yield Token("end", "", position)


def _after(position: Position, word: str) -> Position:
    breaks = word.count("\n")
    if not breaks:
        return Position(position.line, position.column + len(word))
    return Position(position.line + breaks, len(word) - word.rindex("\n"))
