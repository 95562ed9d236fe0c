"""Objects with something wrong in them: each record is a good row or a violation, or a code refuses the object."""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.errors import InputError
from gluehouse.history.session import options
from gluehouse.sources import file
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource

CONTRACT = Contract.model_validate(
    {
        "contract": "t.v1",
        "columns": [
            {"name": "id", "type": "int", "nullable": False},
            {"name": "name", "type": "string"},
            {"name": "height", "type": "double"},
            {"name": "price", "type": "decimal(6,2)"},
            {"name": "day", "type": "date"},
        ],
    }
)
HEADER = b"id,name,height,price,day\n"
FINE = HEADER + b"".join(b"%d,a,1.5,2.50,2024-01-01\n" % number for number in range(2000))

Read = Callable[..., list[Row]]


def broken(rows: list[Row]) -> list[str]:
    return sorted(found["rule"] for row in rows for found in row["_violations"])


def cut(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def flipped(packed: bytes, place: int) -> bytes:
    place %= len(packed)
    return packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]


def parquet() -> bytes:
    sink = io.BytesIO()
    columns = {"id": range(5000), "name": [f"n{n * 7919 % 5000}" for n in range(5000)], "height": [1.5] * 5000}
    table = pa.table({**columns, "price": ["1.00"] * 5000, "day": ["2024-01-01"] * 5000})
    pq.write_table(table, sink, compression="snappy", use_dictionary=False, write_page_checksum=True)
    return sink.getvalue()


PARQUET = parquet()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv.gz", cut(gzip.compress(FINE))),
        ("damaged.csv.gz", flipped(gzip.compress(FINE), 60)),
        ("wrong sum.csv.gz", flipped(gzip.compress(FINE), -8)),
        ("wrong length.csv.gz", flipped(gzip.compress(FINE), -1)),
        ("more behind.csv.gz", gzip.compress(FINE) + b"garbage" * 100),
        ("cut.csv.bz2", cut(bz2.compress(FINE))),
        ("damaged.csv.bz2", flipped(bz2.compress(FINE), 80)),
        ("cut.parquet", cut(PARQUET)),
        ("damaged footer.parquet", flipped(PARQUET, -60)),
        ("damaged page.parquet", flipped(PARQUET, 500)),
        ("no.parquet", b"PAR1" + b"x" * 100 + b"\xff\xff\xff\x7fPAR1"),
    ],
)
def test_a_damaged_object_is_refused_by_a_code(read: Read, name: str, content: bytes) -> None:
    with pytest.raises(InputError, match="GH20"):
        read(name, content)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1704067200123456789], pa.timestamp("ns")),
        pa.array([3600_000_000], pa.time64("us")),
        pa.array([Decimal("1.10")], pa.decimal256(50, 2)),
    ],
)
def test_a_parquet_type_that_spark_has_not_is_refused_by_a_code(read: Read, column: pa.Array) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({**{name: ["1"] for name in ("id", "name", "height", "price")}, "day": column}), sink)
    with pytest.raises(InputError, match=r"GH2014.*cannot read"):
        read("t.parquet", sink.getvalue())


