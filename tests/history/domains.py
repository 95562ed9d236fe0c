"""Types of columns with a few values each that are easily taken for one another."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import Row as Struct

UTC = dt.UTC


def _stamp(day: int, micros: int = 0) -> dt.datetime:
    return dt.datetime(2024, 1, day, 23, 59, 59, micros, tzinfo=UTC)


def _xy(x: Any, y: Any) -> Any:
    return Struct(x=x, y=y)


# Few values a type, so that they come again, and among them those that are easily taken for one another.
VALUES: dict[str, list[Any]] = {
    "string": [None, "", " ", "a", "A", "ä", "a\u0308", "\uffee", "\U0001d518", "null"],
    "int": [None, 0, 1, -1, 2**31 - 1],
    "bigint": [None, 0, 1, 2**60, -(2**60)],
    "smallint": [None, 0, 7],
    "decimal(12,4)": [None, Decimal("0"), Decimal("-0.0001"), Decimal("1.5"), Decimal("15"), Decimal("150")],
    "decimal(38,18)": [None, Decimal("0"), Decimal("1E-18"), Decimal("1E-17"), Decimal("12345678901234567890.5")],
    "double": [None, float("nan"), -0.0, 0.0, 1.5, float("inf"), float("-inf")],
    "float": [None, float("nan"), -0.0, 0.0, 1.5],
    "boolean": [None, True, False],
    "date": [None, dt.date(1582, 10, 4), dt.date(1970, 1, 1), dt.date(2024, 2, 29)],
    "timestamp": [None, _stamp(1), _stamp(1, 1), _stamp(2), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)],
    "binary": [None, b"", b"\x00", b"a", b"\xff"],
    "struct<x:int,y:string>": [None, _xy(None, None), _xy(1, None), _xy(None, ""), _xy(1, "")],
    "array<string>": [None, [], [None], [""], ["a", None], ["a"], [None, "a"]],
    "map<string,int>": [None, {}, {"a": None}, {"a": 1}, {"a": 1, "b": 1}, {"b": 1, "a": 1}],
    "array<struct<x:int,y:string>>": [None, [], [None], [_xy(1, "")], [_xy(None, None)]],
}

NESTED = [kind for kind in VALUES if "<" in kind]
PLAIN = [kind for kind in VALUES if "<" not in kind]

# Ordered values of sequence columns; the last ones are the columns of a composite sequence.
TEXTS = ["", " ", "10", "9", "A", "Z", "a", "ä", "\uffee", "\U0001d518"]
SEQUENCES: dict[str, list[Any]] = {
    "int": list(range(-3, 7)),
    "bigint": [2**60 + n for n in range(10)],
    "date": [dt.date(2024, 1, n) for n in range(1, 11)],
    "timestamp": [_stamp(1 + n // 3, n % 3) for n in range(10)],
    "string": TEXTS,
    "decimal(10,2)": [Decimal(n) / 4 for n in range(10)],
    "double": [float("-inf"), -1.5, 0.0, 1.5, 2.0, 3.0, float("inf"), float("nan")],
    "struct<x:int,y:string>": [_xy(n // 3, TEXTS[n % 3]) for n in range(10)],
}
COMPOSITE: list[list[tuple[str, list[Any]]]] = [
    [("date", SEQUENCES["date"][:3]), ("int", [1, 2, 3])],
    [("int", [1, 2]), ("string", TEXTS[5:10])],
    [("timestamp", SEQUENCES["timestamp"][2:5]), ("decimal(10,2)", SEQUENCES["decimal(10,2)"][:2]), ("int", [-1, 1])],
]
INSTANTS = {"date": SEQUENCES["date"][:4], "timestamp": SEQUENCES["timestamp"][1:5]}
KEYS: list[list[str]] = [
    ["int"],
    ["string"],
    ["string", "int"],
    ["string", "date", "boolean"],
    ["decimal(12,4)"],
    ["timestamp", "string"],
    ["bigint", "binary"],
]
FLAGS: list[tuple[str, list[Any], list[Any], list[Any]]] = [
    ("string", ["U", "I", None, ""], ["D", "d"], ["T"]),
    ("boolean", [False, None], [True], []),
    ("int", [0, None, 5], [1, 2], [9]),
    ("decimal(12,4)", [Decimal("0"), None], [Decimal("1.5")], [Decimal("3")]),
    ("date", [None, dt.date(2024, 1, 1)], [dt.date(9999, 12, 31)], []),
]
WIDER = {"int": "bigint", "smallint": "int", "float": "double", "decimal(12,4)": "decimal(38,18)"}
