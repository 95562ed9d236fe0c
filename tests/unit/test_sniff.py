"""Whether an object looks like what its pipeline reads, by its outermost bytes."""

from __future__ import annotations

import gzip
import random
from typing import Any

import pytest

from gluehouse.errors import InputError
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.evolution import Evolution
from gluehouse.spec.pipeline import FileSource
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.sniff import check_looks


def zipped(content: bytes) -> bytes:
    """The same bytes at every time: a file's time in them would give every test process another test."""
    return gzip.compress(content, mtime=0)


CONTRACT = Contract(
    contract="towns.v1",
    columns=(Column(name="id", type="int"), Column(name="name", type="string"), Column(name="day", type="date")),
)


def look(head: bytes, name: str = "a.csv", tail: bytes | None = None, size: int = 0, **source: Any) -> None:
    found = ObjectRef(uri=f"s3://b/{name}", size=size or len(head), etag="e")
    settings: dict[str, Any] = {
        "kind": "file",
        "format": "csv",
        "prefix": "a/",
        "mode": "snapshot",
        "columns_from_key": r"(?P<day>\d)",
    }
    spec = FileSource.model_validate({**settings, **source})
    check_looks(found, spec, CONTRACT, head, head[-4:] if tail is None else tail)


@pytest.mark.parametrize(
    ("head", "name", "source"),
    [
        (b"id,name\n1,x", "a.csv", {}),
        (b"\xef\xbb\xbfname, id \r\n1,x", "a.csv", {}),
        (b'"id";"name";"more"\n', "a.csv", {"csv": {"delimiter": ";"}}),
        ("id,name\n1,Ž".encode()[:-1], "a.csv", {}),
        ("id,name\n1,é".encode("iso-8859-1"), "a.csv", {"csv": {"encoding": "ISO-8859-1"}}),
        ("id,name\n1,é".encode("utf-16"), "a.csv", {"csv": {"encoding": "UTF-16", "multi_line": True}}),
        (zipped(b"id,name\n1,x"), "a.csv.gz", {}),
        (zipped(b"id,name\n" + random.Random(1).randbytes(9000).hex().encode())[:5000], "a.csv.gz", {}),
        (b"BZh9...", "a.csv.bz2", {}),
        (b' \n{"id": 1}', "a.json", {"format": "json"}),
        (b"PAR1....PAR1", "a.parquet", {"format": "parquet"}),
    ],
)
def test_what_a_pipeline_reads_is_let_through(head: bytes, name: str, source: dict[str, Any]) -> None:
    assert look(head, name, **source) is None


@pytest.mark.parametrize(
    ("head", "name", "source", "told"),
    [
        (b"", "a.csv", {}, "GH2004.*is empty"),
        (zipped(b"id,name"), "a.csv", {}, "GH2005.*begins like gzip"),
        (b"PAR1....PAR1", "a.csv", {}, "GH2005.*begins like Parquet"),
        (b"id,name", "a.csv.gz", {}, "GH2005.*named .gz"),
        (b"\x1f\x8bxxxxxxxxxxxx", "a.csv.gz", {}, "GH2005.*cannot be unpacked"),
        (b"id,name\n\x00", "a.csv", {}, "GH2005.*NUL"),
        (b"id,name\n\xff\xff\xff", "a.csv", {}, "GH2005.*not text in UTF-8"),
        (b"id;name", "a.csv", {}, "GH2010.*has 1 columns and lacks id, name of towns.v1"),
        (b"id,title\n", "a.csv", {}, "GH2010.*has 2 columns and lacks name"),
        (b"id,name", "a.json", {"format": "json"}, "GH2005.*no JSON"),
        (b"id,name", "a.parquet", {"format": "parquet"}, "GH2005.*no whole Parquet"),
    ],
)
def test_what_cannot_be_read_is_refused_before_a_run_is_spent_on_it(
    head: bytes, name: str, source: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        look(head, name, **source)


def test_a_parquet_file_cut_off_is_refused() -> None:
    with pytest.raises(InputError, match="GH2005"):
        look(b"PAR1....", tail=b"....", format="parquet")


def test_a_header_longer_than_what_was_read_is_left_to_the_ingest_stage() -> None:
    assert look(b"id,a_very_long_na", size=1_000_000) is None


def test_where_the_header_is_missing_the_row_in_its_place_is_not_repeated() -> None:
    with pytest.raises(InputError) as refused:
        look(b"7,Jane Doe\n")
    assert "Jane" not in str(refused.value)


def test_a_header_with_an_alias_of_an_agreed_column_is_let_through() -> None:
    columns = (Column(name="id", type="int"), Column(name="name", type="string", aliases=("title",)))
    agreed = Contract(contract="towns.v1", columns=columns)
    head = b"id,title\n1,x"
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
