"""Protected texts are in no table, no quarantine and no plan; the same text is the same hash wherever it stands."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from pydantic import SecretBytes
from pyspark.sql import DataFrame, Row, SparkSession

from gluehouse.frames.parse import How, parse, warnings
from gluehouse.spec.contract import Contract

SALT = "a salt of at least thirty-two bytes"
HOW = How(salt=SecretBytes(SALT.encode()))


def hashed(text: str) -> str:
    """By another way than the code's."""
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


def contract(*columns: dict[str, Any], **rest: Any) -> Contract:
    return Contract.model_validate(
        {"contract": "t.v1", "columns": [{"type": "string", **column} for column in columns], **rest}
    )


def parsed(spark: SparkSession, agreed: Contract, *rows: tuple[str | None, ...]) -> DataFrame:
    names = ", ".join(f"{name} string" for name in (*agreed.column_names, "_source_object", "_malformed"))
    return parse(spark.createDataFrame([(*row, "o", None) for row in rows], names), agreed, (), HOW)


def rules(row: Row) -> list[str]:
    return [violation["rule"] for violation in row["_violations"]]


@pytest.mark.parametrize(
    ("how", "texts", "expected"),
    [
        ({"how": "hash"}, ["Ada", "Zoë", "", None], [hashed("Ada"), hashed("Zoë"), hashed(""), None]),
        ({"how": "mask"}, ["Ada", "", None], ["***", "***", None]),
        (
            {"how": "mask", "keep_last": 4},
            ["4111111111111111", "12345678", "1234567", "", None],
            ["***1111", "***5678", "***", "***", None],
        ),
    ],
)
def test_a_protected_text_is_what_the_contract_says_and_null_stays_null(
    spark: SparkSession, how: dict[str, Any], texts: list[str | None], expected: list[str | None]
) -> None:
    agreed = contract({"name": "a", "protect": how})
    found = [row["a"] for row in parsed(spark, agreed, *((text,) for text in texts)).collect()]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_tokens_are_the_same_in_one_domain_and_others_in_each_other(spark: SparkSession) -> None:
    agreed = contract(
        {"name": "buyer", "protect": {"how": "token"}},
        {"name": "payer", "protect": {"how": "token", "domain": "buyer"}},
        {"name": "seller", "protect": {"how": "token"}},
    )
    row = parsed(spark, agreed, ("Ada", "Ada", "Ada")).collect()[0]
    assert row["buyer"] == row["payer"] != row["seller"]
    assert "Ada" not in str(row)


def test_rules_see_the_text_and_the_quarantine_does_not_show_it(spark: SparkSession) -> None:
    agreed = contract(
        {"name": "a", "nullable": False, "protect": {"how": "hash"}},
        {"name": "b", "protect": {"how": "mask"}},
        row_rules=[
            {"rule": "pattern", "column": "a", "pattern": "[A-Z][a-z]+"},
            {"rule": "length", "column": "b", "max": 4, "severity": "warn"},
            {"rule": "unique", "columns": ["b"]},
        ],
    )
    rows = parsed(spark, agreed, ("Ada", "xxxxx"), ("ada9", "y"), ("Bob", "same"), ("Eve", "same"), (None, None))
    found = {row["a"]: row for row in rows.collect()}
    assert rules(found[hashed("Ada")]) == []
    assert rules(found[hashed("ada9")]) == ["pattern(a)"]
    assert rules(found[hashed("Bob")]) == rules(found[hashed("Eve")]) == ["unique(b)"]
    assert rules(found[None]) == ["not_null(a)"]
    assert found[hashed("ada9")]["_raw"] == '{"a":"***","b":"***"}'
    assert [rows.agg(count.alias("n")).first()["n"] for _, count in warnings(agreed)] == [1]  # type: ignore[index]


def test_the_salt_stands_in_no_plan(spark: SparkSession) -> None:
    frame = parsed(spark, contract({"name": "a", "protect": {"how": "hash"}}), ("Ada",))
    plans = frame._jdf.queryExecution().toString()
    assert "hash_of" in plans
    assert SALT not in plans


def test_without_a_salt_nothing_is_hashed(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("Ada", "o", None)], "a string, _source_object string, _malformed string")
    with pytest.raises(ValueError, match="needs a salt"):
        parse(frame, contract({"name": "a", "protect": {"how": "hash"}}))
