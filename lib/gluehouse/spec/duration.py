"""A length of time as configuration writes it: ISO 8601 in weeks or less, such as PT36H."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

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


def write_duration(duration: timedelta) -> str:
    """What ``read_duration`` reads: pydantic's own text has years from 365 days on.

    >>> write_duration(timedelta(days=400, hours=1)), read_duration(write_duration(timedelta(0)))
    ('P400DT3600S', datetime.timedelta(0))
    """
    return f"P{duration.days}DT{duration.seconds}S"


def _given(value: Any) -> Any:
    return read_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    Field(ge=timedelta(0)),
    BeforeValidator(_given),
    PlainSerializer(write_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration"}),
]
