"""What was seen in a sample becomes a contract that the sample would pass."""

from __future__ import annotations

import pytest
import yaml

from gluehouse.spec.contract import Contract
from gluehouse.spec.draft import Seen, as_yaml, draft


def text(name: str = "a", **seen: object) -> Seen:
    return Seen(**{"name": name, "type": "string", "rows": 100, "nulls": 0, **seen})  # type: ignore[arg-type]


def column_of(seen: Seen) -> tuple[str, str | None, bool]:
    (column,) = draft("t.v1", [seen]).columns
    return column.type, column.formats[0] if column.formats else None, column.nullable


@pytest.mark.parametrize(
    ("seen", "type_"),
    [
        (text(kind="Integral", digits=9), "int"),
        (text(kind="Integral", digits=10), "bigint"),
        (text(kind="Integral", digits=19), "decimal(19,0)"),
        (text(kind="Integral", digits=39), "string"),
        (text(kind="Integral", digits=5, odd_numbers=1), "string"),
        (text(kind="Fractional", digits=5, scale=2), "decimal(11,2)"),
        (text(kind="Fractional", digits=5, scale=7), "double"),
        (text(kind="Fractional", digits=5, scale=2, odd_numbers=1), "double"),
        (text(kind="Boolean"), "boolean"),
        (text(kind="Unknown", nulls=100), "string"),
        (Seen(name="a", type="array<string>", rows=1, nulls=0), "array<string>"),
        (Seen(name="a", type="bigint", rows=1, nulls=0, kind="Integral"), "bigint"),
    ],
)
def test_a_column_gets_the_narrowest_type_that_keeps_every_text(seen: Seen, type_: str) -> None:
    assert column_of(seen)[0] == type_


def test_digits_that_are_a_date_are_a_date_and_not_a_number() -> None:
    assert column_of(text(kind="Integral", digits=8, time=("date", "yyyyMMdd"))) == ("date", "yyyyMMdd", False)


def test_a_column_may_be_null_where_it_was_and_where_there_were_no_rows() -> None:
    assert column_of(text(nulls=1))[2]
    assert column_of(text(rows=0))[2]
    assert not column_of(text())[2]


def test_the_first_column_without_a_null_and_without_a_repeat_is_the_key() -> None:
    assert draft("t.v1", [text("a", unique=True, nulls=1), text("b", unique=True), text("c", unique=True)]).keys == (
        "b",
    )
    assert draft("t.v1", [text("a")]).keys == ()


def test_what_deequ_suggests_becomes_row_rules_but_not_of_the_key_and_not_of_other_types() -> None:
    seen = [
        text("id", unique=True, kind="Integral", digits=3, not_negative=True),
        text("kind", categories=("b", "a")),
        text("code", kind="Integral", digits=1, categories=("1", "2"), not_negative=True),
        text("zip", kind="Integral", digits=5, odd_numbers=1, not_negative=True),
    ]
    assert [rule.model_dump(exclude_defaults=True) for rule in draft("t.v1", seen).row_rules] == [
        {"rule": "in_set", "column": "kind", "values": ("a", "b")},
        {"rule": "between", "column": "code", "min": 0.0},
    ]


def test_a_name_that_no_contract_takes_is_delivered_under_an_alias() -> None:
    (column,) = draft("t.v1", [text("Amount (EUR)")]).columns
    assert (column.name, column.aliases) == ("Amount_EUR", ("Amount (EUR)",))


def test_the_yaml_reads_back_as_the_draft_whatever_the_values_look_like() -> None:
    seen = [
        text("no", unique=True), text("ü: {x}", categories=("yes", "null", "1", 'a"b', "c: d", "#e", "")),
        text("at", time=("timestamp", "yyyy-MM-dd'T'HH:mm:ssXXX"), nulls=7),
    ]  # fmt: skip
    drafted = draft("t.v1", seen)
    read = Contract.model_validate(yaml.safe_load(as_yaml(drafted, seen)))
    assert read.model_copy(update={"description": ""}) == drafted
    assert "# 7.0% NULL" in as_yaml(drafted, seen)
