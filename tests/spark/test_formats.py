"""Each format as Spark reads it: good records typed, each other one set aside whole, and damaged objects refused."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet
import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.errors import InputError
from gluehouse.spec.contract import Contract
from gluehouse.spec.lines import lines_of
from gluehouse.spec.source import FileSource

CONTRACT = Contract.model_validate(
    {
        "contract": "t.v1",
        "columns": [
            {"name": "id", "type": "int", "nullable": False},
            {"name": "user_name", "type": "string"},
            {"name": "price", "type": "decimal(30,2)"},
        ],
    }
)
LINES = {"format": "lines", "lines": {"pattern": r"(?P<id>\S+) (?:\[(?P<user_name>[^][]*)\] )?(?P<price>.*)"}}
LATIN_LINES = {"format": "lines", "lines": {**LINES["lines"], "encoding": "ISO-8859-1"}}  # type: ignore[dict-item]
GROK = {
    "format": "lines",
    "lines": {"grok": "%{INT:id} %{QUOTEDSTRING:user_name} %{PRICE:price}", "grok_names": {"PRICE": "%{NUMBER}"}},
}
FIXED = {
    "format": "fixed_width",
    "fixed_width": {
        "columns": [
            {"name": "id", "start": 1, "width": 3},
            {"name": "user_name", "start": 4, "width": 4},
            {"name": "price", "start": 9, "width": 5},
        ]
    },
}
TOWNS = {"format": "xml", "xml": {"record": "town"}}
LATIN_TOWNS = {"format": "xml", "xml": {"record": "town", "encoding": "ISO-8859-1"}}
ITEMS = {"format": "json_document", "json_document": {"records": "$.data.items"}}

Read = Callable[..., list[Row]]


def good(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row["id"], row["user_name"], row["price"] and str(row["price"])) for row in rows if not row["_violations"]]


def aside(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row["_violations"][0]["rule"], row["_raw"]) for row in rows if row["_violations"]]


def test_log_lines_are_taken_apart_by_their_groups_and_a_group_without_part_is_null(read: Read) -> None:
    rows = read("t.log", "1 [Zoë] 2.50\r\n2 3.00\n\n3 [] 4.00".encode(), LINES)
    assert good(rows) == [(1, "Zoë", "2.50"), (2, None, "3.00"), (3, None, "4.00")]


def test_a_line_that_does_not_match_goes_to_quarantine_whole(read: Read) -> None:
    rows = read("t.log", b"1 [a] 2.50\nnonsense\n x [b] 1\n2 [c] 1.00\n", LINES)
    assert [row[0] for row in good(rows)] == [1, 2]
    assert aside(rows) == [("malformed", "nonsense"), ("malformed", " x [b] 1")]


def test_a_line_that_matches_is_held_against_the_types(read: Read) -> None:
    assert [rule for rule, _ in aside(read("t.log", b"x [a] 2.50\n", LINES))] == ["type(id)"]


@pytest.mark.parametrize("line", [b"2 [a\x00b] 1", b"2 [\xff] 1", b"2 [" + b"x" * 70_000 + b"] 1"])
def test_a_line_that_is_no_text_or_longer_than_agreed_is_malformed_and_none_is_lost(read: Read, line: bytes) -> None:
    rows = read("t.log", b"1 [a] 2.50\n" + line + b"\n3 [c] 1.00\n", LINES)
    assert [row[0] for row in good(rows)] == [1, 3]
    assert [rule for rule, _ in aside(rows)] == ["malformed"]


def test_a_long_line_is_taken_where_that_is_agreed(read: Read) -> None:
    settings = {"format": "lines", "lines": {**LINES["lines"], "longest": 16_000_000}}  # type: ignore[dict-item]
    rows = read("t.log", b"1 [" + b"x" * 10_000_000 + b"] 1\n", settings)
    assert [len(row[1]) for row in good(rows)] == [10_000_000]


def test_dollars_and_backslashes_in_a_line_stay_what_they_are(read: Read) -> None:
    assert good(read("t.log", rb"1 [$1 \\ \0 ${x}] 1", LINES)) == [(1, r"$1 \\ \0 ${x}", "1.00")]


def test_a_character_that_was_delivered_as_the_replacement_character_is_a_character(read: Read) -> None:
    assert good(read("t.log", "1 [\ufffd] 1".encode(), LINES)) == [(1, "\ufffd", "1.00")]


def test_log_lines_in_latin_1_are_read_as_such(read: Read) -> None:
    assert good(read("t.log", "1 [Zoë] 1".encode("iso-8859-1"), LATIN_LINES)) == [(1, "Zoë", "1.00")]


def test_lines_that_begin_like_a_comment_are_no_records(read: Read) -> None:
    settings = {"format": "lines", "lines": {**LINES["lines"], "comment": "#"}}  # type: ignore[dict-item]
    rows = read("t.log", b"\xef\xbb\xbf#Version: 1\n1 [#] 1\n#Fields: id\n", settings)
    assert (good(rows), aside(rows)) == ([(1, "#", "1.00")], [])


def test_log_lines_are_taken_apart_by_a_grok_pattern(read: Read) -> None:
    rows = read("t.log.gz", gzip.compress(b'1 "a \\" b" 2.5\n2 "x" .5\n3 x 1\n'), GROK)
    assert good(rows) == [(1, r'"a \" b"', "2.50"), (2, '"x"', "0.50")]
    assert aside(rows) == [("malformed", "3 x 1")]


def test_java_reads_an_apache_log_as_python_does(read: Read) -> None:
    contract = Contract.model_validate(
        {"contract": "t.v1", "columns": [{"name": name, "type": "string"} for name in ("clientip", "verb", "agent")]}
    )
    line = '::1 - - [10/Oct/2023:13:55:36 -0700] "GET /a HTTP/1.1" 200 - "-" "curl/8.0 (x)"'
    rows = read("t.log", line.encode(), {"format": "lines", "lines": {"grok": "%{COMBINEDAPACHELOG}"}}, contract)
    assert [(row["clientip"], row["verb"], row["agent"], row["_violations"]) for row in rows] == [
        ("::1", "GET", "curl/8.0 (x)", [])
    ]


def test_columns_of_fixed_width_are_read_in_characters_and_trimmed(read: Read) -> None:
    rows = read("t.txt", "  1Zoë - 1.50\n  2      2.00".encode(), FIXED)
    assert good(rows) == [(1, "Zoë", "1.50"), (2, None, "2.00")]


@pytest.mark.parametrize("line", ["  1Zoe   1.5", "  1Zoe   1.500", "x"])
def test_a_record_that_is_too_short_or_too_long_goes_to_quarantine_whole(read: Read, line: str) -> None:
    rows = read("t.txt", f"{line}\n  2      2.00\n".encode(), FIXED)
    assert (aside(rows), good(rows)) == ([("malformed", line)], [(2, None, "2.00")])


@pytest.mark.parametrize(("trim", "name"), [("left", "a  "), ("right", " a"), ("none", " a  "), ("both", "a")])
def test_blanks_are_filling_on_the_sides_that_are_agreed(read: Read, trim: str, name: str) -> None:
    columns = [{"name": "id", "start": 1, "width": 1}, {"name": "user_name", "start": 2, "width": 4}]
    layout = {"columns": [*columns, {"name": "price", "start": 6, "width": 1}], "trim": trim}
    assert good(read("t.txt", b"1 a  2", {"format": "fixed_width", "fixed_width": layout})) == [(1, name, "2.00")]


def test_a_document_gives_one_row_a_record_with_all_digits(read: Read) -> None:
    text = (
        '{"data": {"n": 2, "items": [\n {"id": 1,\n  "user_name": "a"},\n {"price": 12345678901234567.89, "id": 2}]}}'
    )
    assert good(read("t.json", b"\xef\xbb\xbf" + text.encode(), ITEMS)) == [
        (1, "a", None),
        (2, None, "12345678901234567.89"),
    ]


def test_a_bad_record_of_a_document_is_set_aside_as_it_was_delivered_and_the_others_are_good(read: Read) -> None:
    items = ['{"id": 1}', '{"id" : 2, "price": "x"}', "[3]", "null", '{"id": 4, "id": 5}', '{"id": "x"}', '{"id": 6}']
    rows = read("t.json.gz", gzip.compress(f'{{"data": {{"items": [{", ".join(items)}]}}}}'.encode()), ITEMS)
    assert [row[0] for row in good(rows)] == [1, 6]
    assert [rule for rule, _ in aside(rows)] == ["malformed"] * 4 + ["type(id)"]
    assert [raw for _, raw in aside(rows)][:4] == items[1:5]


def test_a_document_may_be_an_array_or_one_record(read: Read) -> None:
    whole = {"format": "json_document"}
    assert good(read("a.json", b'[{"id": 1}, {"id": 2}]', whole)) == [(1, None, None), (2, None, None)]
    assert good(read("b.json", b'{"id": 1,\n"user_name": "a"}', whole)) == [(1, "a", None)]
    assert read("c.json", b"[]", whole) == []


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": {"items": [{"id": 1}',
        b'{"data": {"item": []}}',
        b'{"data": {"items": ["\xff"]}}',
        b"\n",
        b"[" * 99_999,
    ],
)
def test_a_document_that_cannot_be_read_to_its_end_is_refused_by_a_code(read: Read, content: bytes) -> None:
    with pytest.raises(InputError, match=r"GH2020.*UNREADABLE_JSON_DOCUMENT"):
        read("t.json", content, ITEMS)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 2, "id": 3}',
        '{"id":2,"id":3}',
        '{"id" :2,"user_name":"a","price":1,"id"\t: 3}',
        '{"id": 2, "x": 1, "x": 1}',
        '{"\\u0069d": 2, "id": 2}',
        '{"id": 2, "id": null}',
        "[2]",
    ],
)
def test_a_json_line_that_repeats_a_name_or_is_no_object_is_set_aside_as_it_was_delivered(
    read: Read, line: str
) -> None:
    rows = read("t.json", f'{{"id": 1}}\n{line}\n{{"id": 3}}\n'.encode(), {"format": "json"})
    assert (aside(rows), [row[0] for row in good(rows)]) == ([("malformed", line)], [1, 3])


def test_a_name_that_stands_in_two_objects_of_a_json_line_is_not_repeated(read: Read) -> None:
    rows = read("t.json", b'{"id": 1, "user_name": {"id": 2, "a": {"id": 3}}}\n \t\r\n', {"format": "json"})
    assert [(row[0], "3" in row[1]) for row in good(rows)] == [(1, True)]
    assert aside(rows) == []


def test_xml_gives_one_row_a_record_of_its_attributes_and_children(read: Read) -> None:
    first = '<town id="1"><user_name>Zoë &amp; a</user_name></town>'
    towns = first + "<town><id>2</id>\n<price>12345678901234567.89</price></town>"
    expected = [(1, "Zoë & a", None), (2, None, "12345678901234567.89")]
    assert good(read("t.xml", f"\ufeff<all>\n{towns}</all>".encode(), TOWNS)) == expected
    assert good(read("t.xml.gz", gzip.compress(f"<all>{towns}</all>".encode()), TOWNS)) == expected
    assert good(read("t.xml", f"<all>{towns}</all>".encode("iso-8859-1"), LATIN_TOWNS)) == expected
    assert read("n.xml", b"<all/>", TOWNS) == []


def test_a_bad_record_of_xml_is_set_aside_as_it_was_delivered_and_the_others_are_good(read: Read) -> None:
    bad = ['<town id="2"><id>3</id></town>', "<town>x</town>", "<town><id><b>4</b></id></town>", '<town id="x" />']
    rows = read("t.xml", f'<all><town id="1"/>{"".join(bad)}<town id="5"/></all>'.encode(), TOWNS)
    assert [row[0] for row in good(rows)] == [1, 5]
    assert [rule for rule, _ in aside(rows)] == ["malformed"] * 3 + ["type(id)"]
    assert [raw for _, raw in aside(rows)][:3] == bad[:3]


def test_an_xml_record_that_gives_a_column_under_two_names_is_set_aside(read: Read) -> None:
    columns = [{"name": "id", "type": "int"}, {"name": "user_name", "type": "string", "aliases": ["name"]}]
    contract = Contract.model_validate({"contract": "t.v1", "columns": columns})
    content = b'<all><town id="1" name="a"/><town id="2" name="a" user_name="a"/></all>'
    rows = read("t.xml", content, TOWNS, contract)
    assert [(row["id"], row["user_name"]) for row in rows if not row["_violations"]] == [(1, "a")]
    assert aside(rows) == [("malformed", '<town id="2" name="a" user_name="a"/>')]


@pytest.mark.parametrize("content", [b"<all><town/>", b"<all/><all/>", b"<town>\xff</town>", b"\n", b"<a>" * 99_999])
def test_xml_that_cannot_be_read_to_its_end_is_refused_by_a_code(read: Read, content: bytes) -> None:
    with pytest.raises(InputError, match=r"GH2020.*UNREADABLE_XML"):
        read("t.xml", content, TOWNS)


MANY = "".join(f'{n},"x\n""y""",1\r\n' for n in range(1000))
BAD_RECORDS = [
    ("t.csv", {"csv": {"multi_line": True}}, f'id,user_name,price\r\n{MANY}x,"a\nb\n",1\r\n"9\n",b\r\n', [2002, 2005]),
    ("t.log", LINES, "1 [a] 2.50\r\n\nx [b\u2028] 1\nno\n", [3, 4]),
    ("t.txt", FIXED, "  1Zoë - 1.50\n  x 中a  1.50\n\n12\n", [2, 4]),
    ("t.json", {"format": "json"}, '{"id": 1}\n\n{"id": "x", "user_name": {"a": [1, 2.5]}}\n{"id": 2}x\n', [3, 4]),
    ("t.json", ITEMS, '{"data": {"items": [\n{"id": 1},\n{"id":\n"x", "price": 1.5}, 7]}}', [3, 4]),
    (
        "t.xml",
        TOWNS,
        "<a>\n<town id='1'/><town id='x'>\n<user_name>a\nb</user_name></town>\n<town>x</town></a>",
        [2, 5],
    ),
]


