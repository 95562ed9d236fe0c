"""A length of time as configuration writes it: ISO 8601 in weeks or less, such as PT36H."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_DURATION = re.compile(r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def read_duration(text: str) -> timedelta:
    """The duration; raises ValueError for months and years, whose length nobody knows, and for anything else.

    >>> read_duration("P1DT12H")
    datetime.timedelta(days=1, seconds=43200)
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration like P30D or PT12H (no months, no years)")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _written(value: Any) -> Any:
    return read_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_written), Field(ge=timedelta(0))]
