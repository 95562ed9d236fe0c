"""Every delivered row becomes typed columns or violations; nothing is nulled in silence."""

import datetime as dt
import json
from decimal import Decimal
from itertools import zip_longest

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from gluehouse.frames.parse import parse, warnings
from gluehouse.spec.contract import Contract
from gluehouse.stages.zones import with_verdict


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


LOSSY = {
    "bigint": [
        "1,000",
        "1e5",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "1.0",
        "1L",
        "9223372036854775808",
        "\u0661",
        "\xa01",
    ],
    "decimal(6,2)": [
        *("1,000.00", "1.005", "1e-3", "NaN", "1d", "1_0", "9999.995", "99999.99", "1e-45", "-1e-45"),
        *("1e-999999999", "1e2147483647", "1E-20000000", "1e99999999999", "1e5x", "e5", ".e5", "1e", "1.2.3e1"),
        *("1.1" + "0" * 50 + "1", "0." + "0" * 45 + "1"),
    ],
    "decimal(38,0)": ["0.4", "1." + "0" * 40 + "1", "1e-1", "1.25e1", "1e38", "15e-1"],
    "decimal(38,38)": ["1e-39", "1", "1e0", "-1.5e-38"],
    "double": ["1d", "1f", "1D", "0x1p3", "1,5", "1_0", "1e400", "-1e400", "1e-400", "-0.1e-400"],
    "date": ["2024", "2024-01", "20240101", "2024-1-1", "10000-01-01", "epoch", "today", "2024-02-30", "2024-01-01Z"],
    "timestamp": [
        *("12:00:00", "T12:00", "2024", "2024-01", "2024-01-01 24:00:00", "2024-01-01T23:59:60", "now", "1704067200"),
        *("2024-01-01 12:00:00.1234567", "2024-01-01 12:00:00.1234560001Z", "2024-01-01T12:00:00+25:00"),
        *("2024-03-31 02:30:00 Europe/Berlin", "2024-03-31T02:30Europe/Berlin", "2024-03-31 02:30:00 Europe/Nowhere"),
    ],
    "boolean": ["2", "on", "wahr"],
}
EXACT = {
    "bigint": [("+1", "1"), (" 1 ", "1"), ("-0", "0"), ("007", "7")],
    "decimal(6,2)": [
        *(
            ("1.10000", "1.10"),
            ("1e2", "100.00"),
            ("10e-1", "1.00"),
            (".5", "0.50"),
            ("5.", "5.00"),
            (" -1.5 ", "-1.50"),
        ),
        *(("1.1" + "0" * 50, "1.10"), ("0" * 50 + "12.5", "12.50")),
    ],
    "decimal(38,0)": [("9" * 38, "9" * 38), ("1e5", "100000"), ("1.0", "1")],
    "double": [
        ("1e3", "1000.0"),
        ("-inf", "-Infinity"),
        ("NaN", "NaN"),
        (" 1. ", "1.0"),
        ("-0.0e7", "-0.0"),
        ("5e-324", "4.9E-324"),
    ],
    "timestamp": [
        ("2024-01-01", "2024-01-01 00:00:00"),
        (" 2024-1-1 1:2:3 ", "2024-01-01 01:02:03"),
        ("2024-01-01T12:00:00.123456000+01:00", "2024-01-01 11:00:00.123456"),
        ("2024-01-01 12:00:00.5 Europe/Paris", "2024-01-01 11:00:00.5"),
        ("2024-03-31T03:00:00Europe/Paris \n", "2024-03-31 01:00:00"),
        ("2024-10-27 02:30:00 CET", "2024-10-27 00:30:00"),
        ("2024-03-31 02:30:00 UTC+01:00", "2024-03-31 01:30:00"),
        ("2024-03-31 02:30:00Z ", "2024-03-31 02:30:00"),
    ],
    "boolean": [("yes", "true"), ("0", "false"), ("TRUE", "true")],
}


@pytest.mark.parametrize("type_", LOSSY)
def test_a_text_that_spark_would_round_cut_or_add_to_is_a_violation(spark, type_) -> None:
    contract = agreed({"name": "a", "type": type_})
    rows = parse(delivered(spark, "a string", *((text,) for text in LOSSY[type_])), contract, [""]).collect()
    assert [(row["a"], rules(row)) for row in rows] == [(None, ["type(a)"])] * len(LOSSY[type_])