def test_bytes_of_parquet_that_are_no_text_are_malformed_in_a_column_of_text(read: Read) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "name", "type": "string"}]})
    sink = io.BytesIO()
    pq.write_table(pa.table({"name": pa.array(["ö".encode(), b"\xff", None], pa.binary())}), sink)
    rows = read("t.parquet", sink.getvalue(), contract=contract)
    assert [(row["name"], broken([row])) for row in rows if not row["_violations"]] == [("ö", []), (None, [])]
    assert broken(rows) == ["malformed"]


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (b"2147483648,a,1,1,2024-01-01", ["type(id)"]),
        (b"1,a,1,12345.00,2024-01-01", ["type(price)"]),
        (b"1,a,1,NaN,2024-01-01", ["type(price)"]),
        (b"1,a,1e400,1,2024-01-01", ["type(height)"]),
        (b"1,a,1,1,2023-02-30", ["type(day)"]),
        (b"1,a,1,1,2024-01-01T25:00:00", ["type(day)"]),
        (b"1,a,b,1,1,2024-01-01", ["malformed"]),
        (b"1,a,1", ["malformed"]),
        (b"1,\xff\xfe,1,1,2024-01-01", ["malformed"]),
        (b"1,NaN,NaN,1,2024-01-01", []),
        (b"1,a\x00b,Infinity,1,2024-01-01", ["malformed"]),
        (b'1,1,1,1,"2024-01-01\x00"', ["malformed"]),
        (b"\xef\xbb\xbf1,a,1,1,2024-01-01", ["malformed"]),
        (b"1," + b"," * 30_000, ["malformed"]),
        (b'1,"' + b"," * 30_000 + b'",1,1,2024-01-01', []),
        (b"1," + b"x" * 10_000_000 + b",1,1,2024-01-01", []),
        (b'1,"a, ""b""",1,1,2024-01-01', []),
    ],
)
def test_a_bad_row_among_good_ones_is_a_violation_and_no_row_is_lost(read: Read, line: bytes, rules: list[str]) -> None:
    rows = read("t.csv", HEADER + b"7,a,1,1,2024-01-01\n" + line + b"\n8,b,2,2,2024-01-02\n")
    assert len(rows) == 3
    assert broken(rows) == rules
    assert {row["id"] for row in rows} >= {7, 8}


@pytest.mark.parametrize(
    ("lines", "dialect"),
    [
        (b'2,b,1,1,"2024-01-01\n3,c,1,1,2024-01-01\n', {}),
        (b'2,"a, ""b""",1,1,"\n', {}),
        (b'2,5" x,1,1,"2024""\n', {}),
        (b'2,b,1,1,"2024-01-01\n3,c,1,1,2024-01-01\n', {"multi_line": True}),
        (b'2,"b\n3,c,1,1,2024-01-01\n4,"d",1,1,2024-01-01\n', {"multi_line": True}),
        (b"2|b|1|1|'2024-01-01\n", {"delimiter": "|", "quote": "'"}),
        (b'2,"b\n3,c",1,1,2024-01-01\n', {}),
        (b'2,"""a""x,1,1,2024-01-01\n', {}),
        (b'2,5",1,"1,2024-01-01\n', {}),
        (b'2\t"b"\t\t1\t"open\n3\tx\t1\t1\t2024-01-01"\n', {"delimiter": "\t"}),
        (b'2,"b\x00\nc",1,1,2024-01-01\n', {"multi_line": True}),
        (b'2,"b,1,1,2024-01-01\n3,"c,1,1,2024-01-01\n', {"multi_line": True}),
        (b'2,"b,1,1,x\n3,"",1,1,x\n4,"c,1,1,2024-01-01\n', {"multi_line": True}),
        (b'2,"b"c,1,1,2024-01-01\n', {"multi_line": True}),
    ],
)
def test_what_would_take_in_or_leave_out_a_part_of_another_cell_refuses_the_object(
    read: Read, lines: bytes, dialect: dict[str, Any]
) -> None:
    header = HEADER.replace(b",", dialect.get("delimiter", ",").encode())
    with pytest.raises(InputError, match="GH2025"):
        read("t.csv", header + lines, {"csv": dialect})


@pytest.mark.parametrize(
    ("line", "dialect", "name"),
    [
        (b'2,"a, ""b""",1,1,"2024-01-01"', {}, 'a, "b"'),
        (b'2,5" x,1,1,2024-01-01', {}, '5" x'),
        (b'2,"""",1,1,"2024-01-01"', {}, '"'),
        (b'2,"",1,1,""', {}, None),
        (b'2,"""a"" b" ,1,1,2024-01-01', {}, '"a" b'),
        (b'2,"""a"" b" ,1,1,2024-01-01', {"multi_line": True}, '"a" b'),
        (b'2,5"x",1,1,2024-01-01', {"multi_line": True}, '5"x"'),
        (b'2,"a\n2,c,1,1,x\n",1,1,2024-01-01', {"multi_line": True}, "a\n2,c,1,1,x\n"),
        (b'2,"a\n""b"",",1,1,"2024-01-01"', {"multi_line": True}, 'a\n"b",'),
    ],
)
def test_quotes_that_are_closed_or_stand_within_a_cell_are_taken_as_they_are(
    read: Read, line: bytes, dialect: dict[str, Any], name: str | None
) -> None:
    rows = read("t.csv", HEADER + line + b"\n3,c,1,1,2024-01-01\n", {"csv": dialect})
    assert ([row["name"] for row in rows], broken(rows)) == ([name, "c"], [])


