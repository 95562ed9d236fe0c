"""Values that must stand in a published table, found by one join that adds no rows."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from gluehouse.errors import ConfigError
from gluehouse.frames.parse import How, parse, warnings
from gluehouse.spec.contract import Contract

RULE = {"rule": "reference", "on": {"country": "code"}, "table": "curated.countries"}
COLUMNS = [
    {"name": "id", "type": "int"},
    {"name": "country", "type": "string"},
    {"name": "year", "type": "int"},
]


@pytest.fixture
def countries(spark: SparkSession) -> DataFrame:
    rows = [
        ("DE", 2024, True), ("DE", 1990, False), ("AN", 1990, False), ("FR", None, True), (None, 2024, True),
        ("DE", 2024, True),
    ]  # fmt: skip
    return spark.createDataFrame(rows, "code string, since bigint, is_current boolean")


def parsed(spark: SparkSession, table: DataFrame, *rules: dict[str, Any]) -> DataFrame:
    rows = [("1", "DE", "2024"), ("2", "AN", "1990"), ("3", "XX", "2024"), ("4", None, "2024"), ("5", "DE", None)]
    schema = "id string, country string, year string, _source_object string, _malformed string"
    frame = spark.createDataFrame([(*row, "o", None) for row in rows], schema)
    agreed = Contract.model_validate({"contract": "t.v1", "columns": COLUMNS, "row_rules": rules})
    return parse(frame, agreed, (), How(tables={"curated.countries": table}))


def bad(frame: DataFrame) -> list[int]:
    """The rows that are set aside; every row is still there, once."""
    rows = frame.collect()
    assert sorted(row["id"] for row in rows) == [1, 2, 3, 4, 5]
    return sorted(row["id"] for row in rows if row["_violations"])


def test_a_value_that_stands_in_no_current_row_is_set_aside_and_null_passes(
    spark: SparkSession, countries: DataFrame
) -> None:
    frame = parsed(spark, countries, RULE)
    assert bad(frame) == [2, 3]
    violation = next(row["_violations"][0] for row in frame.collect() if row["id"] == 3)
    assert violation["rule"] == "reference(country in curated.countries)"
    assert violation["reason"] == "curated.countries has no such code"


def test_versions_that_are_no_longer_current_count_where_the_rule_says_so(
    spark: SparkSession, countries: DataFrame
) -> None:
    assert bad(parsed(spark, countries, {**RULE, "current": False})) == [3]


def test_a_table_without_versions_is_taken_as_it_is(spark: SparkSession, countries: DataFrame) -> None:
    assert bad(parsed(spark, countries.drop("is_current"), RULE)) == [3]


def test_several_columns_must_stand_together_in_one_row_whatever_the_width_of_their_integers(
    spark: SparkSession, countries: DataFrame
) -> None:
    assert bad(parsed(spark, countries, {**RULE, "on": {"country": "code", "year": "since"}})) == [2, 3]


def test_several_rules_are_judged_each_by_itself_and_one_that_warns_keeps_its_rows(
    spark: SparkSession, countries: DataFrame
) -> None:
    rules = [{**RULE, "severity": "warn"}, {**RULE, "on": {"year": "since"}}]
    frame = parsed(spark, countries, *rules)
    assert bad(frame) == [2]
    agreed = Contract.model_validate({"contract": "t.v1", "columns": COLUMNS, "row_rules": rules})
    assert [frame.agg(count.alias("n")).first()["n"] for _, count in warnings(agreed)] == [1]  # type: ignore[index]


@pytest.mark.parametrize(
    ("on", "told"),
    [({"country": "cod"}, "has no column cod"), ({"country": "since"}, "has since as bigint, but country is string")],
)
def test_a_table_of_another_shape_is_refused_before_a_row_is_read(
    spark: SparkSession, countries: DataFrame, on: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        parsed(spark, countries, {**RULE, "on": on})
    assert refused.value.code == "GH1091"