@pytest.mark.parametrize("type_", EXACT)
def test_a_text_that_is_written_otherwise_and_means_the_value_is_the_value(spark, type_) -> None:
    contract = agreed({"name": "a", "type": type_})
    rows = parse(delivered(spark, "a string", *((text,) for text, _ in EXACT[type_])), contract, [""])
    shown = rows.selectExpr("cast(a AS string) AS a", "_violations").collect()
    assert [(row["a"], rules(row)) for row in shown] == [(value, []) for _, value in EXACT[type_]]


def test_a_number_is_no_timestamp_because_nobody_said_in_which_unit(spark) -> None:
    frame = delivered(spark, "a string", ("1704067200000",)).selectExpr(
        "cast(a AS bigint) AS a", "_source_object", "_malformed"
    )
    row = parse(frame, agreed({"name": "a", "type": "timestamp"}), [""]).collect()[0]
    assert (row["a"], rules(row)) == (None, ["type(a)"])


def test_the_empty_text_is_null_where_the_source_says_so_and_passes_where_null_is_allowed(spark) -> None:
    row = parsed(spark, "int", "")
    assert (row["a"], rules(row)) == (None, [])


@pytest.mark.parametrize(
    ("type_", "token"),
    [("int", "-1"), ("int", " 0"), ("boolean", "no"), ("boolean", " N "), ("double", "NaN"), ("double", "-Infinity"),
     ("double", "1e3"), ("decimal(5,2)", "9.99"), ("date", "1900-01-01"), ("timestamp", "2024-01-01 00:00"),
     ("string", "n/a"), ("string", "it's \\'"), ("int", "n/a")],
)  # fmt: skip
def test_a_null_token_is_null_also_where_it_could_be_read_as_a_value(spark, type_, token) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "a", "type": type_}]})
    frame = spark.createDataFrame([(token, "o", None)], "a string, _source_object string, _malformed string")
    row = parse(frame, contract, [token]).collect()[0]
    assert (row["a"], rules(row), row["_raw"]) == (None, [], None)


def test_null_in_a_column_that_allows_none_is_one_violation_and_not_two(spark) -> None:
    assert rules(parsed(spark, "int", "", nullable=False)) == ["not_null(a)"]


def test_a_malformed_record_has_that_one_violation_and_its_record_as_raw_form(spark) -> None:
    row = parsed(spark, "int", "x", malformed="x,y,z")
    assert rules(row) == ["malformed"]
    assert row["_raw"] == "x,y,z"


def test_a_malformed_record_is_kept_as_text_whatever_its_bytes_are(spark) -> None:
    frame = spark.sql("SELECT 'x' AS a, 'o' AS _source_object, cast(X'C3A4FF0A' AS string) AS _malformed")
    row = parse(frame, agreed({"name": "a", "type": "int"})).selectExpr("cast(_raw AS binary) AS raw").first()
    assert bytes(row["raw"]).decode() == "\u00e4\ufffd\n"


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
        ({"rule": "pattern", "column": "a", "pattern": "[A-Z]{3}"}, "ABC", "ABC\n"),
        ({"rule": "length", "column": "a", "min": 1, "max": 2}, "ab", "abc"),
        ({"rule": "expression", "name": "even_length", "sql": "length(a) % 2 = 0 -- or none"}, "ab", "abc"),
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


BEYOND, LONG = 2**53, "12345678901234567"
NUMBERS = [
    ("bigint", {"rule": "between", "max": BEYOND}, [BEYOND - 1, BEYOND], [BEYOND + 1]),
    ("bigint", {"rule": "between", "min": -BEYOND}, [-BEYOND], [-BEYOND - 1]),
    ("bigint", {"rule": "between", "min": 0.5, "max": 1e30}, [1, 2**63 - 1], [0]),
    ("bigint", {"rule": "between", "min": 1e30}, [], [2**63 - 1]),
    ("bigint", {"rule": "in_set", "values": [1.0, float(BEYOND), "7", 0.5]}, [1, BEYOND, 7], [BEYOND + 1, 0]),
    ("tinyint", {"rule": "in_set", "values": [300, "x"]}, [], [44]),
    ("decimal(38,2)", {"rule": "between", "max": "12345678901234567.885"}, [f"{LONG}.88"], [f"{LONG}.89"]),
    ("decimal(38,0)", {"rule": "between", "min": 0.5}, ["9" * 38], ["0", "-" + "9" * 38]),
    ("decimal(20,1)", {"rule": "in_set", "values": [1, BEYOND, 0.1, "2"]}, ["1", BEYOND, "0.1", "2.0"], [BEYOND + 1]),
    ("double", {"rule": "between", "min": 0.1}, ["0.1", "Infinity"], ["0.09", "NaN"]),
]  # fmt: skip


