"""A cursor over the words of one DQDL text, and how reading fails."""

from __future__ import annotations

from typing import NoReturn

from gluehouse.spec.dqdl.tokens import RESERVED, Fault, Kind, Position, Token, tokenise

DEEPEST = 30


class UnreadError(Exception):
    """One rule could not be read. It never leaves the reader, which goes on with the next rule."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class Cursor:
    """Where reading is. ``expect``, ``fail`` and ``refuse`` raise UnreadError at the word that stands there."""

    def __init__(self, text: str) -> None:
        self._tokens = tuple(tokenise(text))
        self._at = 0

    @property
    def at(self) -> int:
        return self._at

    @property
    def here(self) -> Token:
        return self._tokens[self._at]

    @property
    def next(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.here
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def meets(self, *texts: str) -> bool:
        return self.here.kind in ("symbol", "word") and self.here.text in texts

    def expect(self, text: str) -> Token:
        return self.take() if self.meets(text) else self.fail(f"`{text}`")

    def expect_kind(self, kind: Kind, what: str) -> Token:
        return self.take() if self.here.kind == kind else self.fail(what)

    def fail(self, expected: str) -> NoReturn:
        if self.here.kind == "unclosed":
            part = "quote opens a text" if self.here.text[0] == '"' else "comment begins"
            self.refuse(f"a {part} here that no {'quote closes' if part[0] == 'q' else 'line break ends'}")
        self.refuse(f"expected {expected}, found {self.here}")

    def refuse(self, message: str, position: Position | None = None) -> NoReturn:
        raise UnreadError(Fault(position or self.here.position, message))

    def rewind(self, start: int) -> None:
        self._at = start

    @property
    def here_is_name(self) -> bool:
        return is_name(self.here)


def is_name(token: Token) -> bool:
    """Whether a word may name a rule, a column or a function."""
    return token.kind == "word" and token.text not in RESERVED
