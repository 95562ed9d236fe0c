"""How a source's texts are cleaned: what can be said, and what cannot because no run could do it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from gluehouse.spec.cleanse import Cleanse, ColumnSteps, Deduplicate, Replace, unfit
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.literal import is_value
from gluehouse.spec.protect import Hash, Mask, Token

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONTRACT = Contract.model_validate(
    {
        "contract": "sales.v1",
        "columns": [
            {"name": "id", "type": "bigint", "nullable": False},
            {"name": "at", "type": "timestamp", "nullable": False},
            {"name": "town", "type": "string"},
            {"name": "net", "type": "decimal(6,2)"},
            {"name": "tags", "type": "array<string>"},
        ],
        "keys": ["id"],
    }
)


def told_of(cleanse: dict[str, Any], format_: str = "csv") -> str:
    return "; ".join(unfit(Cleanse.model_validate(cleanse), CONTRACT, format_))


def test_a_column_has_its_own_steps_or_those_of_all_others_and_never_a_mixture() -> None:
    cleanse = Cleanse.model_validate({"texts": {"trim": "ends"}, "columns": {"town": {"case": "upper"}}})
    assert (cleanse.steps("net").trim, cleanse.steps("town").trim) == ("ends", None)


def test_what_a_contract_can_hold_is_no_problem() -> None:
    steps = {"null_tokens": ["-"], "trim": "all", "default": "0", "replace": [{"pattern": ",", "to": "."}]}
    order = {"keys": ["id", "town"], "order_by": ["at"]}
    assert told_of({"columns": {"net": steps, "town": {"default": ""}}, "deduplicate": order}) == ""


@pytest.mark.parametrize(
    ("cleanse", "told"),
    [
        ({"columns": {"twon": {"trim": "ends"}}}, "names twon, which is none"),
        ({"columns": {"net": {"default": "many"}}}, "the default 'many', which is no decimal(6,2)"),
        ({"columns": {"net": {"default": "12345"}}}, "which is no decimal(6,2)"),
        ({"columns": {"tags": {"default": "a"}}}, "which is no array<string>"),
        ({"columns": {"id": {"default": "0"}}}, "the key id a default"),
        ({"deduplicate": {"keys": ["idd"]}}, "deduplicate names idd"),
        ({"deduplicate": {"keys": ["tags"]}}, "of a nested type"),
        ({"deduplicate": {"keys": ["id"], "order_by": ["town"]}}, "orders by town, which may be NULL"),
    ],
)
def test_what_no_run_could_do_is_told(cleanse: dict[str, Any], told: str) -> None:
    assert told in told_of(cleanse)


def test_the_text_of_a_decimal_of_json_cannot_be_changed_because_it_is_read_as_a_number() -> None:
    steps = {"columns": {"net": {"trim": "ends"}}}
    assert "read as numbers" in told_of(steps, "json")
    assert told_of(steps, "csv") == told_of({"columns": {"net": {"default": "0"}}}, "json") == ""


@pytest.mark.parametrize(
    ("pattern", "to", "told"),
    [
        ("(", "", "is no regular expression"),
        ("(?P<x>a)", "$1", "write a plain group"),
        ("a", "$1", "names the group $1, but 'a' has 0"),
        ("(a)", "\\$1 $1 $2", "names the group $2"),
        ("a", "5 $", "is no replacement"),
        ("a", "\\n", "is no replacement"),
    ],
)
def test_a_replacement_that_java_would_refuse_is_refused_first(pattern: str, to: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Replace(pattern=pattern, to=to)
    assert told in str(refused.value)


@pytest.mark.parametrize(("pattern", "to"), [("a", ""), ("(a)(b)", "$2$1"), ("a", "\\$1 \\\\"), ("(a)", "\\\\$1")])
def test_a_replacement_may_name_groups_and_escape_dollars(pattern: str, to: str) -> None:
    assert Replace(pattern=pattern, to=to).to == to


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("tinyint", "-128", "128"),
        ("bigint", "9223372036854775807", "1e3"),
        ("double", "1e-3", "1_000"),
        ("decimal(5,2)", "-999.99", "1.005"),
        ("decimal(5,2)", "0", "NaN"),
        ("boolean", "true", "yes"),
        ("date", "2024-02-29", "2023-02-29"),
        ("timestamp", "2024-02-29 08:00:00", "2024-02-29 25:00:00"),
        ("string", "", None),
        ("binary", None, "a"),
    ],
)
def test_a_default_is_a_value_of_its_column(type_: str, good: str | None, bad: str | None) -> None:
    assert good is None or is_value(good, type_)
    assert bad is None or not is_value(bad, type_)


def test_the_page_names_every_key_there_is_and_its_examples_are_valid() -> None:
    page = (DOCS / "cleansing.md").read_text()
    pipeline, contract = (yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S))
    assert Cleanse.model_validate(pipeline["cleanse"]).deduplicate is not None
    assert [Column.model_validate(column).protect is not None for column in contract["columns"]] == [True] * 3
    models = (Cleanse, ColumnSteps, Replace, Deduplicate, Hash, Token, Mask)
    keys = {key for model in models for key in model.model_fields} | {"hash", "token", "mask"}
    assert [key for key in sorted(keys) if not re.search(rf"`[^`\n]*\b{key}\b|^ .*\b{key}: ", page, re.M)] == []


def test_the_rules_of_the_contracts_page_are_valid_in_its_contract() -> None:
    page = (DOCS / "contracts.md").read_text()
    texts = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    # Where YAML 1.1 takes `on` for a boolean, our own reader does not.
    blocks = [yaml.safe_load(text.replace(" on: {", " 'on': {")) for text in texts]
    rules = next(block["row_rules"] for block in blocks if set(block) == {"row_rules"})
    columns = [*blocks[0]["columns"], {"name": "till", "type": "int"}, {"name": "receipt", "type": "int"}]
    found = Contract.model_validate({**blocks[0], "columns": columns, "row_rules": rules})
    assert [rule.severity for rule in found.row_rules] == ["reject", "warn"]
    keep = type(found.row_rules[0]).model_fields["keep"].annotation
    assert all(f"`{choice}`" in page for choice in get_args(keep))