@pytest.mark.parametrize(("name", "settings", "text", "lines"), BAD_RECORDS)
def test_a_record_is_found_at_its_line_by_what_quarantine_has_of_it(
    read: Read, name: str, settings: dict[str, Any], text: str, lines: list[int]
) -> None:
    usual = {"kind": "file", "format": name.split(".")[1], "prefix": "t/", "mode": "changes"}
    raws = [raw for _, raw in aside(read(name, text.encode(), settings))]
    found = lines_of(raws, text, FileSource.model_validate({**usual, **settings}), CONTRACT)
    assert [[place.line for place in found[raw]] for raw in raws] == [[line] for line in lines]


def orc(rows: int = 5000, compression: str = "zlib") -> bytes:
    sink = io.BytesIO()
    names = [f"n{n * 7919 % 5000}" for n in range(rows)]
    table = pa.table({"id": pa.array(range(rows), pa.int32()), "user_name": names, "price": ["1.00"] * rows})
    pa.orc.write_table(table, sink, compression=compression)
    return sink.getvalue()


def test_orc_is_read_by_its_own_types(read: Read) -> None:
    assert good(read("t.orc", orc(2), {"format": "orc"})) == [(0, "n0", "1.00"), (1, "n2919", "1.00")]


def test_orc_has_its_own_packing_whatever_its_name(read: Read) -> None:
    assert len(good(read("t.zst", orc(2, "zstd"), {"format": "orc"}))) == 2