def test_numbers_are_held_against_bounds_and_sets_exactly(spark) -> None:
    names = [f"a{place}" for place in range(len(NUMBERS))]
    columns = [{"name": name, "type": type_} for name, (type_, *_) in zip(names, NUMBERS, strict=True)]
    rules_ = [{"column": name, **rule} for name, (_, rule, *_) in zip(names, NUMBERS, strict=True)]
    # One case a cell, so that all of them are one frame.
    cells_of = ([(value, False) for value in good] + [(value, True) for value in bad] for *_, good, bad in NUMBERS)
    rows = list(zip_longest(*cells_of, [None] * 9))
    texts = [tuple(cell and str(cell[0]) for cell in row[:-1]) for row in rows]
    frame = delivered(spark, ", ".join(f"{name} string" for name in names), *texts)
    for row, cells in zip(parse(frame, agreed(*columns, row_rules=rules_)).collect(), rows, strict=True):
        broken = [name for name, cell in zip(names, cells, strict=False) if cell and cell[1]]
        assert [found.partition("(")[2].rstrip(")") for found in rules(row)] == broken, cells


@pytest.mark.parametrize(
    ("type_", "other", "pairs"),
    [
        ("bigint", "double", [(BEYOND + 1, BEYOND, ">"), (BEYOND, BEYOND, "="), (5, 4.5, ">"), (1, "-Infinity", ">")]),
        ("double", "decimal(20,1)", [(BEYOND, BEYOND + 1, "<"), (-BEYOND, -BEYOND - 1, ">"), (0.1, 0.1, "=")]),
        ("decimal(38,0)", "decimal(38,20)", [("9" * 38, "1.5", ">"), ("-" + "9" * 38, "1.5", "<"), (1, 1, "=")]),
    ],
)
def test_numbers_of_two_types_are_compared_exactly(spark, type_, other, pairs) -> None:
    holding = {"<": {"<", "<=", "!="}, "=": {"<=", "=", ">="}, ">": {">", ">=", "!="}}
    rules_ = [
        {"rule": "comparison", "column": "a", "operator": sign, "other": "b"}
        for sign in ("<", "<=", "=", "!=", ">=", ">")
    ]
    contract = agreed({"name": "a", "type": type_}, {"name": "b", "type": other}, row_rules=rules_)
    frame = delivered(spark, "a string, b string", *((str(left), str(right)) for left, right, _ in pairs))
    for row, (*_, sign) in zip(parse(frame, contract).collect(), pairs, strict=True):
        broken = {found.removeprefix("comparison(a ").removesuffix(" b)") for found in rules(row)}
        assert broken == {"<", "<=", "=", "!=", ">=", ">"} - holding[sign], row


def test_reasons_never_show_the_value(spark) -> None:
    row = parsed(spark, "int", "secret-4711")
    assert all("4711" not in violation["reason"] for violation in row["_violations"])


def delivered(spark: SparkSession, columns: str, *rows: tuple[object, ...]) -> DataFrame:
    schema = f"{columns}, _source_object string, _malformed string"
    return spark.createDataFrame([(*row, "o", None) for row in rows], schema)


def agreed(*columns: dict[str, object], **rest: object) -> Contract:
    return Contract.model_validate({"contract": "t.v1", "columns": columns, **rest})


@pytest.mark.parametrize(
    ("operator", "good"),
    [("<", [1]), ("<=", [1, 2]), ("=", [2]), ("!=", [1, 3]), (">=", [2, 3]), (">", [3])],
)
def test_two_columns_compare_as_the_rule_says_and_null_passes(spark, operator, good) -> None:
    rule = {"rule": "comparison", "column": "a", "operator": operator, "other": "b"}
    contract = agreed({"name": "a", "type": "int"}, {"name": "b", "type": "bigint"}, row_rules=[rule])
    frame = delivered(
        spark, "a string, b string", ("1", "2"), ("2", "2"), ("3", "2"), (None, "2"), ("9", None), (None, None)
    )
    rows = parse(frame, contract).collect()
    assert [row["a"] for row in rows[:3] if not rules(row)] == good
    assert {rule for row in rows[:3] for rule in rules(row)} <= {f"comparison(a {operator} b)"}
    assert [rules(row) for row in rows[3:]] == [[], [], []]


