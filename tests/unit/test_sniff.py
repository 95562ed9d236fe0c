"""Whether an object looks like what its pipeline reads, by its name and its outermost bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import typing
import zipfile
import zlib
from typing import Any

import pytest

from gluehouse.errors import InputError
from gluehouse.spec.codec import CODECS
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.evolution import Evolution
from gluehouse.spec.header import MOST_COLUMNS
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.signature import SIGNATURES
from gluehouse.spec.sniff import FORMATS, HEAD_BYTES, TAIL_BYTES, check_looks
from gluehouse.spec.source import FileSource

CONTRACT = Contract(
    contract="towns.v1",
    columns=(Column(name="id", type="int"), Column(name="name", type="string"), Column(name="day", type="date")),
)
UTF_16 = {"csv": {"encoding": "UTF-16", "multi_line": True}}
LATIN = {"csv": {"encoding": "ISO-8859-1"}}
JSON = {"format": "json"}
PARQUET = {"format": "parquet"}
CHANGES = {"mode": "changes"}
ITEMS = {"format": "json_document", "json_document": {"records": "$.items"}}
LINES = {"format": "lines", "lines": {"grok": "%{INT:id} %{WORD:name}", "comment": "#"}}
ANY_LINES = {"format": "lines", "lines": {"pattern": "(?P<id>.*) (?P<name>.*)"}}
FIXED = {
    "format": "fixed_width",
    "fixed_width": {
        "columns": [{"name": "id", "start": 1, "width": 2}, {"name": "name", "start": 3, "width": 2}],
        "encoding": "ISO-8859-1",
    },
}
ORC = {"format": "orc"}
AVRO = {"format": "avro"}
WHOLE_ORC = b"ORC\x12\x0c" + bytes(40) + b"\x08\x03ORC\x05"
# The map of metadata has one entry of an 11-byte key and an 11-byte value; the sync marker follows it.
AVRO_HEADER = b'Obj\x01\x02\x16avro.schema\x16{"type": 1}\x00' + bytes(range(16))
WHOLE_AVRO = AVRO_HEADER + b"\x02\x02x" + bytes(range(16))
# 20 bytes of a footer, whatever it says.
WHOLE_PARQUET = b"PAR1" + b"\x15\x00" * 30 + b"\x14\x00\x00\x00PAR1"
XML = {"format": "xml", "xml": {"record": "town"}}
LATIN_XML = {"format": "xml", "xml": {"record": "town", "encoding": "ISO-8859-1"}}
BILLION_LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><town>&b;</town>'
XML_ERROR = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>x</Message></Error>'


def zipped(content: bytes) -> bytes:
    """The same bytes at every time: a file's time in them would give every test process another test."""
    return gzip.compress(content, mtime=0)


