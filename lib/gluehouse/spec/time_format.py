"""Datetime patterns and time zones of a contract, checked as far as it can be told without Spark.

Source of the pattern letters: https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUOTED = re.compile(r"'[^']*'")
# How many of each letter Spark 3 reads a text by. It has others to write one: of weeks, of the day's name, of quarters.
_MOST = {
    "G": 4, "y": 6, "M": 4, "L": 4, "d": 2, "D": 3, "a": 1, "h": 2, "H": 2, "k": 2, "K": 2, "m": 2, "s": 2, "S": 9,
    "V": 2, "z": 4, "O": 4, "X": 5, "x": 5, "Z": 5,
    "g": 19,
}  # fmt: skip
_EXACTLY = {"V": (2,), "O": (1, 4)}
_OFFSET_LETTERS = re.compile(r"[VzOXxZ]")
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}")


def names_an_offset(pattern: str) -> bool:
    """Whether a text in this pattern says its own zone or offset.

    >>> names_an_offset("yyyy-MM-dd HH:mm"), names_an_offset("yyyy-MM-dd'T'HH:mm:ssXXX"), names_an_offset("HH 'Z'")
    (False, True, False)
    """
    return bool(_OFFSET_LETTERS.search(_QUOTED.sub("", pattern)))


def check_format(pattern: str) -> str:
    """The pattern; raises ValueError for one by which Spark 3 reads no text.

    >>> check_format("yyyy-MM-dd'T'HH:mm[:ss][XXX]")
    "yyyy-MM-dd'T'HH:mm[:ss][XXX]"
    """
    bare = _QUOTED.sub("", pattern)
    if "'" in bare or re.search(r"[#{}]", bare) or not _closed(bare):
        raise ValueError(f"the format '{pattern}' has a quote or bracket without the other, or one of # {{ }} unquoted")
    for found in re.finditer(r"([A-Za-z])\1*", bare):
        letter, count = found[1], len(found[0])
        if count > _MOST.get(letter, 0) or count not in _EXACTLY.get(letter, (count,)):
            why = "y is the year" if letter in "Yu" else f"'{found[0]}' in quotes is text"
            raise ValueError(f"the format '{pattern}' has {found[0]}, by which Spark reads no text; {why}")
    return pattern


def _closed(bare: str) -> bool:
    """A section of which only the begin is said goes to the end."""
    depth = 0
    for character in bare:
        depth += (character == "[") - (character == "]")
        if depth < 0:
            return False
    return True


def check_zone(name: str) -> str:
    """The zone's name; raises ValueError for one that is no IANA name, as far as this machine knows them.

    >>> check_zone("Europe/Berlin")
    'Europe/Berlin'
    """
    if not _ZONE.fullmatch(name) or (_zones_are_known() and not _is_zone(name)):
        raise ValueError(f"'{name}' is no time zone; write UTC or an IANA name such as Europe/Berlin")
    return name


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def _zones_are_known() -> bool:
    """A Lambda reads what was checked already, and its runtime need not have the zones' data."""
    return _is_zone("Europe/Berlin")
