"""JSON records of every shape, held against what Python's own parser says of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import Row

from gluehouse.spec.contract import Contract

CONTRACT = Contract.model_validate(
    {
        "contract": "t.v1",
        "columns": [
            {"name": "s", "type": "string"},
            {"name": "d", "type": "double"},
            {"name": "p", "type": "decimal(10,2)"},
            {"name": "m", "type": "decimal(38,2)"},
        ],
    }
)
FORMATS = [("t.json", {"format": "json"}), ("d.json", {"format": "json_document"})]
PIECES = ['{"s": "x"}', '{"s":"}"}', "{}", "[]", "[", "]", "{", "}", '"', '"a"', "null", "7", ":", ",", ", ", " ", "x"]
NAMES = ['"a"', '"b"', '"A"', '"a{"', '"}"', '""', r'"\\"', r'"a\""', '"a" ', '"a":[{"b":{},"a"', '"c"', '"d"', '"e"']
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


def random_value(rng: random.Random, depth: int) -> str:
    """Now and then a name stands twice in it."""
    kind = rng.choice("{{[v") if depth else "v"
    if kind == "v":
        return rng.choice(["1", "null", '"{"', r'"\"a\": {"', '"a"', "{}", "[]"])
    values = [random_value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    if kind == "[":
        return f"[{', '.join(values)}]"
    names = rng.choices(NAMES, k=len(values)) if rng.random() < 0.1 else rng.sample(NAMES, k=len(values))
    members = [f"{name}: {value}" + "}]" * name.startswith('"a":[') for name, value in zip(names, values, strict=True)]
    return f"{{{', '.join(members)}}}"


def test_a_line_is_taken_where_it_is_one_object_and_nothing_else(read: Read) -> None:
    lines = [line for line in MORE_THAN_ONE + random_lines(400) if line.strip()]
    fine = [line for line in lines if is_one_object(line)]
    rows = read("t.json", "\n".join(lines).encode())
    assert set_aside(rows) == [line for line in lines if line not in fine]
    assert len(rows) == len(lines) > 1500
    assert len(fine) > 30


def test_a_name_that_stands_twice_in_one_object_is_told_from_one_that_stands_in_two(read: Read) -> None:
    rng = random.Random(11)
    lines = [f'{{"x": [{random_value(rng, 4)}, {random_value(rng, 4)}]}}' for _ in range(600)]
    wide = ", ".join(f'"n{number}": {number}' for number in range(20_000))
    deep = '{"n1": ' * 900 + "1" + "}" * 900
    lines += [f'{{"n1": {deep}, "x": {{{wide}{tail}}}}}' for tail in ("", ', "n0": 1', f', "y": {deep}')]
    lines += [f'{{"x": {{"a": 1}}, "y": {{"a": 2}}, "z": [{", ".join(["{}"] * 20_000)}]}}']
    bad = [line for line in lines if not is_one_object(line)]
    assert set_aside(read("t.json", "\n".join(lines).encode())) == bad
    assert 50 < len(bad) < 550


FITTING = [
    ('{"p": "1.50"}', "1.50"),
    ('{"p": 12345678.90, "s": "1,50"}', "12345678.90"),
    ('{"s": ["1,5", 2, "3"], "p": "-1e2"}', "-100.00"),
    ('{"p": "\\u0031.5"}', "1.50"),
    ('{"p": 1.50, "m": 1.00000000, "d": 1.005}', "1.50"),
    ('{"p": 150e-2, "m": -1e-2, "s": "1,000"}', "1.50"),
    ('{"m": 123456789012345678901234567890123456.78, "d": 1e-7, "p": -0e-9}', "0.00"),
]
ALTERED = [
    '{"p": "1,50"}',
    '{"p": "1,234,5", "s": "a"}',
    '{"s": "a", "p": ",,1"}',
    '{"p": "-1,5e1"}',
    '{"p": "1\\u002C50"}',
    '{"p": "\\u0031,\\u0032"}',
    '{"p": "1,\\u0665"}',
    '{"p": "1,\u0665"}',
    '{"m": 1.005}',
    '{"p": 1, "m": "-.001"}',
    '{"m": 1.5e-2}',
    '{"p": "1.e-40"}',
]


@pytest.mark.parametrize(("name", "settings"), FORMATS)
def test_a_decimal_loses_neither_its_commas_nor_its_digits(read: Read, name: str, settings: dict[str, Any]) -> None:
    lines = [line for line, _ in FITTING] + ALTERED
    text = f"[{', '.join(lines)}]" if name == "d.json" else "\n".join(lines)
    rows = read(name, text.encode(), settings)
    assert set_aside(rows) == ALTERED
    assert [str(row["p"]) for row in rows if not row["_violations"]] == [price for _, price in FITTING]


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