def archive(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as into:
        into.writestr(zipfile.ZipInfo(name), "id,name\n")
    return written.getvalue()


def noise(length: int) -> bytes:
    """Text that does not pack to nothing."""
    return random.Random(1).randbytes(length // 2).hex().encode()


def refusal(content: bytes, name: str = "a.csv", contract: Contract = CONTRACT, **source: Any) -> str:
    """What is said of a delivered object, "" if it is let through. Any other error than ours is a failed test."""
    settings: dict[str, Any] = {
        "kind": "file",
        "format": "csv",
        "prefix": "a/",
        "mode": "snapshot",
        "columns_from_key": r"(?P<day>\d)",
    }
    spec = FileSource.model_validate({**settings, **source})
    found = ObjectRef(uri=f"s3://b/a/{name}", size=len(content), etag="e")
    try:
        check_looks(found, spec, contract, content[:HEAD_BYTES], content[-TAIL_BYTES:])
    except InputError as problem:
        return str(problem)
    return ""


FINE: dict[str, tuple[bytes, str, dict[str, Any]]] = {
    "lines that end in LF": (b"id,name\n1,x", "a.csv", {}),
    "lines that end in CRLF": (b"id,name\r\n1,x\r\n", "a.csv", {}),
    "lines that end in CR": (b"id,name\r1,x\r", "a.csv", {}),
    "blank lines before the header": (b"\n \t\r\nid,name\n1,x\n", "a.csv", {}),
    "blank lines at the end": (b"id,name\n1,x\n\n\r\n", "a.csv", {}),
    "a byte order mark": (b"\xef\xbb\xbfid,name\n1,x", "a.csv", {}),
    "quoted names": (b'"id","name"\n1,x', "a.csv", {}),
    "blanks behind a quoted name": (b'"id" ,"name"\t\n1,x', "a.csv", {}),
    "another quote": (b"'id','na''me','name'\n1,x", "a.csv", {"csv": {"quote": "'"}}),
    "another delimiter": (b"id;name\n1;x", "a.csv", {"csv": {"delimiter": ";"}}),
    "tabs, and an index without a name": (b"\tid\tname\n0\t1\tx", "a.csv", {"csv": {"delimiter": "\t"}}),
    "columns in another order": (b"name,id\nx,1", "a.csv", {}),
    "further columns, with any name or none": (b'x,,id,"y, z",x,name,ORCID\n,,1,,,x,', "a.csv", {}),
    "a further column whose name breaks the line": (
        b'id,"more\nor less",name\n1,,x',
        "a.csv",
        {"csv": {"multi_line": True}},
    ),
    "a first column that begins like ORC": (b"ORCID,id,name\n1,1,x", "a.csv", {}),
    "a first column that begins like Parquet": (b"PAR1,id,name\n1,1,x", "a.csv", {}),
    "a column that also comes from the key": (b"id,name,day\n1,x,2", "a.csv", {}),
    "Latin 1": ("id,name\n1,é".encode("iso-8859-1"), "a.csv", LATIN),
    "UTF-16, little-endian by its mark": ("\ufeffid,name\n1,é".encode("utf-16-le"), "a.csv", UTF_16),
    "UTF-16, big-endian by its mark": ("\ufeffid,name\n1,é".encode("utf-16-be"), "a.csv", UTF_16),
    "UTF-16 without a mark is big-endian": ("id,name\n1,é".encode("utf-16-be"), "a.csv", UTF_16),
    "changes without a change": (b"id,name\n", "a.csv", CHANGES),
    "gzip": (zipped(b"id,name\n1,x"), "a.csv.gz", {}),
    "gzip of several members": (zipped(b"id,na") + zipped(b"me\n1,") + zipped(b"x"), "a.csv.gz", {}),
    "gzip whose first member is empty": (zipped(b"") + zipped(b"id,name\n1,x"), "a.csv.gz", {}),
    "gzip with zeros behind it": (zipped(b"id,name\n1,x") + bytes(512), "a.csv.gz", {}),
    "gzip that holds a mark": (zipped(b"\xef\xbb\xbfid,name\n1,x"), "a.csv.gz", {}),
    "gzip larger than what is looked at": (zipped(b"id,name\n" + noise(300_000)), "a.csv.gz", {}),
    "gzip of several members larger than that": (zipped(b"id,name\n" + noise(300_000)) + zipped(b"x"), "a.csv.gz", {}),
    "gzip that unpacks to a thousand times its size": (zipped(b"id,name\n" + b"1,x\n" * 10_000_000), "a.csv.gz", {}),
    "bzip2": (bz2.compress(b"id,name\n1,x"), "a.csv.bz2", {}),
    "a large bzip2": (bz2.compress(b"id,name\n" + noise(300_000)), "a.csv.bz2", {}),
    "bzip2 of several streams": (bz2.compress(b"id,name\n") + bz2.compress(b"1,x"), "a.csv.bz2", {}),
    "deflate": (zlib.compress(b"id,name\n1,x"), "a.csv.deflate", {}),
    "Hadoop's lz4, which only Spark unpacks": (b"\x00\x04\x00\x00\x00\x00\x10\x00id", "a.csv.lz4", {}),
    "Hadoop's snappy, which only Spark unpacks": (b"\x00\x00\x10\x00\x00\x00\x00\x09id", "a.csv.snappy", {}),
    "JSON lines": (b'{"id": 1}\n{"id": 2}\n', "a.json", JSON),
    "JSON lines behind blank ones and a mark": (b'\xef\xbb\xbf \r\n{"id": 1}', "a.json", JSON),
    "JSON lines behind more blank ones than are looked at": (b"\n" * 100_000 + b'{"id": 1}', "a.json", JSON),
    "JSON lines whose first is cut": (b'{"id": \n{"id": 2}\n', "a.json", JSON),
    "JSON lines nested beyond every parser": (b'{"a":' * 200_000, "a.json", JSON),
    "JSON lines, packed": (zipped(b'{"id": 1}\n'), "a.json.gz", JSON),
    "an empty gzip of changes": (zipped(b""), "a.json.gz", {**JSON, **CHANGES}),
    "changes of blank lines": (b"\n\n", "a.json", {**JSON, **CHANGES}),
    "a JSON document": (b'{"meta": {},\n "items": [\n {"id": 1}]}', "a.json", ITEMS),
    "a JSON document of changes without a change": (b'{"items": []}', "a.json", {**ITEMS, **CHANGES}),
    "a JSON document longer than what is looked at": (b'{"items": [' + b'{"id": 1},' * 10_000, "a.json", ITEMS),
    "a JSON document, packed": (zipped(b'{"items": [{"id": 1}]}'), "a.json.gz", ITEMS),
    "XML": (b'<?xml version="1.0"?>\n<towns><town id="1"/></towns>', "a.xml", XML),
    "XML without a declaration, behind a mark": (b"\xef\xbb\xbf<town/>", "a.xml", XML),
    "XML of changes without a change": (b"<towns/>", "a.xml", {**XML, **CHANGES}),
    "XML whose root is an error, with records": (b"<Error><town/></Error>", "a.xml", XML),
    "XML in Latin 1": ("<town><name>Zoë</name></town>".encode("iso-8859-1"), "a.xml", LATIN_XML),
    "XML longer than what is looked at": (b"<towns>" + b"<town/>" * 20_000, "a.xml", XML),
    "XML, packed": (zipped(b"<town/>"), "a.xml.gz", XML),
    "log lines": (b"1 x\n2 y\n", "a.log", LINES),
    "log lines of which the first does not fit": (b"started\n2 y\n", "a.log", LINES),
    "log lines behind comments, and a mark": (b"\xef\xbb\xbf#Version\r\n1 x", "a.log", LINES),
    "log lines that look like another format": (b"PAR1 x\n", "a.log", ANY_LINES),
    "changes of comments": (b"#Version\n", "a.log", {**LINES, **CHANGES}),
    "log lines, packed": (zipped(b"1 x\n"), "a.log.gz", LINES),
    "records of fixed width": (b"12ab\n34cd", "a.txt", FIXED),
    "a record of fixed width that is too long": (b"12abc\n34cd", "a.txt", FIXED),
    "ORC": (WHOLE_ORC, "a.orc", ORC),
    "ORC, whose name unpacks nothing": (WHOLE_ORC, "a.zst", ORC),
    "Avro": (WHOLE_AVRO, "a.avro", AVRO),
    "Avro of no row": (AVRO_HEADER, "a.avro", AVRO),
    "Avro whose map of metadata tells its size": (WHOLE_AVRO.replace(b"\x02\x16", b"\x01\x30\x16"), "a.avro", AVRO),
    "Avro whose header is longer than what is looked at": (b"Obj\x01\x02\x80\x80\x08" + bytes(99_999), "a.avro", AVRO),
    "Parquet": (WHOLE_PARQUET, "a.parquet", PARQUET),
    "Parquet that is hardly more than a footer": (b"PAR1....\x04\x00\x00\x00PAR1", "a.parquet", PARQUET),
    "Parquet, whose name unpacks nothing": (WHOLE_PARQUET, "a.gz", PARQUET),
}


@pytest.mark.parametrize("case", FINE)
def test_let_through_is(case: str) -> None:
    content, name, source = FINE[case]
    assert refusal(content, name, **source) == ""


BAD: dict[str, tuple[bytes, str, dict[str, Any], str, str]] = {
    "zero bytes": (b"", "a.csv", {}, "GH2004", "is empty"),
    "zero bytes of JSON": (b"", "a.json", {**JSON, **CHANGES}, "GH2004", "is empty"),
    "zero bytes of Parquet": (b"", "a.parquet", PARQUET, "GH2004", "is empty"),
    "a mark and nothing else": (b"\xef\xbb\xbf", "a.csv", {}, "GH2004", "not even a header"),
    "blank lines alone": (b"\n \r\n\n", "a.csv", {}, "GH2004", "not even a header"),
    "an empty gzip of CSV": (zipped(b""), "a.csv.gz", {}, "GH2004", "not even a header"),
    "a JSON snapshot of no record": (zipped(b"\n"), "a.json.gz", JSON, "GH2004", "delete everything"),
    "a snapshot that is a header only": (b"id,name\n", "a.csv", {}, "GH2031", "no row below its header"),
    "a snapshot that is a header without a line end": (b"id,name", "a.csv", {}, "GH2031", "no row"),
    "a packed snapshot that is a header only": (zipped(b"id,name\r\n\r\n"), "a.csv.gz", {}, "GH2031", "no row"),
    "a small gzip cut off": (zipped(b"id,name\n" + noise(900))[:-9], "a.csv.gz", {}, "GH2020", "was cut off"),
    "a gzip cut off in its second member": (
        zipped(b"id,name\n") + zipped(b"1,x")[:9],
        "a.csv.gz",
        {},
        "GH2020",
        "cut off",
    ),
    "a gzip cut off in its head": (zipped(b"id,name\n")[:7], "a.csv.gz", {}, "GH2020", "was cut off"),
    "a large gzip cut off": (zipped(b"id,name\n" + noise(300_000))[:100_003], "a.csv.gz", {}, "GH2020", "was cut off"),
    "a bzip2 cut off": (bz2.compress(b"id,name\n" + noise(900))[:-9], "a.csv.bz2", {}, "GH2020", "was cut off"),
    "a gzip with a wrong checksum": (zipped(b"id,name\n1,x")[:-8] + bytes(8), "a.csv.gz", {}, "GH2020", "is damaged"),
    "what is no gzip, called .gz": (
        b"id,name\n1,x",
        "a.csv.gz",
        {},
        "GH2005",
        "named .gz but does not begin like gzip",
    ),
    "a Parquet called .gz": (WHOLE_PARQUET, "a.csv.gz", {}, "GH2005", "named .gz but begins like Parquet"),
    "gzip of a method that is none": (b"\x1f\x8bxxxxxxxxxxxx", "a.csv.gz", {}, "GH2005", "does not begin like gzip"),
    "a large bzip2 cut off": (bz2.compress(noise(300_000))[:-9], "a.csv.bz2", {}, "GH2020", "was cut off"),
    "a bzip2 with more behind": (
        bz2.compress(b"id,name\n1,x") + b"2,y\n",
        "a.csv.bz2",
        {},
        "GH2020",
        "more stands behind",
    ),
    "a bzip2 with a gzip behind": (
        bz2.compress(b"id,name\n1,x") + zipped(b"2,y\n"),
        "a.csv.bz2",
        {},
        "GH2020",
        "more stands behind",
    ),
    "what is no bzip2, called .bz2": (b"id,name\n1,x", "a.csv.bz2", {}, "GH2005", "does not begin like bzip2"),
    "what is no zlib, called .deflate": (b"id,name\n1,x", "a.csv.deflate", {}, "GH2005", "cannot be unpacked"),
    "what is no zstd, called .zst": (b"id,name\n1,x", "a.csv.zst", {}, "GH2005", "does not begin like zstd"),
    "zstd that begins with a frame to skip": (
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00....",
        "a.csv.zst",
        {},
        "GH2005",
        "Pack it with zstd itself",
    ),
    "the lz4 tool's frames": (
        b"\x04\x22\x4d\x18....",
        "a.csv.lz4",
        {},
        "GH2005",
        "an lz4 frame and not like Hadoop's lz4",
    ),
    "the snappy tool's frames": (b"\xff\x06\x00\x00sNaPpY..", "a.csv.snappy", {}, "GH2005", "not like Hadoop's snappy"),
    "gzip called .csv": (zipped(b"id,name\n1,x"), "a.csv", {}, "GH2005", "begins like gzip"),
    "gzip called .GZ, which Spark does not unpack": (
        zipped(b"id,name"),
        "a.csv.GZ",
        {},
        "GH2005",
        "end in .gz, in lower case",
    ),
    "gzip called .csv, of Latin 1": (zipped(b"id,name\n1,x"), "a.csv", LATIN, "GH2005", "begins like gzip"),
    "gzip within gzip": (
        zipped(zipped(b"id,name\n1,x")),
        "a.csv.gz",
        {},
        "GH2005",
        "unpacked, s3://b/a/a.csv.gz begins like gzip",
    ),
    "bzip2 called .csv": (bz2.compress(b"id,name\n1,x"), "a.csv", {}, "GH2005", "begins like bzip2"),
    "zstd called .csv": (b"\x28\xb5\x2f\xfd....", "a.csv", {}, "GH2005", "begins like zstd"),
    "xz": (b"\xfd7zXZ\x00....", "a.csv.xz", {}, "GH2005", "begins like xz"),
    "an lz4 frame called .csv": (b"\x04\x22\x4d\x18....", "a.csv", LATIN, "GH2005", "begins like an lz4 frame"),
    "a tar archive, packed": (
        zipped(b"a.csv".ljust(257, b"\0") + b"ustar\x0000"),
        "a.csv.gz",
        {},
        "GH2005",
        "a tar archive",
    ),
    "a zip archive": (archive("a.csv"), "a.csv", {}, "GH2005", "begins like a zip archive"),
    "an Excel workbook": (archive("[Content_Types].xml"), "a.csv", {}, "GH2005", "begins like an Excel workbook"),
    "an Excel workbook of old": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..", "a.csv", LATIN, "GH2005", "an Excel workbook"),
    "Parquet called .csv": (WHOLE_PARQUET, "a.csv", {}, "GH2005", "begins like Parquet"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "a.csv", {}, "GH2005", "begins like Avro"),
    "ORC": (b"ORC\x12\x0c\xff....", "a.csv", {}, "GH2005", "begins like ORC"),
    "PDF": (b"%PDF-1.4\n", "a.csv", {}, "GH2005", "begins like PDF"),
    "an HTML error page": (b"\n<!DOCTYPE HTML>\n<html><body>id,name", "a.csv", {}, "GH2005", "an HTML page"),
    "an HTML page in one long line": (b"<html>" + b"x" * 200_000, "a.csv", {}, "GH2005", "an HTML page"),
    "an HTML error page, packed": (zipped(b"<html><body>id,name"), "a.csv.gz", {}, "GH2005", "an HTML page"),
    "an HTML error page for JSON": (b"<html>", "a.json", JSON, "GH2005", "where JSON lines in UTF-8 is agreed"),
    "an XML error of S3": (XML_ERROR, "a.csv", {}, "GH2005", "an XML error, as S3 answers one"),
    "an XML error of S3 for Parquet": (XML_ERROR, "a.parquet", PARQUET, "GH2005", "begins like an XML error"),
    "XML": (b'<?xml version="1.0"?><towns/>', "a.csv", {}, "GH2005", "begins like XML"),
    "JSON for CSV": (b'[\n{"id": 1, "name": "x"}]', "a.csv", {}, "GH2005", "begins like JSON"),
    "CSV for JSON": (b"id,name\n1,x", "a.json", JSON, "GH2005", "no JSON"),
    "an array of JSON records": (b'[{"id": 1},\n{"id": 2}]\n', "a.json", JSON, "GH2005", "`format: json_document`"),
    "a JSON document over several lines": (b'{\n  "id": 1\n}\n', "a.json", JSON, "GH2005", "over several lines"),
    "NULs": (b"id,name\n1,\x00", "a.csv", {}, "GH2005", "NUL characters"),
    "NULs in JSON": (b'{"id": 1}\n\x00', "a.json", JSON, "GH2005", "NUL characters"),
    "NULs, packed": (zipped(b"\x00\x01\x02"), "a.csv.gz", {}, "GH2005", "NUL characters"),
    "invalid UTF-8": (b"id,name\n1,\xff\xff", "a.csv", {}, "GH2005", "not text in UTF-8 (byte 10)"),
    "invalid UTF-8 at the very end": (
        "id,name\n1,é".encode()[:-1],
        "a.csv",
        {},
        "GH2005",
        "not text in UTF-8 (byte 10)",
    ),
    "invalid UTF-8 in JSON": (b'{"id": "\xff"}', "a.json", JSON, "GH2005", "not text in UTF-8"),
    "UTF-16 by its mark, for UTF-8": (
        "id,name\n1,x".encode("utf-16"),
        "a.csv",
        {},
        "GH2005",
        "mark of UTF-16, where UTF-8",
    ),
    "UTF-16 by its mark, for Latin 1": ("id,name\n1,x".encode("utf-16"), "a.csv", LATIN, "GH2005", "mark of UTF-16"),
    "UTF-16 without a mark, for UTF-8": (
        "id,name\n1,x".encode("utf-16-le"),
        "a.csv",
        {},
        "GH2005",
        "UTF-16 without a byte",
    ),
    "UTF-16 without a mark, for Latin 1": (
        "id,name\n".encode("utf-16-be"),
        "a.csv",
        LATIN,
        "GH2005",
        "UTF-16 without a byte",
    ),
    "UTF-16 for JSON": ('{"id": 1}'.encode("utf-16"), "a.json", JSON, "GH2005", "byte order mark of UTF-16"),
    "UTF-8 by its mark, for UTF-16": (
        b"\xef\xbb\xbfid,name\n1,xy",
        "a.csv",
        UTF_16,
        "GH2005",
        "mark of UTF-8, where UTF-16",
    ),
    "UTF-8 by its mark, for Latin 1": (b"\xef\xbb\xbfid,name\n1,x", "a.csv", LATIN, "GH2005", "mark of UTF-8"),
    "UTF-8 for UTF-16": (b"id,name\n1,xy", "a.csv", UTF_16, "GH2005", "other than UTF-16"),
    "UTF-16 little-endian without a mark": (
        "id,name\n1,x".encode("utf-16-le"),
        "a.csv",
        UTF_16,
        "GH2005",
        "little-endian",
    ),
    "UTF-32 for UTF-16": ("id,name\n1,x".encode("utf-32"), "a.csv", UTF_16, "GH2005", "mark of UTF-32"),
    "a name twice": (b"id,name,id\n1,x,1", "a.csv", {}, "GH2011", "names id more than once"),
    "a name twice in other letter case": (b"id,name,ID\n1,x,1", "a.csv", {}, "GH2011", "names id more than once"),
    "a name twice with blanks": (b"id,name, id \n1,x,1", "a.csv", {}, "GH2011", "names id more than once"),
    "names in other letter case": (b"ID,name\n1,x", "a.csv", {}, "GH2010", "id stand there with other letter case"),
    "two names in other letter case": (b"Id,ID,name\n1,1,x", "a.csv", {}, "GH2010", "id stand there"),
    "names with blanks": (
        b"id, name\n1, x",
        "a.csv",
        {},
        "GH2010",
        "name stand there with other letter case or with blanks",
    ),
    "a name behind two marks": (b"\xef\xbb\xbf\xef\xbb\xbfid,name\n1,x", "a.csv", {}, "GH2010", "lacks id of"),
    "a name behind two marks of UTF-16": (
        "\ufeff\ufeffid,name\n1,x".encode("utf-16-le"),
        "a.csv",
        UTF_16,
        "GH2010",
        "id of",
    ),
    "a missing column": (b"id,title\n1,x", "a.csv", {}, "GH2010", "has 2 columns and lacks name of towns.v1"),
    "a missing column, lines that end in CR": (
        b"id,title\r1,x\r" * 9000,
        "a.csv",
        {},
        "GH2010",
        "has 2 columns and lacks",
    ),
    "a name behind a quoted line break": (
        b'id,"more\nor less",name\n1,,x',
        "a.csv",
        {},
        "GH2010",
        "`csv.multi_line: true`",
    ),
    "semicolons": (b"id;name\n1;x", "a.csv", {}, "GH2010", "separated by ';' and not by ','"),
    "tabs": (b"id\tname\n1\tx", "a.csv", {}, "GH2010", "separated by tabs"),
    "pipes": (b"id|name\n1|x", "a.csv", {"csv": {"delimiter": "\t"}}, "GH2010", "separated by '|' and not by tabs"),
    "another quote than agreed": (b"'id','name'\n1,x", "a.csv", {}, "GH2010", "quotes are ' and not \""),
    "a Parquet cut off": (WHOLE_PARQUET[:-5], "a.parquet", PARQUET, "GH2005", "no whole Parquet"),
    "Parquet in gzip": (
        zipped(WHOLE_PARQUET),
        "a.parquet",
        PARQUET,
        "GH2005",
        "no whole Parquet file; it begins like gzip",
    ),
    "CSV for Parquet": (b"id,name", "a.parquet", PARQUET, "GH2005", "no whole Parquet"),
    "a Parquet footer longer than the file": (
        b"PAR1....\xff\xff\xff\x7fPAR1",
        "a.parquet",
        PARQUET,
        "GH2020",
        "the footer",
    ),
    "a Parquet footer one byte too long": (b"PAR1....\x05\x00\x00\x00PAR1", "a.parquet", PARQUET, "GH2020", "footer"),
    "a Parquet footer of no length": (b"PAR1....\x00\x00\x00\x00PAR1", "a.parquet", PARQUET, "GH2020", "the footer"),
    "four letters of Parquet": (b"PAR1", "a.parquet", PARQUET, "GH2020", "the footer"),
    "an encrypted Parquet": (b"PARE....\x04\x00\x00\x00PARE", "a.parquet", PARQUET, "GH2021", "encrypted footer"),
    "a JSON document cut off": (b'{"items": [{"id": 1}, {"id', "a.json", ITEMS, "GH2020", "with records at $.items"),
    "a JSON document without its records": (b'{"item": [1]}', "a.json", ITEMS, "GH2020", "0 arrays at $.items"),
    "a JSON document with its records twice": (b'{"items": [], "items": []}', "a.json", ITEMS, "GH2020", "2 arrays"),
    "a JSON snapshot document of no record": (b'{"items": []}', "a.json", ITEMS, "GH2004", "delete everything"),
    "blank lines for a JSON document": (b"\n", "a.json", {**ITEMS, **CHANGES}, "GH2004", "no document"),
    "CSV for a JSON document": (b"id,name\n1,x", "a.json", ITEMS, "GH2005", "no JSON"),
    "XML cut off": (b"<towns><town/><to", "a.xml", XML, "GH2020", "an XML document in UTF-8"),
    "XML with anything behind its end": (b"<towns><town/></towns>\n<town/>", "a.xml", XML, "GH2020", "line 2"),
    "XML in another encoding": (
        b'<?xml version="1.0" encoding="windows-1252"?><town/>',
        "a.xml",
        XML,
        "GH2020",
        "declares another encoding than UTF-8",
    ),
    "XML that unpacks to gigabytes": (BILLION_LAUGHS, "a.xml", XML, "GH2020", "an entity of its own, line 1"),
    "a snapshot of XML without a record": (b"<towns/>", "a.xml", XML, "GH2004", "delete everything"),
    "XML of changes whose records have another name": (
        b"<towns><Town/></towns>",
        "a.xml",
        {**XML, **CHANGES},
        "GH2020",
        "with records called town",
    ),
    "an XML error of S3 for XML": (XML_ERROR, "a.xml", {**XML, **CHANGES}, "GH2005", "an XML error, as S3 answers one"),
    "an HTML page for XML": (b"<html><body/></html>", "a.xml", {**XML, **CHANGES}, "GH2005", "an HTML page"),
    "CSV for XML": (b"id,name\n1,x", "a.xml", XML, "GH2005", "no XML"),
    "blank lines for XML": (b"\n", "a.xml", {**XML, **CHANGES}, "GH2004", "no document"),
    "an HTML page for log lines": (
        b"<html><body>\n",
        "a.log",
        LINES,
        "GH2005",
        "an HTML page, where log lines in UTF-8",
    ),
    "gzip for log lines": (zipped(b"1 x\n"), "a.log", LINES, "GH2005", "let its name end in .gz"),
    "a snapshot of comments": (b"#Version\n", "a.log", LINES, "GH2004", "no record"),
    "a cut gzip of log lines": (zipped(b"1 x\n")[:-9], "a.log.gz", LINES, "GH2020", "cut off"),
    "invalid UTF-8 in log lines": (b"1 \xff\n", "a.log", LINES, "GH2005", "not text in UTF-8"),
    "PDF for fixed width": (b"%PDF-1.4\n", "a.txt", FIXED, "GH2005", "PDF, where records of fixed width in ISO-8859-1"),
    "a snapshot of no record of fixed width": (b"\r\n", "a.txt", FIXED, "GH2004", "no record"),
    "CSV for ORC": (b"id,name\n1,x", "a.orc", ORC, "GH2005", "does not begin with ORC"),
    "Parquet for ORC": (WHOLE_PARQUET, "a.orc", ORC, "GH2005", "begins like Parquet"),
    "an ORC cut off": (WHOLE_ORC[:-1], "a.orc", ORC, "GH2020", "does not end like it"),
    "an ORC whose postscript is longer than the file": (WHOLE_ORC[:-1] + b"\xff", "a.orc", ORC, "GH2020", "damaged"),
    "CSV for Avro": (b"id,name\n1,x", "a.avro", AVRO, "GH2005", "does not begin like an Avro"),
    "ORC for Avro": (WHOLE_ORC, "a.avro", AVRO, "GH2005", "begins like ORC"),
    "an Avro cut off": (WHOLE_AVRO[:-1], "a.avro", AVRO, "GH2020", "sync marker"),
    "an Avro cut off in its header": (AVRO_HEADER[:9], "a.avro", AVRO, "GH2020", "sync marker"),
    "an Avro cut off in its first marker": (AVRO_HEADER[:-3], "a.avro", AVRO, "GH2020", "sync marker"),
    "a name with an underscore": (b"id,name\n1,x", "_SUCCESS", {}, "GH2013", "begins with _ or a dot"),
    "a name with a dot": (b"id,name\n1,x", ".a.csv", {}, "GH2013", "begins with _ or a dot"),
    "an upload of Hadoop's under way": (b"id,name\n1,x", "a.csv._COPYING_", {}, "GH2013", "_COPYING_"),
    "a folder without a name": (b"id,name\n1,x", "/a.csv", {}, "GH2023", "Hadoop's paths"),
    "a folder of dots": (b"id,name\n1,x", "../a.csv", {}, "GH2023", "Hadoop's paths"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_before_a_run_is_spent_on_it_is(case: str) -> None:
    content, name, source, code, told = BAD[case]
    said = refusal(content, name, **source)
    assert said.startswith(f"{code}: ")
    assert told in said


@pytest.mark.parametrize(
    "name", ["a b.csv", "a+b%20[1]{x}.csv", "é*?.csv", "2024-01-01T10:00.csv", "a#b?c=d&e.csv", "\\.csv"]
)
def test_a_name_may_hold_any_characters(name: str) -> None:
    assert refusal(b"id,name\n1,x", name) == ""


def wide(columns: int) -> bytes:
    return ",".join([*(f"c{number}" for number in range(columns - 2)), "id", "name"]).encode()


def test_ten_thousand_columns_are_taken() -> None:
    assert len(wide(10_000)) < HEAD_BYTES
    assert refusal(wide(10_000) + b"\n1") == ""
    assert "lacks id of" in refusal(wide(10_000).replace(b"id", b"iD") + b"\n1")


def test_more_columns_than_sparks_reader_takes_are_refused_as_soon_as_they_are_seen() -> None:
    assert refusal(b"id,name" + b"," * (MOST_COLUMNS - 2) + b"\n1") == ""
    assert refusal(b"id,name" + b"," * (MOST_COLUMNS - 1) + b"\n1").startswith("GH2022: ")
    assert refusal(b"," * 10_000_000).startswith("GH2022: ")


@pytest.mark.parametrize(("name", "begins", "source"), [("a.csv", b"id,a_very_long_na", {}), ("a.json", b'{"id', JSON)])
def test_a_first_line_of_ten_megabytes_is_left_to_the_ingest_stage(name: str, begins: bytes, source: Any) -> None:
    assert refusal(begins + b"x" * 10_000_000, name, **source) == ""
    assert refusal(zipped(begins + b"x" * 10_000_000), f"{name}.gz", **source) == ""


def test_a_header_that_ends_where_the_look_ends_is_left_to_the_ingest_stage() -> None:
    to_the_end = b"id,title," + b"x" * (HEAD_BYTES - 9)
    assert refusal(to_the_end + b"\n1,x") == ""
    assert refusal(to_the_end[:-1] + b"\n1,x").startswith("GH2010: ")


def test_a_gzip_member_that_ends_where_the_look_ends_may_have_others_behind_it() -> None:
    plain = zipped(b"id,name\n")
    # With a file name in its head (RFC 1952) a member can have any size.
    padded = plain[:3] + b"\x08" + plain[4:10] + b"n" * (HEAD_BYTES - len(plain) - 1) + b"\x00" + plain[10:]
    assert len(padded) == HEAD_BYTES
    assert refusal(padded, "a.csv.gz").startswith("GH2031: ")
    assert refusal(padded + zipped(b"1,x"), "a.csv.gz") == ""


def test_an_open_quote_that_swallows_the_rest_is_left_to_the_ingest_stage() -> None:
    assert refusal(b'id,"name\n' + b"1,x\n" * 50_000, csv={"multi_line": True}) == ""
    assert "A quote is open" in refusal(b'id,"name\n1,x\n', csv={"multi_line": True})


def test_a_character_cut_by_the_end_of_the_look_is_no_error() -> None:
    text = b"id,name\n" + "é".encode() * HEAD_BYTES
    assert (refusal(text), refusal(b"\n" + text)) == ("", "")


def test_one_column_is_enough() -> None:
    single = Contract(contract="ids.v1", columns=(Column(name="id", type="int"),))
    assert refusal(b"id\n1\n", contract=single, columns_from_key=None) == ""
    assert "separated by ';'" in refusal(b"id;name\n1\n", contract=single, columns_from_key=None)


def test_of_many_missing_columns_some_are_named() -> None:
    names = [f"c{number}" for number in range(500)]
    contract = Contract(contract="wide.v1", columns=tuple(Column(name=name, type="int") for name in names))
    said = refusal(b"1,2\n3,4\n", contract=contract, columns_from_key=None)
    assert "lacks c0, c1, " in said
    assert len(said) < 1000


@pytest.mark.parametrize("first", [b"7,Jane Doe", b"7;Jane Doe", b'7,"Jane Doe', b'{"Jane": 1'])
def test_where_the_header_is_missing_the_row_in_its_place_is_not_repeated(first: bytes) -> None:
    said = refusal(first + b"\n8,x\n")
    assert said.startswith(("GH2010: ", "GH2005: "))
    assert "Jane" not in said


def test_every_format_of_a_source_has_an_entry() -> None:
    assert sorted(FORMATS) == sorted(typing.get_args(FileSource.model_fields["format"].annotation))


def test_every_codec_that_has_a_magic_is_known_by_it() -> None:
    named = {signature.name for signature in SIGNATURES}
    assert {codec.signature for codec in CODECS if codec.signature} <= named


def test_a_header_with_an_alias_of_an_agreed_column_is_let_through() -> None:
    columns = (Column(name="id", type="int"), Column(name="name", type="string", aliases=("title",)))
    agreed = Contract(contract="towns.v1", columns=columns)
    head = b"id,title\n1,x\n"
    source = FileSource.model_validate({"kind": "file", "format": "csv", "prefix": "a/", "mode": "snapshot"})
    found = ObjectRef(uri="s3://b/a.csv", size=len(head), etag="e")
    assert check_looks(found, source, agreed, head, head[-4:]) is None
    with pytest.raises(InputError, match="lacks day"):
        check_looks(
            found, source, Contract(contract="towns.v1", columns=(*columns, Column(name="day", type="date"))), head, b""
        )


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"id,name,more\n", "GH2018.*more is new"),
        (b"id,title\n", "GH2018.*name is there as title"),
        (b"id,name,title\n", "GH2018.*under the names name, title"),
        (b"7,Jane Doe,4711\n", "GH2010.*has 3 columns and lacks id, name"),
    ],
)
def test_a_header_that_the_contracts_evolution_refuses_costs_no_run_and_a_row_in_its_place_is_not_repeated(
    head: bytes, told: str
) -> None:
    agreed = Contract(
        contract="towns.v1",
        columns=(Column(name="id", type="int"), Column(name="name", type="string", aliases=("title",))),
        evolution=Evolution(added="refuse", renamed="refuse", removed="ignore"),
    )
    source = FileSource.model_validate({"kind": "file", "format": "csv", "prefix": "a/", "mode": "snapshot"})
    found = ObjectRef(uri="s3://b/a.csv", size=len(head), etag="e")
    with pytest.raises(InputError, match=told) as refused:
        check_looks(found, source, agreed, head, head[-4:])
    assert "Jane" not in str(refused.value)
