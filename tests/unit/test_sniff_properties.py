"""Whatever bytes are delivered, the answer is ours; and a legal CSV with the agreed header is always let through."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from gluehouse.errors import InputError
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.sniff import HEAD_BYTES, TAIL_BYTES, check_looks
from gluehouse.spec.source import FileSource

CONTRACT = Contract(contract="towns.v1", columns=(Column(name="id", type="int"), Column(name="name", type="string")))
ENCODINGS = {"UTF-8": ("utf-8", "utf-8-sig"), "ISO-8859-1": ("iso-8859-1",), "UTF-16": ("utf-16", "utf-16-be")}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda content: gzip.compress(content[:3], mtime=0) + gzip.compress(content[3:], mtime=0),
    ".bz2": bz2.compress,
    ".deflate": zlib.compress,
}
# What stands in names: all that a parser, or the look for other dialects, could trip over.
LATIN = "aZ09_ -.,;|:^~<{[\t'\"\\\x01\x1f\x85\xa0é"
# Beginnings that lead somewhere, which random bytes would hardly ever have.
MAGICS = [
    b"",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
    b"\x78\x9c",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"{",
    b'{"items": [',
    b"<a>",
    b"Obj\x01\x02",
    b"ORC",
    b"PK",
]


class Csv(NamedTuple):
    """A legal CSV object and what is agreed on it."""

    content: bytes
    name: str
    dialect: dict[str, Any]


def look(content: bytes, name: str, **source: Any) -> None:
    spec = FileSource.model_validate({"kind": "file", "format": "csv", "prefix": "a/", "mode": "changes", **source})
    found = ObjectRef(uri=f"s3://b/a/{name}", size=len(content), etag="e")
    check_looks(found, spec, CONTRACT, content[:HEAD_BYTES], content[-TAIL_BYTES:])


dialects = st.fixed_dictionaries(
    {
        "delimiter": st.characters(codec="ascii", min_codepoint=1, exclude_characters="\r\n"),
        "quote": st.characters(codec="ascii", min_codepoint=33),
        "multi_line": st.just(True),
    },
    optional={"encoding": st.sampled_from(list(ENCODINGS))},
).filter(lambda dialect: dialect["delimiter"] != dialect["quote"])
FORMATS = [
    {"format": "json"},
    {"format": "json_document", "json_document": {"records": "$.items"}},
    {"format": "lines", "lines": {"grok": "%{INT:id} %{DATA:name}"}},
    {"format": "fixed_width", "fixed_width": {"columns": [{"name": "id", "start": 1, "width": 5}]}},
    {"format": "xml", "xml": {"record": "a"}},
    {"format": "parquet"},
    {"format": "orc"},
    {"format": "avro"},
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    begin=st.sampled_from(MAGICS),
    body=st.binary(max_size=300),
    packed=st.sampled_from(list(PACKINGS)),
    name=st.sampled_from(["a", *(f"a{suffix}" for suffix in (*PACKINGS, ".zst", ".lz4", ".snappy"))]),
    source=st.one_of(st.sampled_from(FORMATS), st.fixed_dictionaries({"csv": dialects})),
    mode=st.sampled_from(["snapshot", "changes"]),
)
def test_any_bytes_are_let_through_or_refused_with_a_code(
    begin: bytes, body: bytes, packed: str, name: str, source: dict[str, Any], mode: str
) -> None:
    try:
        look(PACKINGS[packed](begin + body), name, **source, mode=mode)
    except InputError as problem:
        told = problem.code
    else:
        told = "GH20"
    assert told.startswith("GH20")


@st.composite
def legal(draw: st.DrawFn) -> Csv:
    agreed = draw(st.sampled_from(list(ENCODINGS)))
    multi_line = agreed == "UTF-16" or draw(st.booleans())
    delimiter, quote = draw(st.sampled_from([",", ";", "\t", "|", "\x01"])), draw(st.sampled_from(['"', "'"]))
    line = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    letters = LATIN if agreed == "ISO-8859-1" else LATIN + "Ж€中😀\u2028"
    further = st.text(st.sampled_from(letters + ("\r\n" if multi_line else "")), max_size=6).filter(
        lambda name: name.strip().lower() not in ("id", "name")
    )
    names = draw(st.permutations(["id", "name", *draw(st.lists(further, max_size=3))]))

    def cell(text: str) -> str:
        must = any(letter in text for letter in (delimiter, quote, "\r", "\n"))
        return quote + text.replace(quote, quote * 2) + quote if must or draw(st.booleans()) else text

    header = delimiter.join(cell(name) for name in names)
    row = delimiter.join(cell("1") for _ in names)
    before, behind = line * draw(st.integers(0, 2)), line * draw(st.integers(0, 3))
    text = before + line.join([header, *[row] * draw(st.sampled_from([0, 1, 3, 9000]))]) + behind
    packing = draw(st.sampled_from(list(PACKINGS)))
    content = PACKINGS[packing](text.encode(draw(st.sampled_from(ENCODINGS[agreed]))))
    dialect = {"delimiter": delimiter, "quote": quote, "encoding": agreed, "multi_line": multi_line}
    return Csv(content, f"a.csv{packing}", dialect)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(delivered=legal())
def test_a_legal_csv_with_the_agreed_header_is_let_through(delivered: Csv) -> None:
    assert look(delivered.content, delivered.name, csv=delivered.dialect) is None
