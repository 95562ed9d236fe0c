"""What a source may say of its format, and what is refused before anything is delivered."""

from __future__ import annotations

import re
import typing
from typing import Any

import pytest
from pydantic import ValidationError

from gluehouse.sources.formats import READERS
from gluehouse.spec.formats import FORMATS
from gluehouse.spec.grok import NAMES, expand
from gluehouse.spec.java_regex import in_java, named_groups
from gluehouse.spec.json_document import UNREADABLE, records_of
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.source import FileSource

LAYOUT = [{"name": "id", "start": 1, "width": 3}, {"name": "name", "start": 4, "width": 5}]


def source(**settings: Any) -> FileSource:
    return FileSource.model_validate({"kind": "file", "prefix": "a/", "mode": "changes", **settings})


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as refusal:
        source(**settings)
    return str(refusal.value)


def test_every_format_of_a_source_has_a_check_and_a_reader() -> None:
    formats = sorted(typing.get_args(FileSource.model_fields["format"].annotation))
    assert (sorted(FORMATS), sorted(READERS)) == (formats, formats)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"format": "xml"}, "needs a section `xml`"),
        ({"format": "csv", "csv": {"delimiter": "|", "quote": "|"}}, "delimiter and quote are both"),
        ({"format": "csv", "csv": {"quote": "\U0001f600"}}, "U+1F600 cannot part cells"),
        ({"format": "csv", "csv": {"delimiter": "\r"}}, "U+000D cannot part cells"),
        ({"format": "csv", "csv": {"delimiter": "\uffff"}}, "U+FFFF cannot part cells"),
        ({"format": "csv", "csv": {"quote": "\t"}}, "cannot be told from filling"),
        ({"format": "lines"}, "needs a section `lines`"),
        ({"format": "fixed_width"}, "needs a section `fixed_width`"),
        ({"format": "json", "csv": {"delimiter": ";"}}, "['csv'] would do nothing"),
        ({"format": "csv", "lines": {"pattern": "(?P<a>x)"}}, "['lines'] would do nothing"),
        ({"format": "json", "json_document": {"records": "$.a"}}, "['json_document'] would do nothing"),
        ({"format": "lines", "lines": {}}, "either `pattern` or `grok`"),
        ({"format": "lines", "lines": {"pattern": "(?P<a>x)", "grok": "%{INT:a}"}}, "either `pattern` or `grok`"),
        ({"format": "lines", "lines": {"pattern": "(?P<a>x)", "grok_names": {"A": "b"}}}, "grok_names go with"),
        ({"format": "lines", "lines": {"pattern": "(x)"}}, "names no column"),
        ({"format": "lines", "lines": {"pattern": "(?P<a>x"}}, "no regular expression"),
        ({"format": "lines", "lines": {"pattern": "(?P<a>x)?(?(1)y|z)"}}, "a condition on a group"),
        ({"format": "lines", "lines": {"pattern": "(?a)(?P<a>x)"}}, "the flag a"),
        ({"format": "lines", "lines": {"grok": "%{INT}"}}, "names no column"),
        ({"format": "lines", "lines": {"grok": "%{INTT:a}"}}, "'INTT' is no grok name; known are BASE16NUM"),
        ({"format": "lines", "lines": {"grok": "%{INT:a:int}"}}, "gives a type"),
        ({"format": "lines", "lines": {"grok": "%{INT:[a][b]}"}}, "no column name"),
        ({"format": "lines", "lines": {"grok": "%{INT:a} %{INT:a}"}}, "no regular expression"),
        ({"format": "lines", "lines": {"grok": "%{A:a}", "grok_names": {"A": "%{B}", "B": "%{A}"}}}, "each other"),
        ({"format": "lines", "lines": {"pattern": "(?P<a>x)", "longest": 0}}, "longest"),
        ({"format": "json_document", "json_document": {"records": "items"}}, "records"),
        ({"format": "fixed_width", "fixed_width": {"columns": []}}, "columns"),
        ({"format": "fixed_width", "fixed_width": {"columns": [LAYOUT[0], LAYOUT[0]]}}, "more than once"),
        ({"format": "fixed_width", "fixed_width": {"columns": [{**LAYOUT[0], "width": 4}, LAYOUT[1]]}}, "id ends at 4"),
        ({"format": "fixed_width", "fixed_width": {"columns": LAYOUT, "record_length": 7}}, "behind record_length 7"),
        ({"format": "fixed_width", "fixed_width": {"columns": [{**LAYOUT[0], "start": 0}]}}, "start"),
    ],
)
def test_what_no_object_could_be_read_by_is_refused(settings: dict[str, Any], told: str) -> None:
    assert told in refused(**settings)


