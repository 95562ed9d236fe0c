"""Enrichment from a reference table: the current row, or the version valid at the event's time; no miss is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from gluehouse.aws.glue import _coded
from gluehouse.errors import ConfigError
from gluehouse.frames.lookup import lookup
from gluehouse.frames.split import Split

JANUARY, MARCH, MAY = dt.date(2024, 1, 1), dt.date(2024, 3, 1), dt.date(2024, 5, 1)


@pytest.fixture(scope="module")
def reference(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A country's history (its name changed in March) and one that ended in March."""
    location = tmp_path_factory.mktemp("reference") / "countries"
    rows = [
        ("TR", "Turkey", JANUARY, MARCH, False),
        ("TR", "Türkiye", MARCH, None, True),
        ("AN", "Netherlands Antilles", JANUARY, MARCH, False),
    ]
    columns = "code string, name string, effective_from date, effective_to date, is_current boolean"
    spark.createDataFrame(rows, columns).write.format("delta").save(str(location))
    return location


@pytest.fixture
def flights(spark: SparkSession) -> DataFrame:
    rows = [(1, "TR", JANUARY), (2, "TR", MARCH), (3, "AN", MAY), (4, "XX", MAY), (5, None, MAY)]
    return spark.createDataFrame(rows, "id int, country string, flown_on date")


def params(reference: Path, **more: Any) -> dict[str, Any]:
    return {
        "table": "curated.countries",
        "location": str(reference),
        "on": {"country": "code"},
        "columns": {"name": "country_name"},
        **more,
    }


def names(frame: DataFrame) -> dict[int, str | None]:
    return {row["id"]: row["country_name"] for row in frame.collect()}


def test_without_a_time_the_current_row_is_taken_and_misses_are_null(flights: DataFrame, reference: Path) -> None:
    found = lookup(flights, params(reference))
    assert isinstance(found, DataFrame)
    assert found.columns == ["id", "country", "flown_on", "country_name"]
    assert names(found) == {1: "Türkiye", 2: "Türkiye", 3: None, 4: None, 5: None}


def test_at_a_time_the_version_valid_then_is_taken_from_its_start_up_to_its_end(
    flights: DataFrame, reference: Path
) -> None:
    found = lookup(flights, params(reference, at="flown_on"))
    assert isinstance(found, DataFrame)
    assert names(found) == {1: "Turkey", 2: "Türkiye", 3: None, 4: None, 5: None}


def test_a_miss_can_become_the_unknown_member(flights: DataFrame, reference: Path) -> None:
    found = lookup(flights, params(reference, at="flown_on", misses="unknown", unknown={"country_name": "unknown"}))
    assert isinstance(found, DataFrame)
    assert names(found) == {1: "Turkey", 2: "Türkiye", 3: "unknown", 4: "unknown", 5: "unknown"}


def test_a_miss_can_go_to_quarantine_as_it_came_and_no_row_is_lost(flights: DataFrame, reference: Path) -> None:
    found = lookup(flights, params(reference, misses="quarantine"))
    assert isinstance(found, Split)
    assert names(found.accepted) == {1: "Türkiye", 2: "Türkiye"}
    (rejected,) = found.rejected
    assert rejected.columns == ["id", "country", "flown_on", "_violations"]
    rows = rejected.collect()
    assert sorted(row["id"] for row in rows) == [3, 4, 5]
    assert {row["_violations"][0]["rule"] for row in rows} == {"lookup(curated.countries)"}


def test_parameters_that_do_not_fit_are_told_by_name(flights: DataFrame, reference: Path) -> None:
    with pytest.raises(ConfigError, match=r"GH1023.*misses"):
        lookup(flights, params(reference, misses="drop"))


def test_a_time_for_a_table_without_history_is_refused(spark: SparkSession, flights: DataFrame, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    spark.createDataFrame([("TR", "Türkiye")], "code string, name string").write.format("delta").save(str(plain))
    with pytest.raises(ConfigError, match="no history table"):
        lookup(flights, params(plain, at="flown_on"))


def test_a_reference_with_two_rows_for_a_key_fails_the_query_instead_of_doubling_the_row(
    spark: SparkSession, flights: DataFrame, tmp_path: Path
) -> None:
    doubled = tmp_path / "doubled"
    rows = [("TR", "Türkiye"), ("TR", "Turkey"), ("XX", "Nowhere")]
    spark.createDataFrame(rows, "code string, name string").write.format("delta").save(str(doubled))
    found = lookup(flights, params(doubled))
    assert isinstance(found, DataFrame)
    with pytest.raises((Py4JJavaError, PySparkException)) as problem:
        found.count()
    told = _coded(problem.value)
    assert str(told).startswith("GH1026: curated.countries has several rows for one key: code. What to do:")
    assert names(lookup(flights.where("id = 4"), params(doubled))) == {4: "Nowhere"}  # type: ignore[arg-type]
