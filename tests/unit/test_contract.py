"""What a contract may say, and what it may not because no run could act on it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.evolution import CANNOT, Evolution
from gluehouse.spec.pipeline import CompiledPipeline, PipelineSpec
from gluehouse.spec.types import ATOMIC_TYPES, is_wider, widens_by_itself

SALES: dict[str, Any] = {
    "contract": "sales.v1",
    "columns": [
        {"name": "id", "type": "bigint", "nullable": False},
        {"name": "opened", "type": "timestamp", "format": ["dd.MM.yy H:mm", "yyyy-MM-dd H:mm"], "zone": "Europe/Paris"},
        {"name": "closed", "type": "timestamp"},
        {"name": "buyer", "type": "string", "pii": "direct", "aliases": ["customer", "Client name"]},
        {"name": "net", "type": "decimal(12,2)"},
        {"name": "gross", "type": "double"},
        {"name": "tags", "type": "array<string>"},
        {"name": "marks", "type": "array<string>"},
    ],
    "keys": ["id"],
}  # fmt: skip
SPEC: dict[str, Any] = {
    "pipeline": "sales",
    "source": {"kind": "file", "format": "parquet", "prefix": "sales/", "mode": "changes"},
    "contract": "sales.v1",
    "process": {"engine": "glue_pyspark"},
    "history": {"keys": ["id"], "sequence_by": ["opened"]},
    "publish": [{"target": "delta", "table": "curated.sales"}],
}


def contract(**changes: Any) -> Contract:
    return Contract.model_validate({**SALES, **changes})


def compiled(source: dict[str, Any], **changes: Any) -> CompiledPipeline:
    spec = PipelineSpec.model_validate({**SPEC, "source": {**SPEC["source"], **source}})
    agreed = contract(**changes)
    return CompiledPipeline(name="sales", spec=spec, contract=agreed, output_contract=agreed)


def told_of(column: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Column.model_validate({"name": "a", "type": "timestamp", **column})
    return str(refused.value)


def test_a_contract_says_aliases_pii_formats_and_a_zone_of_its_columns() -> None:
    opened, buyer = contract().column("opened"), contract().column("buyer")
    assert (opened.formats, opened.zone) == (("dd.MM.yy H:mm", "yyyy-MM-dd H:mm"), "Europe/Paris")
    assert (buyer.names, buyer.pii) == (("buyer", "customer", "Client name"), "direct")
    assert Contract.model_validate_json(contract().model_dump_json()) == contract()


def test_one_format_may_be_written_without_a_list_and_none_left_out() -> None:
    assert Column(name="a", type="date", format="yyyy").formats == ("yyyy",)
    assert Column(name="a", type="date").formats == ()
    several = ("d.M.yy h:mm a", "yyyy-MM-dd'T'HH:mm[:ss][.SSS]XXX", "yyyyDDD", "dd LLLL yyyy 'o''clock' z")
    assert Column(name="a", type="timestamp", format=several).formats == several


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"type": "int", "format": "yyyy"}, "a format is for date and timestamp columns"),
        ({"format": []}, "must be one or more"),
        ({"format": ["yyyy", ""]}, "must be one or more"),
        ({"format": ["yyyy", "yyyy"]}, "none twice"),
        ({"zone": "Europe/Berlin"}, "has a zone but no format"),
        ({"type": "date", "format": "yyyy", "zone": "Europe/Berlin"}, "a zone is for timestamp columns"),
        ({"format": "yyyy HH:mm", "zone": "Europe/Berln"}, "is no time zone"),
        ({"format": "yyyy HH:mm", "zone": "+02:00"}, "is no time zone"),
        ({"format": ["HH:mm", "HH:mm XXX"], "zone": "UTC"}, "reads an offset itself"),
        ({"format": "YYYY-MM-dd"}, "has YYYY, by which Spark reads no text; y is the year"),
        ({"format": ["yyyy", "eee dd"]}, "has eee, by which"),
        ({"format": "yyyy-MM-ddTHH:mm"}, "has T, by which Spark reads no text; 'T' in quotes is text"),
        ({"format": "d. MMMMM yyyy"}, "has MMMMM, by which"),
        ({"format": "yyyy-MM-dd'T"}, "without the other"),
        ({"format": "yyyy]"}, "without the other"),
        ({"pii": "secret"}, "pii"),
        ({"aliases": [""]}, "aliases"),
    ],
)
def test_what_cannot_be_true_of_a_column_is_refused_with_the_reason(column: dict[str, Any], told: str) -> None:
    assert told in told_of(column)


@pytest.mark.parametrize("names", [{"name": "_raw"}, {"name": "_Violations"}, {"name": "a", "aliases": ["_malformed"]}])
def test_no_column_has_a_name_that_a_run_keeps_for_itself(names: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has a name that a run keeps for itself"):
        contract(columns=[{"type": "int", **names}], keys=[])


@pytest.mark.parametrize("aliases", [["a"], ["A"], ["b"], ["B"], ["x", "X"], ["y"]])
def test_no_two_columns_can_be_delivered_under_one_name(aliases: list[str]) -> None:
    columns = [
        {"name": "a", "type": "int", "aliases": aliases},
        {"name": "b", "type": "int", "aliases": ["Y"]},
    ]
    with pytest.raises(ValidationError, match="differ in case alone or stand twice"):
        contract(columns=columns, keys=[])


@pytest.mark.parametrize(
    ("left", "right", "fits"),
    [
        ("opened", "closed", True),
        ("net", "gross", True),
        ("id", "net", True),
        ("net", "buyer", False),
        ("id", "opened", False),
        ("tags", "marks", False),
    ],
)
def test_only_columns_of_one_kind_are_compared(left: str, right: str, fits: bool) -> None:
    rules = [{"rule": "comparison", "column": left, "operator": "<=", "other": right}]
    if fits:
        assert contract(row_rules=rules).row_rules[0].title == f"comparison({left} <= {right})"
    else:
        with pytest.raises(ValidationError, match="name two columns of one kind"):
            contract(row_rules=rules)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"rule": "comparison", "column": "net", "operator": "<=", "other": "nett"}, "row_rules name"),
        ({"rule": "comparison", "column": "net", "operator": "=", "other": "net"}, "names net twice"),
        ({"rule": "comparison", "column": "net", "operator": "==", "other": "gross"}, "operator"),
        ({"rule": "between", "column": "net", "min": 2, "max": 1}, "no value passes"),
        ({"rule": "between", "column": "net", "max": "1e999"}, "no column has a number"),
        ({"rule": "between", "column": "buyer", "min": 5}, "numbers as bounds, but buyer is string"),
        ({"rule": "between", "column": "opened", "min": 5}, "numbers as bounds, but opened is timestamp"),
        ({"rule": "length", "column": "buyer", "min": 2, "max": 1}, "no text passes"),
        ({"rule": "between", "column": "net", "min": 0, "severity": "stop"}, "severity"),
        ({"rule": "expression", "name": "few", "sql": "count(*) < 9"}, "calls count"),
        ({"rule": "unique", "columns": []}, "columns"),
        ({"rule": "unique", "columns": ["idd"]}, "row_rules name"),
        ({"rule": "unique", "columns": ["id", "id"]}, "['id'] twice"),
        ({"rule": "unique", "columns": ["tags"]}, "of nested types"),
        ({"rule": "unique", "columns": ["net"], "keep": "last"}, "keep: last needs `by`"),
        ({"rule": "unique", "columns": ["net"], "by": ["id"]}, "keep: none takes no `by`"),
        ({"rule": "unique", "columns": ["net"], "keep": "first", "by": ["opened"]}, "may be NULL"),
        ({"rule": "reference", "on": {}, "table": "curated.buyers"}, "on"),
        ({"rule": "reference", "on": {"byer": "id"}, "table": "curated.buyers"}, "row_rules name"),
        ({"rule": "reference", "on": {"buyer": "id"}, "table": "buyers"}, "table"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        contract(row_rules=[rule])
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?P<x>a)",
        "(?P<x>a)(?P=x)",
        "(a)?(?(1)b|c)",
        "(?a)x",
        "(?#c)a",
        "a{,3}",
        "{a}",
        r"\U00000041",
        r"\0",
        r"[\b]",
        "[a[b]",
    ],
)
def test_a_pattern_that_java_does_not_read_is_refused_with_what_to_write(pattern: str) -> None:
    with pytest.raises(ValidationError, match="; write") as refused:
        contract(row_rules=[{"rule": "pattern", "column": "buyer", "pattern": pattern}])
    assert "Java" in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [r"\{a\}", "a{2,}", "(?i-s:x)", "a++", r"(a)\1", r"[\]{}]", "[]a]", r"\012\u0041", r"[\w.]+@\\", "[a-z&&[^b]]", ""],
)
def test_a_pattern_that_java_reads_is_taken(pattern: str) -> None:
    found = contract(row_rules=[{"rule": "pattern", "column": "buyer", "pattern": pattern}])
    assert [rule.pattern for rule in found.row_rules] == [pattern]


@pytest.mark.parametrize("bound", [9007199254740993, "12345678901234567.88", 0.1, -90, 1e22])
def test_a_bound_is_the_number_that_was_written_also_in_an_artifact(bound: Any) -> None:
    found = contract(row_rules=[{"rule": "between", "column": "net", "max": bound}])
    again = Contract.model_validate_json(found.model_dump_json())
    assert [rule.max for one in (found, again) for rule in one.row_rules] == [Decimal(str(bound))] * 2


def test_rules_of_uniqueness_and_reference_are_called_by_their_columns() -> None:
    last = {"rule": "unique", "columns": ["net", "buyer"], "keep": "last", "by": ["id"]}
    known = {"rule": "reference", "on": {"buyer": "id"}, "table": "curated.buyers"}
    found = contract(row_rules=[last, known])
    assert [rule.title for rule in found.row_rules] == ["unique(net, buyer)", "reference(buyer in curated.buyers)"]
    assert Contract.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("how", [{"how": "hash"}, {"how": "token", "domain": "buyer"}, {"how": "mask", "keep_last": 4}])
def test_a_text_can_be_protected_and_nothing_else(how: dict[str, Any]) -> None:
    found = Column.model_validate({"name": "a", "type": "string", "protect": how})
    assert Column.model_validate_json(found.model_dump_json()) == found
    assert "protect gives texts" in told_of({"type": "int", "protect": how})


def test_a_key_may_be_a_hash_or_a_token_but_no_mask() -> None:
    def keyed(how: str) -> Contract:
        return contract(columns=[{"name": "id", "type": "string", "nullable": False, "protect": {"how": how}}])

    assert [keyed(how).keys for how in ("hash", "token")] == [("id",), ("id",)]
    with pytest.raises(ValidationError, match="are masked"):
        keyed("mask")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"deduplicate": {"keys": ["idd"]}}, "cleanse.deduplicate names idd"),
        ({"columns": {"id": {"default": "0"}}}, "the key id a default"),
        ({"columns": {"net": {"default": "much"}}}, "which is no decimal(12,2)"),
    ],
)
def test_cleansing_that_does_not_fit_the_contract_is_refused_when_it_is_compiled(
    changed: dict[str, Any], told: str
) -> None:
    agreed = contract()
    spec = PipelineSpec.model_validate({**SPEC, "cleanse": changed})
    with pytest.raises(ValidationError) as refused:
        CompiledPipeline(name="sales", spec=spec, contract=agreed, output_contract=agreed)
    assert told in str(refused.value)


def test_the_history_sees_what_it_is_ordered_by() -> None:
    columns = [*SALES["columns"], {"name": "version", "type": "string", "nullable": False, "protect": {"how": "hash"}}]
    history = {"keys": ["id"], "sequence_by": ["version"]}
    agreed = contract(columns=columns)
    spec = PipelineSpec.model_validate({**SPEC, "history": history})
    with pytest.raises(ValidationError, match="version is protected by hash, and history needs its values"):
        CompiledPipeline(name="sales", spec=spec, contract=agreed, output_contract=agreed)


def test_a_rule_rejects_unless_it_says_that_it_only_warns() -> None:
    rules = [
        {"rule": "between", "column": "net", "min": 0},
        {"rule": "pattern", "column": "buyer", "pattern": ".+", "severity": "warn"},
    ]
    assert [rule.severity for rule in contract(row_rules=rules).row_rules] == ["reject", "warn"]


@pytest.mark.parametrize(("kind", "answer"), list(CANNOT))
def test_an_answer_that_cannot_work_is_refused_with_the_reason(kind: str, answer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Evolution.model_validate({kind: answer})
    assert CANNOT[kind, answer] in str(refused.value)


def test_every_answer_to_every_kind_is_either_accepted_or_has_a_reason() -> None:
    accepted = []
    for kind in Evolution.model_fields:
        for answer in ("evolve", "ignore", "quarantine", "refuse"):
            if (kind, answer) not in CANNOT:
                assert getattr(Evolution.model_validate({kind: answer}), kind) == answer
                accepted.append((kind, answer))
    assert len(accepted) + len(CANNOT) == 20


@pytest.mark.parametrize(
    ("format_", "policy", "told"),
    [
        ("csv", {"widened": "refuse"}, "evolution.widened: refuse needs types, which csv"),
        ("json", {"narrowed": "refuse"}, "evolution.narrowed: refuse needs types, which json"),
        ("json", {"added": "refuse"}, "evolution.added: refuse needs one list of columns"),
        ("json", {"renamed": "refuse"}, "evolution.renamed: refuse needs one list of columns"),
        ("csv", {"removed": "ignore"}, "would leave ['opened'] NULL"),
    ],
)
def test_a_policy_that_the_source_cannot_keep_is_refused_when_it_is_compiled(
    format_: str, policy: dict[str, str], told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        compiled({"format": format_}, evolution=policy)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("format_", "policy"),
    [
        ("parquet", {"widened": "refuse", "added": "refuse"}),
        ("csv", {"added": "refuse", "renamed": "refuse"}),
        ("json", {}),
    ],
)
def test_a_policy_that_the_source_can_keep_is_compiled(format_: str, policy: dict[str, str]) -> None:
    assert compiled({"format": format_}, evolution=policy).contract.evolution == Evolution.model_validate(policy)


def test_a_column_from_the_objects_key_can_have_no_aliases() -> None:
    with pytest.raises(ValidationError, match="nothing is delivered under their aliases"):
        compiled({"format": "csv", "columns_from_key": "(?P<buyer>[a-z]+)"})


def test_no_type_is_wider_than_itself_and_none_both_wider_and_narrower() -> None:
    types = [*ATOMIC_TYPES, "decimal(10,0)", "decimal(20,0)", "decimal(12,2)", "array<int>"]
    both = [(a, b) for a in types for b in types if is_wider(a, b) and is_wider(b, a)]
    assert both == []
    assert all(is_wider(a, b) for a in types for b in types if widens_by_itself(a, b))


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("tinyint", "bigint", True),
        ("int", "double", True),
        ("bigint", "double", False),
        ("bigint", "decimal(20,0)", True),
        ("bigint", "decimal(19,0)", False),
        ("float", "double", True),
        ("decimal(10,2)", "decimal(12,4)", True),
        ("decimal(10,2)", "decimal(12,5)", False),
        ("decimal(10,2)", "decimal(10,1)", False),
        ("double", "decimal(38,10)", False),
        ("date", "timestamp", False),
        ("int", "string", False),
    ],
)
def test_a_type_is_wider_where_it_holds_every_value_without_loss(old: str, new: str, wider: bool) -> None:
    assert is_wider(old, new) is wider


PAGE = (Path(__file__).resolve().parents[2] / "docs/contracts.md").read_text("utf-8")


def test_the_contract_of_the_page_is_valid_and_the_page_names_every_key_there_is() -> None:
    block = re.search(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    assert block is not None
    assert Contract.model_validate(yaml.safe_load(block[1])).contract == "sales.v1"
    keys = [*Contract.model_fields, *Column.model_fields, *Evolution.model_fields, "comparison", "severity"]
    assert [key for key in keys if f"`{key}`" not in PAGE and f"`{key}:" not in PAGE] == []
