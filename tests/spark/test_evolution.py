"""Files with other columns than agreed: taken as the contract says, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.errors import InputError
from gluehouse.frames.parse import parse
from gluehouse.sources import file
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource

COLUMNS = [
    {"name": "id", "type": "int", "nullable": False},
    {"name": "town", "type": "string", "aliases": ["city", "Ort am Rhein"]},
    {"name": "height", "type": "double"},
]

Read = Callable[..., list[Row]]


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path) -> Read:
    """The parsed rows of a file, by id; ``what`` is its text, or its columns as SQL for Parquet."""

    def rows(format_: str, *what: str, **evolution: str) -> list[Row]:
        contract = Contract.model_validate({"contract": "t.v1", "columns": COLUMNS, "evolution": evolution})
        source: dict[str, Any] = {"kind": "file", "format": format_, "prefix": "t/", "mode": "changes"}
        uris = []
        for place, text in enumerate(what):
            path = tmp_path / f"{place}.{format_}"
            if format_ == "parquet":
                spark.sql(f"SELECT {text}").write.parquet(str(path))
            else:
                path.write_text(text, encoding="utf-8")
            uris.append(str(path))
        frame = file.read(spark, uris, FileSource.model_validate(source), contract)
        return parse(frame, contract, [""]).sort("id").collect()

    return rows


def good(rows: list[Row]) -> list[tuple[Any, ...]]:
    assert [row["_violations"] for row in rows] == [[] for _ in rows]
    return [(row["id"], row["town"], row["height"]) for row in rows]


@pytest.mark.parametrize(
    ("format_", "what"),
    [
        ("csv", "Ort am Rhein,height,id\nKöln,53,1\n"),
        ("json", '{"id": 1, "Ort am Rhein": "Köln", "height": 53}\n'),
        ("parquet", "1 AS id, 'Köln' AS `Ort am Rhein`, 53D AS height"),
    ],
)
def test_a_column_under_an_alias_is_taken_as_the_column(read: Read, format_: str, what: str) -> None:
    assert good(read(format_, what)) == [(1, "Köln", 53.0)]


def test_objects_of_one_delivery_may_call_a_column_differently(read: Read) -> None:
    first, second = "id,town,height\n1,a,1\n", "id,city,height\n2,b,2\n"
    assert good(read("csv", first, second)) == [(1, "a", 1.0), (2, "b", 2.0)]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_column_under_two_names_is_refused(read: Read, format_: str) -> None:
    what = {"csv": "id,town,city,height\n1,a,b,1\n", "parquet": "1 AS id, 'a' AS town, 'b' AS city, 1D AS height"}
    with pytest.raises(InputError, match=r"GH2018.*town is there under the names town, city"):
        read(format_, what[format_])


def test_a_json_record_with_a_column_under_two_names_is_malformed_and_the_others_are_good(read: Read) -> None:
    lines = ['{"id": 1, "town": "a", "city": "b"}', '{"id": 2, "city": "c", "town": null}', '{"id": 3}']
    bad, *rest = sorted(read("json", "\n".join(lines)), key=lambda row: row["_violations"] == [])
    assert [found["rule"] for found in bad["_violations"]] == ["malformed"]
    assert bad["_raw"] == lines[0]
    assert good(rest) == [(2, "c", None), (3, None, None)]


def test_a_broken_json_record_is_malformed_where_there_are_aliases_too(read: Read) -> None:
    rows = read("json", '{"id": 1}\n{"id": \n')
    assert sorted(len(row["_violations"]) for row in rows) == [0, 1]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_missing_column_refuses_the_delivery_unless_the_contract_says_otherwise(read: Read, format_: str) -> None:
    what = {"csv": "id,town\n1,a\n", "parquet": "1 AS id, 'a' AS town"}[format_]
    with pytest.raises(InputError, match=r"GH2010.*lacks the columns height,"):
        read(format_, what)


@pytest.mark.parametrize(
    ("format_", "what"),
    [
        ("csv", ("id,town\n1,a\n", "id,town,height\n2,b,2.5\n")),
        ("parquet", ("1 AS id, 'a' AS town", "2 AS id, 'b' AS town, 2.5D AS height")),
    ],
)
def test_a_column_that_may_be_missing_is_null_where_it_is_and_stays_what_it_is_elsewhere(
    read: Read, format_: str, what: tuple[str, ...]
) -> None:
    assert good(read(format_, *what, removed="ignore")) == [(1, "a", None), (2, "b", 2.5)]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_new_column_is_ignored_unless_the_contract_says_otherwise(read: Read, format_: str) -> None:
    what = {"csv": "id,town,height,more\n1,a,1,x\n", "parquet": "1 AS id, 'a' AS town, 1D AS height, 'x' AS more"}
    assert good(read(format_, what[format_])) == [(1, "a", 1.0)]


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_new_column_is_refused_by_its_name_where_the_contract_says_so(read: Read, format_: str) -> None:
    what = {"csv": "id,town,height,more\n1,a,1,x\n", "parquet": "1 AS id, 'a' AS town, 1D AS height, 'x' AS more"}
    with pytest.raises(InputError, match=r"GH2018.*more is new"):
        read(format_, what[format_], added="refuse")


def test_of_a_wider_type_the_values_that_fit_are_taken_and_the_others_set_aside(read: Read) -> None:
    small, large = "1L AS id, 'a' AS town, 1D AS height", "9999999999L AS id, 'a' AS town, 1D AS height"
    found = read("parquet", small, large)
    assert sorted([violation["rule"] for violation in row["_violations"]] for row in found) == [[], ["type(id)"]]


def test_a_wider_type_is_refused_where_the_contract_says_so(read: Read) -> None:
    with pytest.raises(InputError, match=r"GH2018.*id is bigint, agreed int"):
        read("parquet", "1L AS id, 'a' AS town, 1D AS height", widened="refuse")


def test_a_narrower_type_is_taken_unless_the_contract_says_otherwise(read: Read) -> None:
    assert good(read("parquet", "1 AS id, 'a' AS town, 1F AS height")) == [(1, "a", 1.0)]


def test_a_narrower_type_is_refused_where_the_contract_says_so(read: Read) -> None:
    with pytest.raises(InputError, match=r"GH2018.*height is float, agreed double"):
        read("parquet", "1 AS id, 'a' AS town, 1F AS height", narrowed="refuse")