@pytest.mark.parametrize("type_", ["string", "date", "timestamp", "boolean", "decimal(9,2)"])
def test_every_plain_type_can_be_compared(spark, type_) -> None:
    values = {"string": ("NaN", "a"), "boolean": ("false", "true"), "decimal(9,2)": ("1.5", "2")}
    low, high = values.get(type_, ("2024-01-01", "2024-01-02"))
    rule = {"rule": "comparison", "column": "a", "operator": "<", "other": "b"}
    contract = agreed({"name": "a", "type": type_}, {"name": "b", "type": type_}, row_rules=[rule])
    rows = parse(delivered(spark, "a string, b string", (low, high), (high, low)), contract).collect()
    assert [rules(row) for row in rows] == [[], ["comparison(a < b)"]]


@pytest.mark.parametrize("operator", ["<", "<=", "=", "!=", ">=", ">"])
def test_nan_compares_with_nothing(spark, operator) -> None:
    rule = {"rule": "comparison", "column": "a", "operator": operator, "other": "b"}
    contract = agreed({"name": "a", "type": "double"}, {"name": "b", "type": "float"}, row_rules=[rule])
    rows = parse(delivered(spark, "a string, b string", ("NaN", "1"), ("1", "NaN"), ("NaN", "NaN")), contract).collect()
    assert [len(rules(row)) for row in rows] == [1, 1, 1]


def test_a_rule_that_only_warns_keeps_the_row_and_counts_the_kept_ones(spark) -> None:
    contract = agreed(
        {"name": "a", "type": "int"},
        row_rules=[
            {"rule": "between", "column": "a", "max": 5, "severity": "warn"},
            {"rule": "between", "column": "a", "max": 8},
        ],
    )
    frame = parse(delivered(spark, "a string", ("1",), ("6",), ("9",), ("x",), (None,)), contract)
    assert [len(rules(row)) for row in frame.collect()] == [0, 0, 1, 1, 0]
    counted = [(title, frame.agg(count.alias("n")).first()["n"]) for title, count in warnings(contract)]
    assert counted == [("between(a)", 1)]


def test_formats_are_tried_in_their_order_and_what_none_reads_is_a_violation(spark) -> None:
    contract = agreed({"name": "a", "type": "date", "format": ["dd.MM.yyyy", "MM/dd/yyyy"]})
    rows = parse(
        delivered(spark, "a string", ("29.02.2024",), ("02/29/2024",), ("2024-02-29",), (None,)), contract
    ).collect()
    leap = dt.date(2024, 2, 29)
    assert [(row["a"], rules(row)) for row in rows] == [(leap, []), (leap, []), (None, ["type(a)"]), (None, [])]
    assert "dd.MM.yyyy or MM/dd/yyyy" in rows[2]["_violations"][0]["reason"]


# By type and format: texts, and what they come to.
WITH_A_ZONE = {
    ("date", "yyyy-MM-dd'T'HH:mm:ssXXX"): {
        "2024-01-01T00:30:00+02:00": "2024-01-01",
        "2024-01-01T23:30:00-05:00": "2024-01-01",
        "2024-01-01T00:30:00Z": "2024-01-01",
        "2024-01-01T00:30:00": None,
    },
    ("date", "yyyy-MM-dd[XX]"): {"2024-01-01": "2024-01-01", "2024-01-01+0200": "2024-01-01", "2024-01-01+02": None},
    ("date", "dd.MM.yyyy HH:mm VV"): {"01.01.2024 00:30 Europe/Berlin": "2024-01-01", "01.01.2024 00:30 X": None},
    ("timestamp", "yyyy-MM-dd HH:mm VV"): {
        "2024-03-31 02:30 Europe/Berlin": None,
        "2024-03-31 03:00 Europe/Berlin": "2024-03-31 01:00:00",
        "2024-10-27 02:30 Europe/Berlin": "2024-10-27 00:30:00",
        "2024-03-31 02:30 Etc/GMT+5": "2024-03-31 07:30:00",
        "2024-03-31 02:30 Z": "2024-03-31 02:30:00",
        "2024-03-31 02:30 EST5EDT": "2024-03-31 06:30:00",
        "2024-03-31 02:30 UTC+01:00": "2024-03-31 01:30:00",
        "2024-03-31 02:30 +01:00": "2024-03-31 01:30:00",
        "2024-03-31 02:30 Europe/Nowhere": None,
        "2024-03-31 02:30": None,
    },
    ("timestamp", "yyyy-MM-dd HH:mmXXX"): {"2024-03-31 02:30+01:00": "2024-03-31 01:30:00"},
}


