"""Every delivered row becomes typed columns or violations; nothing is nulled in silence."""

import datetime as dt
from decimal import Decimal

import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.frames.parse import parse
from gluehouse.spec.contract import Contract


def parsed(spark: SparkSession, type_: str, text: str | None, malformed: str | None = None, **column: object) -> Row:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "a", "type": type_, **column}]})
    frame = spark.createDataFrame(
        [(text, "s3://landing/t.csv", malformed)], "a string, _source_object string, _malformed string"
    )
    return parse(frame, contract, [""]).collect()[0]


def rules(row: Row) -> list[str]:
    return [violation["rule"] for violation in row["_violations"]]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("int", "42", 42),
        ("int", " -7 ", -7),
        ("bigint", "9223372036854775807", 9223372036854775807),
        ("double", "1e3", 1000.0),
        ("decimal(5,2)", "123.45", Decimal("123.45")),
        ("boolean", "true", True),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("string", "Zürich 東京", "Zürich 東京"),
    ],
)
def test_a_text_that_fits_its_type_becomes_the_value(spark, type_, text, value) -> None:
    row = parsed(spark, type_, text)
    assert (row["a"], rules(row), row["_raw"]) == (value, [], None)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("int", "1.9"),
        ("int", "2147483648"),
        ("tinyint", "300"),
        ("double", "abc"),
        ("decimal(5,2)", "12345.67"),
        ("decimal(5,2)", "1.239"),
        ("date", "2024-01-01Tjunk"),
        ("date", "2024-02-30"),
        ("boolean", "perhaps"),
        ("timestamp", "yesterday"),
    ],
)
def test_a_text_that_does_not_fit_is_a_violation_and_keeps_its_raw_form(spark, type_, text) -> None:
    row = parsed(spark, type_, text)
    assert row["a"] is None
    assert rules(row) == ["type(a)"]
    assert text in row["_raw"]


def test_the_empty_text_is_null_where_the_source_says_so_and_passes_where_null_is_allowed(spark) -> None:
    row = parsed(spark, "int", "")
    assert (row["a"], rules(row)) == (None, [])


def test_null_in_a_column_that_allows_none_is_one_violation_and_not_two(spark) -> None:
    assert rules(parsed(spark, "int", "", nullable=False)) == ["not_null(a)"]


def test_a_malformed_record_has_that_one_violation_and_its_record_as_raw_form(spark) -> None:
    row = parsed(spark, "int", "x", malformed="x,y,z")
    assert rules(row) == ["malformed"]
    assert row["_raw"] == "x,y,z"


def test_a_date_is_read_by_its_format_only(spark) -> None:
    assert parsed(spark, "date", "29.02.2024", format="dd.MM.yyyy")["a"] == dt.date(2024, 2, 29)
    assert rules(parsed(spark, "date", "2024-02-29", format="dd.MM.yyyy")) == ["type(a)"]


def test_a_date_that_an_older_spark_read_otherwise_is_a_violation_and_no_crash(spark) -> None:
    assert rules(parsed(spark, "date", "2016-12-1", format="yyyy-MM-dd")) == ["type(a)"]


def test_a_typed_value_is_cast_only_without_loss(spark) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "a", "type": "int"}]})
    frame = spark.createDataFrame([(3.0,), (3.7,), (None,)], "a double").selectExpr(
        "a", "'o' AS _source_object", "CAST(NULL AS string) AS _malformed"
    )
    rows = parse(frame, contract).collect()
    assert [(row["a"], rules(row)) for row in rows] == [(3, []), (None, ["type(a)"]), (None, [])]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"rule": "in_set", "column": "a", "values": ["x", "y"]}, "x", "z"),
        ({"rule": "pattern", "column": "a", "pattern": "[A-Z]{3}"}, "ABC", "ABCD"),
        ({"rule": "length", "column": "a", "min": 1, "max": 2}, "ab", "abc"),
        ({"rule": "expression", "name": "even_length", "sql": "length(a) % 2 = 0"}, "ab", "abc"),
    ],
)
def test_every_row_rule_passes_good_rows_and_null_and_rejects_bad_ones(spark, rule, good, bad) -> None:
    contract = Contract.model_validate(
        {"contract": "t.v1", "columns": [{"name": "a", "type": "string"}], "row_rules": [rule]}
    )
    frame = spark.createDataFrame([(good,), (bad,), (None,)], "a string").selectExpr(
        "a", "'o' AS _source_object", "CAST(NULL AS string) AS _malformed"
    )
    assert [len(row["_violations"]) for row in parse(frame, contract).collect()] == [0, 1, 0]


def test_a_range_rejects_what_lies_outside_and_nan(spark) -> None:
    contract = Contract.model_validate(
        {
            "contract": "t.v1",
            "columns": [{"name": "a", "type": "double"}],
            "row_rules": [{"rule": "between", "column": "a", "min": -90}],
        }
    )
    frame = spark.createDataFrame([("-90",), ("-90.1",), ("NaN",), (None,)], "a string").selectExpr(
        "a", "'o' AS _source_object", "CAST(NULL AS string) AS _malformed"
    )
    assert [len(row["_violations"]) for row in parse(frame, contract).collect()] == [0, 1, 1, 0]


def test_reasons_never_show_the_value(spark) -> None:
    row = parsed(spark, "int", "secret-4711")
    assert all("4711" not in violation["reason"] for violation in row["_violations"])
