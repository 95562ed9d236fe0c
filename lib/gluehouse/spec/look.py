"""What of an object is looked at before a run, and what a format makes of it: a name, its kind of columns, and a check.

Only what would waste a run is refused, with the code that the run would give where it would see the same. Whatever only
Spark can tell is let through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gluehouse.errors import InputError
from gluehouse.spec.charset import decoded, misread
from gluehouse.spec.codec import CODECS, codec_of, opened
from gluehouse.spec.contract import Contract
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.signature import signature_of
from gluehouse.spec.source import FileSource

DELIVER = "Deliver the object again in the agreed format, or correct `source` in the pipeline's YAML."
AGAIN = "Deliver it again; the run of this batch starts by itself."
_LINE_END = re.compile(r"\r\n|\r|\n")
Columns = Literal["typed", "named", "by_record"]


@dataclass(frozen=True)
class Look:
    """One object as it shows: ``head`` and ``tail`` are its outermost bytes, as packed."""

    found: ObjectRef
    source: FileSource
    contract: Contract
    head: bytes
    tail: bytes

    @property
    def uri(self) -> str:
        return self.found.uri


class Format(NamedTuple):
    """One format of ``source.format``: its name in messages, what an object tells of its columns, and what raises
    InputError for what cannot be it.

    ``typed``: names and types; ``named``: one list of names; ``by_record``: each record names its own.
    """

    name: str
    columns: Columns
    check: Callable[[Look], None]


def as_text(name: str, judge: Callable[[Look, str, bool], bool], own: str | None = None) -> Callable[[Look], None]:
    """The check of a format, called ``name`` in messages, that is text, packed as the object's name says.

    ``judge(look, text, whole)`` tells whether it is surely the format, and raises what is surely wrong; a signature
    other than its ``own`` explains the rest.
    """

    def check(look: Look) -> None:
        content = opened(look.uri, look.head, look.tail, look.found.size)
        if content is None:
            return
        agreed = look.source.encoding
        begins = signature_of(content.content)
        kind = begins if begins not in (None, own) else misread(content.content, agreed)
        try:
            text = decoded(look.uri, content.content, agreed, content.whole)
            sure = judge(look, text, content.whole)
        except InputError as problem:
            if kind and problem.code in ("GH2005", "GH2010", "GH2020"):
                raise _foreign(look, kind, f"{name} in {agreed}") from problem
            raise
        if kind and not sure:
            raise _foreign(look, kind, f"{name} in {agreed}")

    return check


def _foreign(look: Look, kind: str, agreed: str) -> InputError:
    suffix = next((codec.suffix for codec in CODECS if codec.signature == kind), None)
    called = f" If it shall be packed, let its name end in {suffix}, in lower case." if suffix else ""
    within = "unpacked, " if codec_of(look.uri) else ""
    return InputError("GH2005", f"{within}{look.uri} begins like {kind}, where {agreed} is agreed.", DELIVER + called)


def first_line(text: str, whole: bool, comment: str | None = None) -> str | None:
    """The first line that is not empty and no comment, if its end is seen."""
    *ended, rest = _LINE_END.split(text)
    records = (line for line in [*ended, *([rest] if whole else [])] if not (comment and line.startswith(comment)))
    return next((line for line in records if line), None)


def refuse_no_record(look: Look, whole: bool) -> None:
    """Of changes, no lines are no change; an object of zero bytes is another matter: it was hardly meant."""
    if whole and look.source.mode == "snapshot":
        raise InputError("GH2004", f"{look.uri} holds no record; as a snapshot it would delete everything.", AGAIN)
