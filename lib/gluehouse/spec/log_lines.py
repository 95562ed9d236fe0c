"""How plain log lines are written: one record a line, taken apart by a regular expression or a grok pattern."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gluehouse.spec.grok import expand
from gluehouse.spec.java_regex import named_groups
from gluehouse.spec.model import Spec


class LogLines(Spec):
    """The named groups of the expression are the columns. A line that it does not match as a whole is malformed.

    >>> LogLines(grok="%{IP:client} %{INT:bytes}").columns
    ('client', 'bytes')
    """

    pattern: str | None = Field(
        default=None, description="Regular expression of the whole line; its named groups (?P<name>…) become columns"
    )
    grok: str | None = Field(default=None, description="Grok pattern of the whole line: %{NAME:column}")
    grok_names: dict[str, str] = Field(
        default_factory=dict, description="Grok names of your own, before the usual ones: name -> pattern"
    )
    comment: str | None = Field(default=None, min_length=1, description="Lines that begin with this are no records")
    longest: int = Field(
        default=65536, ge=1, le=16_777_216, description="Characters; a longer line is malformed and not matched at all"
    )
    encoding: Literal["UTF-8", "ISO-8859-1"] = "UTF-8"

    @model_validator(mode="after")
    def _says_how_once(self) -> LogLines:
        if (self.pattern is None) == (self.grok is None):
            raise ValueError("lines takes either `pattern` or `grok`")
        if self.pattern is not None and self.grok_names:
            raise ValueError("grok_names go with `grok`, but there is a `pattern`")
        named_groups(self.expression)
        return self

    @property
    def expression(self) -> str:
        """In Python's syntax; matches a whole line."""
        return expand(self.grok, self.grok_names) if self.grok is not None else self.pattern or ""

    @property
    def columns(self) -> tuple[str, ...]:
        return named_groups(self.expression)
