"""A CSV of lines comes to what a slow reader makes of it, one character after the other."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from pyspark.sql import Row

from gluehouse.errors import InputError
from gluehouse.spec.contract import Contract

BLANK = "".join(map(chr, range(1, 33)))
Read = Callable[..., list[Row]]


def texts(*names: str, type_: str = "string") -> Contract:
    return Contract.model_validate({"contract": "t.v1", "columns": [{"name": name, "type": type_} for name in names]})


CONTRACT = texts("a", "b", "c")
TWO = texts("a", "b")


def cells_of(line: str, delimiter: str, quote: str) -> list[str | None] | None:
    """The cells of a line by RFC 4180, with blanks behind a closing quote; None where a quote is misplaced."""
    cells: list[str | None] = []
    at = 0
    while at <= len(line):
        if line[at : at + 1] != quote:
            end = line.find(delimiter, at) % (len(line) + 1)
            cells.append(line[at:end] or None)
            at = end + 1
            continue
        text, at = "", at + 1
        while line[at : at + 2] == quote * 2 or (at < len(line) and line[at] != quote):
            at += 2 if line[at] == quote else 1
            text += line[at - 1]
        at += 1
        while at < len(line) and line[at] <= " " and line[at] != delimiter:
            at += 1
        if at > len(line) or line[at : at + 1] not in ("", delimiter):
            return None
        cells.append(text or None)
        at += 1
    return cells


@pytest.mark.parametrize(("delimiter", "quote"), [(",", '"'), ("\t", '"'), ("\\", "'"), (" ", "$"), (".", "]")])
def test_random_lines_are_taken_as_a_slow_reader_takes_them(read: Read, delimiter: str, quote: str) -> None:
    rng = random.Random(delimiter)
    pieces = [quote, quote, quote * 2, delimiter, delimiter, delimiter + quote, quote + delimiter, *"xy \t\x02ö'"]
    lines = ["".join(rng.choices(pieces, k=rng.randint(1, 9))) for _ in range(4000)]
    read_slowly = {line: cells_of(line, delimiter, quote) for line in lines if line.strip(BLANK) or delimiter in line}
    expected = [(line, cells) for line, cells in read_slowly.items() if cells is not None]
    content = "\n".join([delimiter.join("abc"), *(line for line, _ in expected)]).encode()
    dialect = {"delimiter": delimiter, "quote": quote}
    found = read("t.csv", content, {"csv": dialect, "null_tokens": []})
    assert len(expected) > 1000
    for (line, cells), row in zip(expected, found, strict=True):
        if len(cells) == 3:
            assert ([row["a"], row["b"], row["c"]], row["_violations"]) == (cells, []), line
        else:
            assert ([one["rule"] for one in row["_violations"]], row["_raw"]) == (["malformed"], line)


@pytest.mark.parametrize(
    ("content", "dialect", "rows"),
    [
        (b"\t\n \na\tb\n1\t2\n\t\n3\t4\n \n\n", {"delimiter": "\t"}, [("1", "2"), (None, None), ("3", "4")]),
        (b"a b\n1 2\n \n", {"delimiter": " "}, [("1", "2"), (None, None)]),
        (b"a,b\n1,2\n \t\n3,4\n  ", {}, [("1", "2"), ("3", "4")]),
    ],
)
def test_blanks_are_a_row_where_they_are_delimiters(
    read: Read, content: bytes, dialect: dict[str, str], rows: list[tuple[str | None, str | None]]
) -> None:
    assert [(row["a"], row["b"]) for row in read("t.csv", content, {"csv": dialect}, TWO)] == rows


def test_blanks_of_a_single_column_are_its_value_and_a_line_of_nul_is_set_aside(read: Read) -> None:
    rows = read("t.csv", b"\na\nx\n   \n\n\x01\n\x00\n\xef\xbb\xbf\n", contract=texts("a"))
    assert [row["a"] for row in rows if not row["_violations"]] == ["x", "   ", "\x01"]
    assert [row["_raw"] for row in rows if row["_violations"]] == ["\x00", "\ufeff"]


def test_bytes_that_are_no_text_are_malformed_in_a_column_of_bytes_too(read: Read) -> None:
    for dialect in ({}, {"multi_line": True}):
        rows = read("t.csv", b"a\nx\n\xff\xfe\n", {"csv": dialect}, texts("a", type_="binary"))
        assert [(row["a"], len(row["_violations"])) for row in rows if row["a"] == b"x"] == [(b"x", 0)]
        assert [one["rule"] for row in rows for one in row["_violations"]] == ["malformed"]


def test_a_header_may_have_a_name_that_is_given_to_columns_without_one(read: Read) -> None:
    rows = read("t.csv", b"x,_unused_0,,_unused_1\n1,2,3,4\n", contract=texts("_unused_0", "_unused_1"))
    assert [(row["_unused_0"], row["_unused_1"]) for row in rows] == [("2", "4")]


@pytest.mark.parametrize("header", [b'a,b,"c\n1,2,3\n', b'a,"b\n",c\n1,2,3\n'])
def test_a_header_with_an_open_quote_refuses_the_object(read: Read, header: bytes) -> None:
    with pytest.raises(InputError, match="GH2025"):
        read("t.csv", header)


def test_a_header_is_taken_apart_as_its_rows_are(read: Read) -> None:
    rows = read("t.csv", b'"a" ,"x,""y""",\'b,"b"\t, c,\n1,2,3,4,5,6\n', contract=TWO)
    assert [(row["a"], row["b"]) for row in rows] == [("1", "4")]