@pytest.mark.parametrize(("type_", "format_"), WITH_A_ZONE)
def test_of_a_text_with_a_zone_the_date_is_the_one_that_is_written_and_a_skipped_hour_a_violation(
    spark, type_, format_
) -> None:
    texts = WITH_A_ZONE[type_, format_]
    frame = delivered(spark, "a string", *((text,) for text in texts))
    rows = parse(frame, agreed({"name": "a", "type": type_, "format": format_})).selectExpr(
        "cast(a AS string) AS a", "_violations"
    )
    assert [(row["a"], rules(row)) for row in rows.collect()] == [
        (value, [] if value else ["type(a)"]) for value in texts.values()
    ]


def test_a_number_at_the_end_of_its_types_range_is_taken_only_as_what_it_is(spark) -> None:
    ends = {("double", "bigint"): [2.0**63, -(2.0**63)], ("bigint", "double"): [2**63 - 1, -(2**63)]}
    for (of, to), values in ends.items():
        frame = spark.createDataFrame([(value,) for value in values], f"a {of}").selectExpr(
            "a", "'o' AS _source_object", "CAST(NULL AS string) AS _malformed"
        )
        rows = parse(frame, agreed({"name": "a", "type": to})).collect()
        assert [(row["a"], rules(row)) for row in rows] == [(None, ["type(a)"]), (values[1], [])]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-15 12:00", "2024-01-15 11:00:00"),
        ("2024-07-15 12:00", "2024-07-15 10:00:00"),
        ("2024-03-31 01:59", "2024-03-31 00:59:00"),
        ("2024-03-31 02:30", None),
        ("2024-03-31 03:00", "2024-03-31 01:00:00"),
        ("2024-10-27 02:30", "2024-10-27 00:30:00"),
        (None, None),
    ],
)
def test_a_timestamp_is_the_instant_at_which_its_zones_clock_showed_it_and_a_skipped_time_is_a_violation(
    spark, text, instant
) -> None:
    contract = agreed({"name": "a", "type": "timestamp", "format": "yyyy-MM-dd HH:mm", "zone": "Europe/Paris"})
    row = (
        parse(delivered(spark, "a string", (text,)), contract).selectExpr("CAST(a AS string) a", "_violations").first()
    )
    assert (row["a"], rules(row)) == (instant, ["type(a)"] if text and not instant else [])


def test_a_typed_timestamp_without_zone_is_read_in_the_columns_zone_and_an_instant_stays_one(spark) -> None:
    contract = agreed({"name": "a", "type": "timestamp", "format": "yyyy", "zone": "Europe/Paris"})
    for type_, hour in (("timestamp_ntz", "11"), ("timestamp", "12")):
        frame = delivered(spark, "a string", ("2024-01-15 12:00:00",)).selectExpr(
            f"CAST(a AS {type_}) a", "_source_object", "_malformed"
        )
        row = parse(frame, contract).selectExpr("date_format(a, 'HH') h", "_violations").first()
        assert (row["h"], rules(row)) == (hour, [])


def test_the_raw_form_shows_no_personal_values_and_keeps_the_others(spark) -> None:
    contract = agreed(
        {"name": "a", "type": "int"},
        {"name": "buyer", "type": "string", "pii": "direct"},
        {"name": "illness", "type": "string", "pii": "sensitive"},
        {"name": "town", "type": "string", "pii": "indirect"},
    )
    frame = delivered(spark, "a string, buyer string, illness string, town string", ("x", "Jane", None, "Rome"))
    row = parse(frame, contract).first()
    assert json.loads(row["_raw"]) == {"a": "x", "buyer": "***", "town": "Rome"}
    assert row["buyer"] == "Jane"


def test_a_malformed_record_with_personal_columns_is_not_shown_at_all(spark) -> None:
    row = parsed(spark, "string", None, malformed="Jane,4711,,", pii="direct")
    assert rules(row) == ["malformed"]
    assert "Jane" not in row["_raw"]
    assert row["_raw"].startswith("***")


def test_a_column_of_the_source_may_be_called_rejected(spark: SparkSession) -> None:
    contract = Contract.model_validate({"contract": "t.v1", "columns": [{"name": "rejected", "type": "boolean"}]})
    frame = spark.createDataFrame(
        [("true", "o", None), ("perhaps", "o", None)], "rejected string, _source_object string, _malformed string"
    )
    rows = with_verdict(parse(frame, contract)).collect()
    assert [(row["rejected"], row["_rejected"]) for row in rows] == [(True, False), (None, True)]