MISPLACED = [
    b'2,"b"x,1,1,2024-01-01',
    b'2,"b,1,1,2024-01-01,"c,1,1,2024-01-01',
    b'2,""x,1,1,2024-01-01',
    b'2,"a""b"c",1,1,2024-01-01',
    b'2,a,1,1,"2024-01-01"x',
]


def test_a_line_with_text_behind_a_closing_quote_is_set_aside_whole_and_no_other_line_is(read: Read) -> None:
    fine = [b'7,"a, ""b""" ,1,1,2024-01-01', b'9,5"x",1,1,2024-01-01', b'8,"""",1,1,"2024-01-02"', b" ", HEADER[:-1]]
    rows = read("t.csv", b"\xef\xbb\xbf\n" + HEADER + b"\r\n".join([*MISPLACED, *fine]))
    assert [(row["id"], row["name"]) for row in rows if not row["_violations"]] == [
        (7, 'a, "b"'),
        (9, '5"x"'),
        (8, '"'),
    ]
    assert [row["_raw"].encode() for row in rows if broken([row]) == ["malformed"]] == MISPLACED
    # The last one reads as the header does, but is a row.
    assert len(rows) == len(MISPLACED) + 4


def test_of_several_objects_each_read_by_several_tasks_the_header_lines_alone_are_no_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    source = FileSource(kind="file", format="csv", prefix="t/", mode="changes")
    rows = [(str(number), name) for number in range(3) for name in ["id", *(f"n{at}" for at in range(500))]]
    uris = [str(tmp_path / f"{number}.csv") for number in range(3)]
    for number, uri in enumerate(uris):
        lines = [f"{one},{name},1,1,2024-01-01" for one, name in rows if one == str(number)]
        # The header of the last one is behind the part of its first task.
        Path(uri).write_bytes(b"\n" * 1000 * number + HEADER + HEADER + "\n".join(lines).encode())
    with options(spark, **{"spark.sql.files.maxPartitionBytes": "1500", "spark.sql.files.openCostInBytes": "1"}):
        frame = file.read(spark, uris, source, CONTRACT)
        assert frame.rdd.getNumPartitions() > 20
        found = sorted((row["id"], row["name"]) for row in frame.collect())
    assert found == sorted([*rows, *[("id", "name")] * 3])


def test_a_line_that_ends_otherwise_than_the_first_does_not_put_half_of_its_end_into_a_cell(read: Read) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": n, "type": "string"} for n in "ab"]})
    rows = read("t.csv", b'a,b\n1,2\r\n3,4\n5,"6"\r\n', {"csv": {"multi_line": True}}, contract)
    assert [(row["a"], row["b"]) for row in rows if not row["_violations"]] == [("3", "4"), ("5", "6")]
    assert broken(rows) == ["malformed"]


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (b'{"id": 1, "name": "a"', ["malformed"]),
        (b'{"id": 1, "name": "\xff"}', ["malformed"]),
        (b'{"id": 1, "name": "a\x00b"}', ["malformed"]),
        (b'{"id": 1, "name": ' + b'{"a": ' * 1500 + b"1" + b"}" * 1501, ["malformed"]),
        (b'{"id": 99999999999}', ["type(id)"]),
        (b'{"id": "x"}', ["type(id)"]),
        (b'{"id": 1, "height": "NaN", "name": "a\\u0000b"}', []),
        (b'{"id": 1, "name": {"a": [1, {"b": null}]}}', []),
        (b"[1, 2]", ["malformed"]),
        (b'{"id": 1} {"id": 2}', ["malformed"]),
        (b'{"id": 1}, {"id": 2}', ["malformed"]),
        (b'{"id": 1}],[{"id": 2}', ["malformed"]),
        (b'{"id": 1, "name": {"a": 1}}}', ["malformed"]),
        (b'{"id": 1}x', ["malformed"]),
        (b'{"id": 1, "name": "}, {"} ', []),
        (b'{"id": 1, "name": [{"a": "}"}, {}]}', []),
        (b"nonsense", ["malformed"]),
        (b"{'id': 1, 'id': 2}", ["malformed"]),
        (b'{"id": 1, "name": "a",}', ["malformed"]),
        (b'{"id": 1 /* a */}', ["malformed"]),
        (b"null", ["malformed"]),
        (b'{"id": 1.0}', ["type(id)"]),
        (b'{"id": 1e2}', ["type(id)"]),
        (b'{"id": NaN}', ["malformed"]),
        (rb'{"id": 1, "name": "\ud83d"}', ["malformed"]),
        (rb'{"id": 1, "x": "\uDE00\uD83D"}', ["malformed"]),
        (rb'{"id": 1, "name": "\ud83d\uDE00 \\ud83d"}', []),
        (b'{"id": 1, "name": 12345678901234567.89}', ["malformed"]),
        (b'{"id": 1, "name": {"a": [1, 12345678901234567.89]}}', ["malformed"]),
        (b'{"id": 1, "name": 1e400}', ["malformed"]),
        (b'{"id": 1, "name": {"lat": -73.98765432109876, "lon": 0.30000000000000004}}', []),
        (b'{"id": 1, "name": 123456789012345678901234567890}', []),
    ],
)
def test_a_bad_json_record_among_good_ones_is_a_violation_and_no_record_is_lost(
    read: Read, line: bytes, rules: list[str]
) -> None:
    rows = read("t.json", b'{"id": 7}\n' + line + b'\n{"id": 8}\n')
    assert len(rows) == 3
    assert broken(rows) == rules
    assert {row["id"] for row in rows} >= {7, 8}