def flipped(packed: bytes, place: int) -> bytes:
    place %= len(packed)
    return packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]


@pytest.mark.parametrize(
    "content", [orc()[:-40], orc()[:1000], flipped(orc(), -1), flipped(orc(), -20), flipped(orc(), 400), b"ORCid,name"]
)
def test_a_damaged_orc_is_refused_by_a_code(read: Read, content: bytes) -> None:
    with pytest.raises(InputError, match="GH2020"):
        read("t.orc", content, {"format": "orc"})


@pytest.fixture
def avro(spark: SparkSession, tmp_path: Path) -> bytes:
    frame = spark.range(5000).selectExpr("cast(id AS int) AS id", "concat('n', id) AS user_name", "'1.00' AS price")
    frame.coalesce(1).write.format("avro").save(str(tmp_path / "written"))
    return next((tmp_path / "written").glob("*.avro")).read_bytes()


def test_avro_is_read_by_its_own_types(read: Read, avro: bytes) -> None:
    rows = good(read("t.avro", avro, {"format": "avro"}))
    assert (len(rows), rows[7]) == (5000, (7, "n7", "1.00"))


def test_a_damaged_avro_is_refused_by_a_code(read: Read, avro: bytes) -> None:
    block = avro.index(avro[-16:]) + 16
    damaged = [avro[: len(avro) // 2], avro[:30], avro[:-1], flipped(avro, len(avro) // 2), flipped(avro, -3)]
    for place, content in enumerate([*damaged, flipped(avro, block + 1), b"id,name"]):
        with pytest.raises(InputError, match="GH2020"):
            read(f"{place}.avro", content, {"format": "avro"})


ZSTD = [
    pytest.param({"format": "csv"}, b"id,user_name,price\n", b"%d,n%d,1.00\n", b"", id="csv"),
    pytest.param({"format": "json"}, b"", b'{"id": %d, "user_name": "n%d", "price": "1.00"}\n', b"", id="json"),
    pytest.param(ITEMS, b'{"data": {"items": [{}', b',\n{"id": %d, "user_name": "n%d"}', b"]}}", id="document"),
]


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


@pytest.mark.parametrize(("settings", "head", "row", "tail"), ZSTD)
def test_a_text_packed_with_zstd_in_one_frame_or_several_is_read_to_its_end(
    read: Read, settings: dict[str, Any], head: bytes, row: bytes, tail: bytes
) -> None:
    content = head + b"".join(row % (number, number) for number in range(5000)) + tail
    rows = read("t.zst", zstd(content[:70_000]) + zstd(content[70_000:]), settings)
    assert {row["id"] for row in rows} >= set(range(5000))


@pytest.mark.parametrize(("settings", "head", "row", "tail"), ZSTD)
def test_a_damaged_zstd_is_refused_by_a_code(
    read: Read, settings: dict[str, Any], head: bytes, row: bytes, tail: bytes
) -> None:
    whole = zstd(head + b"".join(row % (number, number * 7919) for number in range(5000)) + tail)
    damaged = [whole[: len(whole) // 2], whole[:-1], whole + b"garbage", whole + whole[:99]]
    for place, content in enumerate(damaged):
        with pytest.raises(InputError, match="GH2020"):
            read(f"{place}.zst", content, settings)


@pytest.mark.parametrize("header", ["id,ID,user_name,price", "id, id ,user_name,price", "id,user_name,price,id"])
def test_a_column_that_only_letter_case_or_blanks_tell_from_another_is_refused(read: Read, header: str) -> None:
    with pytest.raises(InputError, match=r"GH2011.*names id more than once"):
        read("t.csv", f"{header}\n1,1,a,2\n".encode(), {"format": "csv"})


@pytest.mark.parametrize("format_", ["parquet", "orc"])
def test_a_typed_column_that_only_letter_case_tells_from_another_is_refused(read: Read, format_: str) -> None:
    sink = io.BytesIO()
    table = pa.table({"id": [1], "ID": [2], "user_name": ["a"], "price": ["1"]})
    (pa.parquet if format_ == "parquet" else pa.orc).write_table(table, sink)
    with pytest.raises(InputError, match="GH2011"):
        read(f"t.{format_}", sink.getvalue(), {"format": format_})
