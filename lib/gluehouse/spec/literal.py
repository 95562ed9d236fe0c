"""Whether a text of a configuration is a value of a column type, told without Spark."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def is_value(text: str, type_: str) -> bool:
    """Whether a run reads ``text`` as a value of the canonical type ``type_``: dates and times in ISO 8601.

    >>> is_value("7", "int"), is_value("3000000000", "int"), is_value("1.25", "decimal(3,1)"), is_value("", "string")
    (True, False, False, True)
    >>> is_value("2024-02-30", "date"), is_value("2024-02-29T08:00:00Z", "timestamp"), is_value("a", "array<string>")
    (False, True, False)
    """
    if type_ == "string":
        return True
    if type_ in _BITS:
        return bool(_WHOLE.fullmatch(text)) and -(2 ** (_BITS[type_] - 1)) <= int(text) < 2 ** (_BITS[type_] - 1)
    if type_ == "boolean":
        return text in ("true", "false")
    if type_ in ("float", "double"):
        return _reads(float, text) and text.isascii() and "_" not in text
    if type_ == "date":
        return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)) and _reads(date.fromisoformat, text)
    if type_ == "timestamp":
        return bool(re.match(r"\d{4}-\d{2}-\d{2}", text)) and _reads(datetime.fromisoformat, text)
    decimal = _DECIMAL.fullmatch(type_)
    return decimal is not None and _fits(text, int(decimal[1]), int(decimal[2]))


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _fits(text: str, precision: int, scale: int) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value == round(value, scale) and abs(value) < Decimal(10) ** (precision - scale)