TWICE = [
    '{"id": 1, "x": {"a": 1, "a": 2}}',
    '{"id": 1, "name": {"a": 1, "a": 1}}',
    '{"id": 1, "x": [{"a": 1}, {"a": 1, "b": {"c": [{"a": 1}]}, "a" : 2}]}',
    '{"id": 1, "x": {"y": {"z": {"a}": 1, "{": {}, "a}": 2}}}}',
    r'{"id": 1, "x": {"a\"": 1, "a\"": 2}}',
    '{"id": 1, "x": {"": 1, "": 2}}',
]
ONCE = [
    '{"id": 1, "x": [{"a": 1}, {"a": 2, "id": {"a": 3, "id": 4}}]}',
    r'{"id": 1, "x": {"a\\": 1, "a": 2, "A": 3, "a{": 4, "a}": 5, "": 6, " ": 7}}',
    r'{"id": 1, "x": {"a": "\"a\": 1, {\"a\": 2}", "b": "a", "c": "b"}}',
    '{"id": 1, "x": ' + '{"a": ' * 900 + "1" + "}" * 901,
    '{"id": 1, "x": [' + ", ".join(['{"a": 1, "b": {"a": 2}}'] * 2000) + "]}",
]


def test_a_name_that_stands_twice_in_an_object_within_a_json_record_is_found_at_any_depth(read: Read) -> None:
    for name, settings, text in [
        ("t.json", {"format": "json"}, "\n".join(TWICE + ONCE)),
        ("d.json", {"format": "json_document"}, f"[{', '.join(TWICE + ONCE)}]"),
    ]:
        rows = read(name, text.encode(), settings)
        assert [row["_raw"] for row in rows if broken([row]) == ["malformed"]] == TWICE
        assert broken(rows) == ["malformed"] * len(TWICE)


def test_ten_thousand_columns_are_read_and_those_that_nobody_agreed_on_left_aside(read: Read) -> None:
    more = [f"c{number}" for number in range(10_000)]
    lines = [",".join(["id,name,height,price,day", *more]), ",".join(["1,a,1,1,2024-01-01", *["x"] * 10_000])]
    assert [row["id"] for row in read("t.csv", "\n".join(lines).encode())] == [1]


def test_utf_16_is_read_where_it_is_agreed(read: Read) -> None:
    text = (HEADER + b"1,\xc3\xb6,1,1,2024-01-01\n").decode().encode("utf-16")
    rows = read("t.csv", text, {"csv": {"encoding": "UTF-16", "multi_line": True}})
    assert [(row["id"], row["name"]) for row in rows] == [(1, "ö")]