def test_settings_as_a_compiled_pipeline_has_them_are_read_back() -> None:
    for settings in (
        {"format": "parquet"},
        {"format": "lines", "lines": {"grok": "%{COMBINEDAPACHELOG}"}},
        {"format": "fixed_width", "fixed_width": {"columns": LAYOUT, "record_length": 10}},
    ):
        written = source(**settings)
        assert FileSource.model_validate_json(written.model_dump_json()) == written


def test_a_layout_is_as_long_as_its_last_column_or_as_it_says() -> None:
    fixed = source(format="fixed_width", fixed_width={"columns": LAYOUT[::-1]}).fixed_width
    assert fixed is not None
    assert (fixed.length, fixed.model_copy(update={"record_length": 80}).length) == (8, 80)


COMMON = '127.0.0.1 - jane [10/Oct/2023:13:55:36 -0700] "GET /a.gif?b=1 HTTP/1.1" 200 2326'


ELB = (
    "2023-05-13T23:39:43.945958Z lb 192.168.131.39:2817 10.0.0.1:80 0.0001 0.001 0.00005 200 200 0 29 "
    '"GET http://x/ HTTP/1.1" "c" - -'
)


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("%{COMMONAPACHELOG}", COMMON, {"clientip": "127.0.0.1", "verb": "GET", "request": "/a.gif?b=1"}),
        ("%{COMMONAPACHELOG}", COMMON.replace("2326", "-"), {"response": "200", "bytes": None}),
        ("%{COMMONAPACHELOG}", COMMON.replace("GET /a.gif?b=1 HTTP/1.1", "-"), {"verb": None, "rawrequest": "-"}),
        ("%{COMBINEDAPACHELOG}", COMMON + ' "-" "curl/8.0"', {"referrer": "-", "agent": "curl/8.0"}),
        ("%{ELB_ACCESS_LOG}", ELB, {"elb": "lb", "clientip": "192.168.131.39", "backendport": "80", "bytes": "29"}),
        ("%{SYSLOGTIMESTAMP:at} %{LOGLEVEL:l}", "Oct  1 01:02:03 Error", {"at": "Oct  1 01:02:03", "l": "Error"}),
        ("%{IP:a}", "2001:db8::1", {"a": "2001:db8::1"}),
        ("%{IPORHOST:a}:%{POSINT:b}", "db-1.example.org:5432", {"a": "db-1.example.org", "b": "5432"}),
        ("%{TIMESTAMP_ISO8601:a}%{DATA:b}", "2024-02-29 01:02 x", {"a": "2024-02-29 01:02", "b": " x"}),
        ("%{QUOTEDSTRING:a} %{NUMBER:b}", r'"a \" b" -1.5', {"a": r'"a \" b"', "b": "-1.5"}),
    ],
)
def test_a_grok_pattern_takes_a_line_apart(pattern: str, line: str, found: dict[str, str | None]) -> None:
    matched = re.fullmatch(expand(pattern), line)
    assert matched is not None
    assert {name: matched[name] for name in found} == found


@pytest.mark.parametrize(
    ("pattern", "line"),
    [("%{IP:a}", "300.1.1.1"), ("%{INT:a}", ""), ("%{HTTPDATE:a}", "32/Oct/2023:13:55:36 +0000"), ("%{WORD:a}", "a b")],
)
def test_a_grok_pattern_does_not_match_what_is_another_thing(pattern: str, line: str) -> None:
    assert re.fullmatch(expand(pattern), line) is None


def test_names_of_ones_own_count_before_the_usual_ones() -> None:
    assert re.fullmatch(expand("%{INT:a} %{CODE:b}", {"INT": "[0-9]", "CODE": "%{WORD}!"}), "1 x!") is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_grok_name_is_a_regular_expression_of_java(name: str) -> None:
    assert in_java(expand(f"(?P<all>%{{{name}}})")).startswith("(?d)")


