"""What a delivery has in other columns than agreed, and what the contract makes of it."""

from __future__ import annotations

import pytest

from gluehouse.errors import InputError
from gluehouse.spec.contract import Contract
from gluehouse.spec.delivered import differences, refuse

COLUMNS = [
    {"name": "id", "type": "bigint"},
    {"name": "town", "type": "string", "nullable": False, "aliases": ["city", "Ort"]},
    {"name": "height", "type": "double"},
    {"name": "day", "type": "date"},
]
AGREED: dict[str, str | None] = {"id": "bigint", "town": "string", "height": "double"}


def contract(**evolution: str) -> Contract:
    return Contract.model_validate({"contract": "towns.v1", "columns": COLUMNS, "keys": ["id"], "evolution": evolution})


def found(delivered: dict[str, str | None], **evolution: str) -> list[tuple[str, str, str]]:
    told = differences(contract(**evolution), delivered, given=["day"])
    return [(one.kind, one.column, one.answer) for one in told]


def refused(delivered: dict[str, str | None], **evolution: str) -> InputError:
    agreed = contract(**evolution)
    with pytest.raises(InputError) as error:
        refuse("s3://landing/t.parquet", agreed, differences(agreed, delivered, given=["day"]))
    return error.value


def without(*names: str) -> dict[str, str | None]:
    return {name: type_ for name, type_ in AGREED.items() if name not in names}


def test_what_was_agreed_on_differs_in_nothing_whatever_its_order_and_with_types_or_without() -> None:
    assert found(AGREED) == []
    assert found(dict(reversed(AGREED.items()))) == []
    assert found(dict.fromkeys(AGREED)) == []


@pytest.mark.parametrize("answer", ["ignore", "refuse"])
def test_a_column_that_nobody_agreed_on_gets_the_answer_for_added(answer: str) -> None:
    assert found({**AGREED, "more": None}, added=answer) == [("added", "more", answer)]


def test_a_column_from_the_objects_key_is_not_missed_and_not_new() -> None:
    assert found({**AGREED, "day": "string"}, added="refuse") == []


def test_a_missing_column_refuses_the_delivery_unless_it_may_be_null_and_the_contract_says_so() -> None:
    assert found(without("height")) == [("removed", "height", "refuse")]
    assert found(without("height"), removed="ignore") == [("removed", "height", "ignore")]


@pytest.mark.parametrize("name", ["id", "town"])
def test_a_key_or_a_column_without_null_is_never_left_out(name: str) -> None:
    assert found(without(name), removed="ignore") == [("removed", name, "refuse")]


def test_a_delivery_without_any_agreed_column_is_refused_whatever_the_policy() -> None:
    loose = Contract.model_validate({
        "contract": "t.v1", "columns": [{"name": "a", "type": "int"}], "evolution": {"removed": "ignore"},
    })  # fmt: skip
    assert [one.answer for one in differences(loose, {"7": None}) if one.kind == "removed"] == ["refuse"]


@pytest.mark.parametrize("answer", ["evolve", "refuse"])
def test_a_column_under_an_alias_gets_the_answer_for_renamed(answer: str) -> None:
    assert found({**without("town"), "Ort": "string"}, renamed=answer) == [("renamed", "town", answer)]


def test_a_column_under_two_names_is_always_refused() -> None:
    assert found({**AGREED, "city": "string"}) == [("renamed", "town", "refuse")]
    assert found({**without("town"), "city": None, "Ort": None}) == [("renamed", "town", "refuse")]


@pytest.mark.parametrize("answer", ["quarantine", "refuse"])
def test_a_wider_type_gets_the_answer_for_widened(answer: str) -> None:
    assert found({**AGREED, "id": "decimal(20,0)"}, widened=answer) == [("widened", "id", answer)]


@pytest.mark.parametrize("answer", ["ignore", "refuse"])
def test_a_narrower_type_gets_the_answer_for_narrowed(answer: str) -> None:
    assert found({**AGREED, "height": "float"}, narrowed=answer) == [("narrowed", "height", answer)]


def test_a_type_that_is_neither_wider_nor_narrower_is_left_to_the_casts_of_each_row() -> None:
    assert found({**AGREED, "id": "string"}, widened="refuse", narrowed="refuse") == []


def test_the_type_under_an_alias_is_looked_at_too() -> None:
    columns = [{"name": "id", "type": "int", "aliases": ["nr"]}]
    agreed = Contract.model_validate({"contract": "t.v1", "columns": columns})
    assert [one.kind for one in differences(agreed, {"nr": "bigint"})] == ["renamed", "widened"]


def test_missing_columns_are_told_by_their_agreed_names_before_all_else() -> None:
    error = refused({**without("town"), "more": None}, added="refuse")
    assert (error.code, "the columns town, which" in error.message, "more" in error.message) == ("GH2010", True, False)


def test_what_is_refused_is_told_and_what_is_not_is_left_out() -> None:
    error = refused({**AGREED, "height": "float", "more": None}, narrowed="refuse")
    assert error.code == "GH2018"
    assert "height is float, agreed double" in error.message
    assert "more" not in error.message


def test_a_thousand_columns_too_many_are_told_in_one_short_text() -> None:
    error = refused({**AGREED, **{f"c{place}": None for place in range(1000)}}, added="refuse")
    assert "and 990 more" in error.message
    assert len(error.message) < 500


def test_nothing_is_refused_where_the_contract_lets_all_pass() -> None:
    agreed = contract(removed="ignore")
    passed = differences(agreed, {"id": "int", "Ort": "string", "more": "int"}, given=["day"])
    assert len(passed) == 4
    assert refuse("s3://landing/t.parquet", agreed, passed) is None
