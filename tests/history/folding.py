"""Sorted events of one key folded to versions, in plain Python, straight from the rules. Values are ``plain``."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from gluehouse.spec.history import HistorySpec

Row = dict[str, Any]
Event = tuple[Any, Row | None]
"""(when it holds, payload); None for a delete, INFERRED for a member that facts have told of."""
Version = tuple[Any, Any, Row]
"""(effective_from, effective_to, payload)."""
NAN = ("NaN",)
INFERRED: Row = {}


class Unknown(Row):
    """The state of a key of which facts alone have told: NULL in every column."""


def plain(value: Any) -> Any:
    """A value in the form in which equal means equal: one NaN, one zero, decimals without scale, maps without order."""
    if isinstance(value, float):
        return NAN if math.isnan(value) else value + 0.0
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    if isinstance(value, dict):
        return frozenset((plain(k), plain(v)) for k, v in value.items())
    if isinstance(value, tuple) and hasattr(value, "asDict"):
        return ("struct", *((name, plain(value[name])) for name in value.asDict() if value[name] is not None))
    if isinstance(value, list | tuple):
        return tuple(plain(one) for one in value)
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return value


def rank(value: Any) -> Any:
    """What sorts as the rules do: NULL first, text by its bytes, several values from left to right, NaN last."""
    if value is None:
        return (0,)
    if value == NAN:
        return (2,)
    if isinstance(value, str):
        return (1, value.encode())
    if isinstance(value, tuple):
        return (1, tuple(rank(one) for one in value))
    return (1, value)


def fold(spec: HistorySpec, columns: Iterable[str], events: Iterable[Event]) -> list[Version]:
    """``events``: of one key, sorted, one a position; each payload has all ``columns``."""
    columns = list(columns)
    tracked = tracked_of(spec, columns)
    rows: list[tuple[Any, Any, Row, Row]] = []
    for at, state in states(spec, columns, list(events)).items():
        alive = bool(rows) and rows[-1][1] is None
        if alive and state is not None and all(rows[-1][3][n] == state[n] for n in tracked):
            rows[-1] = (*rows[-1][:3], state)
            continue
        if alive:
            rows[-1] = (rows[-1][0], at, *rows[-1][2:])
        if state is not None:
            rows.append((at, None, state, state))
    told = [last for _, _, _, last in rows if not isinstance(last, Unknown)]
    newest = told[-1] if told else dict.fromkeys(columns)
    if spec.type != 2:
        rows = [row for row in rows if row[1] is None]
    everywhere = spec.type == 2 and spec.untracked.mode == "all_versions"
    return [
        (start, end, shown(spec, tracked, first, newest if everywhere else last)) for start, end, first, last in rows
    ]


def states(spec: HistorySpec, columns: list[str], events: list[Event]) -> dict[Any, Row | None]:
    """What holds after the last event of each instant. An inferred member opens a life with what is told of it next."""
    of_instant: dict[Any, Row | None] = {}
    before: Row | None = None
    for number, (at, payload) in enumerate(events):
        if payload is INFERRED:
            if before is None:
                told = next((one for _, one in events[number:] if one is not INFERRED), None)
                before = Unknown(dict.fromkeys(columns)) if told is None else told
        elif payload is None or before is None or not spec.ignore_nulls:
            before = payload
        else:
            before = {name: before[name] if value is None else value for name, value in payload.items()}
        of_instant[at] = before
    return of_instant


def tracked_of(spec: HistorySpec, columns: Iterable[str]) -> list[str]:
    if spec.type != 2:
        return []
    if spec.tracked is not None:
        return [name for name in columns if name in spec.tracked]
    return [name for name in columns if name not in spec.untracked.columns]


def shown(spec: HistorySpec, tracked: list[str], first: Row, last: Row) -> Row:
    if spec.type == 0:
        return first
    return {name: (first if name in tracked else last)[name] for name in first}
