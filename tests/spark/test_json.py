"""JSON records of every shape, held against what Python's own parser says of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from pyspark.sql import Row

from gluehouse.spec.contract import Contract

CONTRACT = Contract.model_validate(
    {
        "contract": "t.v1",
        "columns": [
            {"name": "s", "type": "string"},
            {"name": "d", "type": "double"},
            {"name": "p", "type": "decimal(10,2)"},
        ],
    }
)
PIECES = ['{"s": "x"}', '{"s":"}"}', "{}", "[]", "[", "]", "{", "}", '"', '"a"', "null", "7", ":", ",", ", ", " ", "x"]
MORE_THAN_ONE = [
    '{"s":"b"}, {"s":"c"}]}',
    '{"s":"x"},null]}',
    '{"s":"x"},7]}}',
    "{},{}]{}",
    '{"s":"x"}, {"s":"y"}] trailing {}',
    '{"s":"x"}}',
    '{"s":"}"}\t,{"s":"x"}',
]

Read = Callable[..., list[Row]]


def set_aside(rows: list[Row]) -> list[str]:
    """The raw texts of the malformed rows; no row has another violation."""
    assert {found["rule"] for row in rows for found in row["_violations"]} <= {"malformed"}
    return [row["_raw"] for row in rows if row["_violations"]]


def is_one_object(line: str) -> bool:
    def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(members) > len(dict(members)):
            raise ValueError("a name stands twice")
        return dict(members)

    try:
        return isinstance(json.loads(line, object_pairs_hook=once), dict)
    except ValueError:
        return False


def random_lines(count: int) -> list[str]:
    rng = random.Random(7)
    tails = ("".join(rng.choices(PIECES, k=rng.randint(1, 5))) for _ in range(count))
    heads = ('{"s": "b"}', '{"s": {"a": "}"}}', '{"s": "b", "x": [', '{"s": "b", "x": ', "")
    return [head + tail + rng.choice(["", "}", "]}", " {}", " "]) for tail in tails for head in heads]


def test_a_line_is_taken_where_it_is_one_object_and_nothing_else(read: Read) -> None:
    lines = [line for line in MORE_THAN_ONE + random_lines(400) if line.strip()]
    fine = [line for line in lines if is_one_object(line)]
    rows = read("t.json", "\n".join(lines).encode())
    assert set_aside(rows) == [line for line in lines if line not in fine]
    assert len(rows) == len(lines) > 1500
    assert len(fine) > 30


WORDS = ["NaN", "Infinity", "-Infinity", "+Infinity", "INF", "-INF", "+INF"]
PLACES = ['{"s": %s}', '{"s": [%s]}', '{"s": {"a": [1, %s]}}', '{"d": %s}', '{"p": %s}', '{"x": {"y": %s}}']


def test_a_number_that_json_has_not_makes_a_record_malformed_wherever_it_stands(read: Read) -> None:
    lines = [place % word for place in PLACES for word in WORDS]
    assert set_aside(read("t.json", "\n".join(lines).encode())) == lines
    rows = read("t.json", b'{"d": "NaN"}\n{"d": "Infinity"}\n{"d": "-Infinity"}\n{"s": ["NaN", "Infinity"]}')
    assert set_aside(rows) == []
    assert [(str(row["d"]), row["s"]) for row in rows] == [
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("None", '["NaN","Infinity"]'),
    ]
