"""Datetime patterns and time zones of a contract, checked as far as it can be told without Spark.

Source of the pattern letters: https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUOTED = re.compile(r"'[^']*'")
_OFFSET_LETTERS = re.compile(r"[VzOXxZ]")
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}")


def names_an_offset(pattern: str) -> bool:
    """Whether a text in this pattern says its own zone or offset.

    >>> names_an_offset("yyyy-MM-dd HH:mm"), names_an_offset("yyyy-MM-dd'T'HH:mm:ssXXX"), names_an_offset("HH 'Z'")
    (False, True, False)
    """
    return bool(_OFFSET_LETTERS.search(_QUOTED.sub("", pattern)))


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