@pytest.mark.parametrize(
    ("pattern", "java"),
    [
        (r"(?P<a_b>x)\Z", r"(x)\z"),
        (r"(?P<a>[][&-]+)", r"([\]\[\&-]+)"),
        (r"(?P<a>[^]\]]+)(?P=a)1", r"([^\]\]]+)(?:\1)1"),
        (r"(?:y)(?P<a>\[\(\?P<b>)", r"(?:y)(\[\(\?P<b>)"),
    ],
)
def test_an_expression_is_the_same_in_java(pattern: str, java: str) -> None:
    assert in_java(pattern) == f"(?d)\\A(?:{java})\\z"


def test_what_only_looks_like_a_named_group_is_none() -> None:
    with pytest.raises(ValueError, match="names no column"):
        named_groups(r"\(?P<a>x\)?")


@pytest.mark.parametrize(
    ("content", "path", "records"),
    [
        (b"[]", (), []),
        (b'\xef\xbb\xbf [ {"a": 1.10},\r\n{"a": 2} , null]\n', (), ['{"a": 1.10}', '{"a": 2}', "null"]),
        (b' {"a": [1]} ', (), ['{"a": [1]}']),
        (b'{"n": NaN, "a": {"b": [{"c": "]"}], "d": 1}, "e": []}', ("a", "b"), ['{"c": "]"}']),
        (b'{"\\u0061": [1]}', ("a",), ["1"]),
        (b"[" + b"9" * 5000 + b"]", (), ["9" * 5000]),
        (b'["a\x01\n"]', (), ['"a\x01\n"']),
    ],
)
def test_a_document_is_the_texts_of_its_records(content: bytes, path: tuple[str, ...], records: list[str]) -> None:
    assert records_of(content, path) == records


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"", ()), (b"7", ()), (b"[1", ()), (b"[1,]", ()), (b"[1 2]", ()), (b"[] []", ()), (b"[" * 100_000, ()),
        (b'{"a": [1]', ("a",)), (b'{"a": [1],}', ("a",)), (b'{"a" [1]}', ("a",)), (b"{7: [1]}", ("a",)),
        (b'{"a": 1}', ("a",)), (b'{"a": {}}', ("a",)), (b'{"b": [1]}', ("a",)), (b'{"a": [], "a": [1]}', ("a",)),
        (b'["\xff"]', ()), (b"[1]", ("a",)), ('[1]'.encode("utf-16"), ()),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_to_its_end_is_told_as_such(content: bytes, path: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=UNREADABLE):
        records_of(content, path)


def compiled(format_: dict[str, Any], **evolution: str) -> CompiledPipeline:
    contract = {
        "contract": "a.v1",
        "columns": [{"name": "id", "type": "int"}, {"name": "name", "type": "string", "aliases": ["title"]}],
        "evolution": evolution,
    }
    spec = {
        "pipeline": "a",
        "source": {"kind": "file", "prefix": "a/", "mode": "changes", **format_},
        "contract": "a.v1",
        "process": {"engine": "glue_pyspark"},
        "publish": [{"target": "delta", "table": "curated.a"}],
    }
    given = {"name": "a", "spec": spec, "contract": contract, "output_contract": contract}
    return CompiledPipeline.model_validate(given)


def test_columns_that_the_source_itself_names_are_held_against_the_contract_before_anything_comes() -> None:
    assert compiled({"format": "lines", "lines": {"grok": "%{INT:id} %{WORD:title}"}}).name == "a"
    with pytest.raises(ValidationError, match=r"source.lines lacks the columns name"):
        compiled({"format": "lines", "lines": {"grok": "%{INT:id} %{WORD:names}"}})
    layout = [*LAYOUT, {"name": "more", "start": 9, "width": 1}]
    with pytest.raises(ValidationError, match=r"source.fixed_width has other columns.*more is new"):
        compiled({"format": "fixed_width", "fixed_width": {"columns": layout}}, added="refuse")


@pytest.mark.parametrize(
    ("format_", "evolution"),
    [
        ({"format": "json_document"}, {"added": "refuse"}),
        ({"format": "xml", "xml": {"record": "town"}}, {"added": "refuse"}),
        ({"format": "lines", "lines": {"pattern": "(?P<id>a)(?P<name>b)"}}, {"widened": "refuse"}),
    ],
)
def test_an_answer_that_the_format_cannot_give_is_refused(format_: dict[str, Any], evolution: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"refuse needs"):
        compiled(format_, **evolution)


@pytest.mark.parametrize("format_", ["parquet", "orc", "avro"])
def test_a_format_with_types_can_refuse_other_types(format_: str) -> None:
    assert compiled({"format": format_}, widened="refuse", added="refuse").name == "a"
