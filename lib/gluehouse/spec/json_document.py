"""A JSON document as the texts of its records, each exactly as it was delivered.

Spark 3.5 hands an object on as text only by writing it anew, with numbers by way of a double. So where each record
begins and ends is found here, and what is in it is left to Spark. JSON is RFC 8259.
"""

from __future__ import annotations

import json
import re

from pydantic import Field

from gluehouse.spec.model import Spec

# By this a run tells a document that cannot be read from a defect of ours.
UNREADABLE = "UNREADABLE_JSON_DOCUMENT"
_BLANKS = re.compile(r"[ \t\r\n]*")
# Numbers stay text: Python refuses to read whole ones of many digits. Control characters are Spark's to refuse.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)

_Places = list[tuple[int, int]]


class JsonDocument(Spec):
    """Where the records lie: ``$`` is an array of records, or one record; ``$.data.items`` an array within objects."""

    records: str = Field(default="$", pattern=r"^\$(\.[A-Za-z0-9_@-]+)*$", description="Path to the array of records")

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.records.split(".")[1:])


def records_of(content: bytes, path: tuple[str, ...]) -> list[str]:
    """The text of each record of a whole document in UTF-8; raises what ``places_of`` raises.

    >>> records_of(b'{"of": 2, "items": [{"n": 1.10}, 7]}', ("items",))
    ['{"n": 1.10}', '7']
    """
    places = places_of(content, path)
    text = content.decode("utf-8-sig")
    return [text[start:end] for start, end in places]


def places_of(content: bytes, path: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where each record of a whole document in UTF-8 begins and ends, in characters behind a byte order mark.

    Raises ValueError, with UNREADABLE at its head and no value in it, where it is no JSON, nested too deeply, or has
    not exactly one array at ``path``.
    """
    try:
        text = content.decode("utf-8-sig")
        start = _blanks(text, 0)
        found, end = _search(text, start, path)
        if not path and text[start] == "{":
            found = [[(start, end)]]
        if _blanks(text, end) != len(text):
            raise ValueError(f"more follows the document at character {end}")
    except json.JSONDecodeError as problem:
        raise ValueError(f"{UNREADABLE}: {problem.msg} at character {problem.pos}") from None
    except UnicodeDecodeError as problem:
        raise ValueError(f"{UNREADABLE}: no UTF-8 at byte {problem.start}") from None
    except RecursionError:
        raise ValueError(f"{UNREADABLE}: it is nested too deeply") from None
    except ValueError as problem:
        raise ValueError(f"{UNREADABLE}: {problem}") from None
    if len(found) != 1:
        raise ValueError(f"{UNREADABLE}: {len(found)} arrays at $.{'.'.join(path)}")
    return found[0]


def _search(text: str, at: int, path: tuple[str, ...]) -> tuple[list[_Places], int]:
    """The arrays at ``path`` within the value that begins at ``at``, and where that value ends."""
    begins = text[at : at + 1]
    if not path and begins == "[":
        records, end = _array(text, at)
        return [records], end
    if path and begins == "{":
        return _object(text, at, path)
    return [], _end(text, at)


def _array(text: str, at: int) -> tuple[_Places, int]:
    elements: _Places = []
    at = _blanks(text, at + 1)
    while text[at : at + 1] != "]":
        if elements:
            at = _blanks(text, _past(text, at, ","))
        end = _end(text, at)
        elements.append((at, end))
        at = _blanks(text, end)
    return elements, at + 1


def _object(text: str, at: int, path: tuple[str, ...]) -> tuple[list[_Places], int]:
    found: list[_Places] = []
    first, at = True, _blanks(text, at + 1)
    while text[at : at + 1] != "}":
        if not first:
            at = _blanks(text, _past(text, at, ","))
        _past(text, at, '"')
        name, at = _DECODER.raw_decode(text, at)
        at = _blanks(text, _past(text, _blanks(text, at), ":"))
        inner, at = _search(text, at, path[1:]) if name == path[0] else ([], _end(text, at))
        found += inner
        first, at = False, _blanks(text, at)
    return found, at + 1


def _end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]


def _past(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        raise json.JSONDecodeError(f"no {wanted}", "", at)
    return at + 1


def _blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
