"""What a new version of a contract changes, and what that breaks in the pipelines that use it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from gluehouse.cli.contract import contract as commands
from gluehouse.errors import ConfigError
from gluehouse.spec.change import Change, ChangeKind
from gluehouse.spec.contract import Contract
from gluehouse.spec.contract_effects import diff
from gluehouse.spec.contract_uses import Consumer
from gluehouse.spec.pipeline import PipelineSpec

CHECKOUT = Path(__file__).resolve().parents[2]
OLD: dict[str, Any] = {
    "contract": "sales.v1",
    "columns": [
        {"name": "id", "type": "int", "nullable": False},
        {"name": "at", "type": "timestamp", "nullable": False, "format": ["dd.MM.yy HH:mm"], "zone": "Europe/Paris"},
        {"name": "town", "type": "string", "aliases": ["city"]},
        {"name": "net", "type": "decimal(10,2)"},
        {"name": "op", "type": "string", "nullable": False},
        {"name": "note", "type": "string", "pii": "direct"},
    ],
    "keys": ["id"],
    "row_rules": [
        {"rule": "between", "column": "net", "min": 0, "max": 100},
        {"rule": "in_set", "column": "op", "values": ["I", "D"]},
        {"rule": "length", "column": "town", "max": 9, "severity": "warn"},
        {"rule": "expression", "name": "paid", "sql": "net > 0 OR 'town' IS NULL"},
    ],
}
PIPELINE: dict[str, Any] = {
    "pipeline": "sales",
    "source": {"kind": "file", "format": "csv", "prefix": "sales/", "mode": "changes"},
    "contract": "sales.v1",
    "process": {"engine": "glue_pyspark"},
    "history": {"keys": ["id"], "sequence_by": ["at"], "deletes": {"column": "op", "values": ["D"]}},
    "quality": {"rules": 'Rules = [ IsComplete "town", ColumnValues "net" >= 0 where "note is not null" ]'},
    "publish": [{"target": "delta", "table": "curated.sales"}],
}


def column(of: str, /, **changes: Any) -> dict[str, Any]:
    """The old contract with one column changed."""
    new = copy.deepcopy(OLD)
    place = next(place for place, found in enumerate(new["columns"]) if found["name"] == of)
    new["columns"][place] = {**new["columns"][place], **changes}
    return new


def renamed(name: str, to: str) -> dict[str, Any]:
    new = column(name, name=to, aliases=[name, *(["city"] if name == "town" and to != "city" else [])])
    for rule in new["row_rules"]:
        if rule.get("column") == name:
            rule["column"] = to
    new["keys"] = [to if key == name else key for key in new["keys"]]
    return new


def without(name: str) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    new["columns"] = [found for found in new["columns"] if found["name"] != name]
    new["row_rules"] = [rule for rule in new["row_rules"] if rule.get("column") != name]
    new["keys"] = [key for key in new["keys"] if key != name]
    return new


def rule(place: int, **changes: Any) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    new["row_rules"][place] = {**new["row_rules"][place], **changes}
    return new


def more(**changes: Any) -> dict[str, Any]:
    return {**OLD, **changes}


def added(**changes: Any) -> dict[str, Any]:
    return more(columns=[*OLD["columns"], {"name": "tax", "type": "double", **changes}])


def consumer(**changes: Any) -> Consumer:
    changes = dict(changes)
    rest = {name: changes.pop(name) for name in ("sql", "output", "input") if name in changes}
    return Consumer(spec=PipelineSpec.model_validate({**PIPELINE, **changes}), **rest)


def found(new: dict[str, Any], *consumers: Consumer) -> tuple[Change, ...]:
    return diff(Contract.model_validate(OLD), Contract.model_validate({**new, "contract": "sales.v2"}), consumers)


def broken(new: dict[str, Any], *consumers: Consumer) -> list[tuple[str, str]]:
    places = [place for change in found(new, *consumers) for place in change.breaks]
    return [(place.where.partition(": ")[2] or place.where, place.severity) for place in places]


CHANGES = [
    (added(), "column_added", "risky"),
    (added(nullable=False), "column_added", "breaking"),
    (without("note"), "column_removed", "risky"),
    (renamed("note", "remark"), "column_renamed", "risky"),
    (column("id", type="bigint"), "type_widened", "compatible"),
    (column("id", type="smallint"), "type_narrowed", "breaking"),
    (column("note", type="binary"), "type_changed", "breaking"),
    (column("town", nullable=False), "nullable_tightened", "risky"),
    (column("op", nullable=True), "nullable_loosened", "compatible"),
    (column("at", format=["dd.MM.yy HH:mm", "yyyy"]), "format_changed", "compatible"),
    (column("at", format=["yyyy", "dd.MM.yy HH:mm"]), "format_changed", "risky"),
    (column("at", format="yyyy"), "format_changed", "breaking"),
    (column("at", zone="Europe/Rome"), "zone_changed", "breaking"),
    (column("town", aliases=["city", "Ort"]), "alias_added", "compatible"),
    (column("town", aliases=[]), "alias_removed", "risky"),
    (column("note", pii="indirect"), "pii_changed", "risky"),
    (column("note", protect={"how": "hash"}), "protection_changed", "breaking"),
    (column("net", description="without tax"), "description_changed", "compatible"),
    (more(keys=["id", "town"]), "key_changed", "risky"),
    (more(row_rules=[*OLD["row_rules"], {"rule": "length", "column": "note", "max": 9}]), "rule_added", "risky"),
    (more(row_rules=OLD["row_rules"][1:]), "rule_removed", "compatible"),
    (rule(0, max=50), "rule_tightened", "risky"),
    (rule(0, max=None), "rule_loosened", "compatible"),
    (rule(0, min=1, max=200), "rule_changed", "risky"),
    (rule(1, values=["I"]), "rule_tightened", "risky"),
    (rule(1, values=["I", "U"]), "rule_changed", "risky"),
    (rule(2, max=5), "rule_tightened", "compatible"),
    (rule(2, severity="reject"), "rule_tightened", "risky"),
    (rule(1, severity="warn"), "rule_loosened", "compatible"),
    (rule(3, sql="net > 1"), "rule_changed", "risky"),
    (more(evolution={"added": "refuse"}), "policy_changed", "risky"),
    (more(evolution={"removed": "ignore"}), "policy_changed", "risky"),
    (more(quarantine_limit=0.01), "limit_changed", "risky"),
    (more(quarantine_limit=0.5), "limit_changed", "compatible"),
    (more(description="All sales"), "description_changed", "compatible"),
]


def test_a_contract_differs_from_itself_in_nothing_whatever_its_version() -> None:
    assert found(OLD, consumer()) == ()


@pytest.mark.parametrize(("new", "kind", "severity"), CHANGES, ids=[f"{k}-{s}" for _, k, s in CHANGES])
def test_a_change_is_told_once_with_its_kind_and_how_bad_it_is_by_itself(
    new: dict[str, Any], kind: str, severity: str
) -> None:
    assert [(change.kind, change.severity) for change in found(new)] == [(kind, severity)]


def test_every_kind_of_change_has_an_example_here() -> None:
    assert {kind for _, kind, _ in CHANGES} == set(get_args(ChangeKind))


def test_a_new_column_that_may_be_left_out_is_compatible() -> None:
    new = {**added(), "evolution": {"removed": "ignore"}}
    assert [(c.kind, c.severity) for c in found(new) if c.subject == "tax"] == [("column_added", "compatible")]


def test_a_rename_without_the_old_name_among_the_aliases_is_one_column_less_and_one_more() -> None:
    new = renamed("note", "remark")
    new["columns"][-1]["aliases"] = []
    assert [change.kind for change in found(new)] == ["column_removed", "column_added"]


def test_to_call_a_column_by_its_alias_breaks_deliveries_under_the_old_name_unless_that_becomes_one() -> None:
    new = renamed("town", "city")
    new["columns"][2]["aliases"] = []
    assert {(c.kind, c.severity) for c in found(new)} == {("column_renamed", "risky"), ("alias_removed", "breaking")}
    new["columns"][2]["aliases"] = ["town"]
    assert [c.kind for c in found(new)] == ["column_renamed"]


def test_rules_follow_a_renamed_column() -> None:
    assert [change.kind for change in found(renamed("town", "place"))] == ["column_renamed"]


UNIQUE = {"rule": "unique", "columns": ["net", "op"]}
LAST = {**UNIQUE, "keep": "last", "by": ["at"]}
KNOWN = {"rule": "reference", "on": {"town": "name"}, "table": "curated.towns"}


@pytest.mark.parametrize(
    ("was", "now", "kinds"),
    [
        (UNIQUE, UNIQUE, []),
        (UNIQUE, {**UNIQUE, "columns": ["net"]}, ["rule_removed", "rule_added"]),
        (UNIQUE, LAST, ["rule_loosened"]),
        (LAST, UNIQUE, ["rule_tightened"]),
        (LAST, {**LAST, "keep": "first"}, ["rule_changed"]),
        (LAST, {**LAST, "by": ["id"]}, ["rule_changed"]),
        (KNOWN, KNOWN, []),
        (KNOWN, {**KNOWN, "table": "curated.places"}, ["rule_removed", "rule_added"]),
        (KNOWN, {**KNOWN, "on": {"town": "id"}}, ["rule_changed"]),
        (KNOWN, {**KNOWN, "current": False}, ["rule_loosened"]),
        (KNOWN, {**KNOWN, "severity": "warn"}, ["rule_loosened"]),
    ],
)
def test_a_rule_of_several_rows_or_another_table_is_told_apart(was: Any, now: Any, kinds: list[str]) -> None:
    old, new = (Contract.model_validate(more(row_rules=[rule])) for rule in (was, now))
    assert [change.kind for change in diff(old, new)] == kinds


def test_rules_of_several_columns_follow_renames() -> None:
    moved = {"town": "place", "net": "sum"}
    columns = [
        {**found, "name": moved.get(found["name"], found["name"]), "aliases": [found["name"]]}
        if found["name"] in moved
        else found
        for found in column("town", aliases=[])["columns"]
    ]
    old = more(row_rules=[UNIQUE, KNOWN], columns=column("town", aliases=[])["columns"])
    new = more(row_rules=[{**UNIQUE, "columns": ["sum", "op"]}, {**KNOWN, "on": {"place": "name"}}], columns=columns)
    changed = diff(Contract.model_validate(old), Contract.model_validate(new))
    assert [change.kind for change in changed] == ["column_renamed", "column_renamed"]


def test_cleansing_that_names_a_column_breaks_with_it() -> None:
    cleaning = consumer(cleanse={"columns": {"town": {"trim": "ends"}}, "deduplicate": {"keys": ["note"]}})
    assert ("cleanse", "breaking") in broken(without("town"), cleaning)
    assert ("cleanse", "breaking") in broken(without("note"), cleaning)
    assert ("cleanse", "breaking") not in broken(without("net"), cleaning)


def test_a_key_that_is_protected_otherwise_breaks_its_history() -> None:
    history = {"keys": ["note"], "sequence_by": ["at"]}
    told = broken(column("note", protect={"how": "hash"}), consumer(history=history))
    assert ("history, keys", "breaking") in told


@pytest.mark.parametrize(
    ("name", "where", "severity"),
    [
        ("id", "history, keys", "breaking"),
        ("at", "history, sequence_by", "breaking"),
        ("op", "history, deletes", "breaking"),
        ("town", "quality.rules", "breaking"),
        ("note", "quality.rules", "risky"),
        ("note", "history, the columns of its table", "risky"),
        ("net", "row rule paid", "breaking"),
    ],
)
@pytest.mark.parametrize("how", [without, lambda name: renamed(name, f"{name}_2")], ids=["removed", "renamed"])
def test_a_column_that_is_gone_breaks_what_names_it(how: Any, name: str, where: str, severity: str) -> None:
    assert (where, severity) in broken(how(name), consumer())


@pytest.mark.parametrize(
    ("check", "key"),
    [
        ({"reconcile": {"sums": [{"column": "net"}]}}, "reconcile.sums"),
        ({"reconcile": {"keys": {"columns": ["net"]}}}, "reconcile.keys"),
        ({"freshness": [{"column": "net", "within": "P1D"}]}, "freshness"),
        ({"references": [{"on": {"net": "id"}, "table": "a.b"}]}, "references"),
        ({"references": [{"on": {"id": "id"}, "table": "a.b", "at": "net"}]}, "references"),
    ],
)
def test_a_column_that_a_check_names_is_needed_there(check: dict[str, Any], key: str) -> None:
    named = (f"quality.{key}", "breaking")
    assert named in broken(without("net"), consumer(quality=check))
    assert named not in broken(without("note"), consumer(quality=check))


def test_an_audit_that_names_the_column_is_broken_without_it() -> None:
    audited = consumer(quality={}).model_copy(update={"audits": {"a.sql": "SELECT net FROM processed -- note"}})
    assert [where for where, _ in broken(without("net"), audited) if "audits/a.sql" in where]
    assert not [where for where, _ in broken(without("note"), audited) if "audits/a.sql" in where]


def test_what_names_other_columns_is_not_broken() -> None:
    places = [where for where, _ in broken(without("note"), consumer())]
    assert not {"history, keys", "history, sequence_by", "row rule paid"} & set(places)


@pytest.mark.parametrize(
    "part", [{"tracked": ["town"]}, {"untracked": ["town"]}, {"tie_breaker": "town"}, {"effective_at": "town"}]
)
def test_a_column_that_the_history_names_in_any_place_is_needed_there(part: dict[str, Any]) -> None:
    history = {**PIPELINE["history"], **part}
    assert (f"history, {next(iter(part))}", "breaking") in broken(without("town"), consumer(history=history))


@pytest.mark.parametrize(
    ("name", "to", "severity"),
    [
        ("id", "bigint", None),
        ("id", "double", "breaking"),
        ("id", "smallint", "risky"),
        ("id", "string", "breaking"),
        ("net", "decimal(12,4)", None),
        ("net", "decimal(10,4)", "risky"),
    ],
)
def test_a_history_takes_wider_types_of_the_same_kind_and_no_other(name: str, to: str, severity: str | None) -> None:
    told = [how_bad for where, how_bad in broken(column(name, type=to), consumer()) if where.startswith("history")]
    assert told == ([severity] if severity else [])


def test_sql_and_the_downstream_contract_are_looked_at_where_the_contract_is_the_input() -> None:
    output = Contract.model_validate({**OLD, "contract": "sums.v1"})
    sums = consumer(
        output_contract="sums.v1", output=output, process={"engine": "glue_sql", "sql": "model.sql"},
        sql={"model.sql": "SELECT id, Note FROM staging -- town"},
    )  # fmt: skip
    assert broken(without("note"), sums) == [
        ("sql/sales/model.sql", "breaking"),
        ("note", "risky"),
    ]
    assert broken(without("town"), sums) == [("town", "risky")]


def test_functions_of_ones_own_cannot_be_read_and_are_told() -> None:
    own = consumer(process={"engine": "glue_pyspark", "transforms": ["a.b:c"]}, history=None, quality={})
    assert broken(without("note"), own) == [("process.transforms a.b:c", "risky")]


def test_partitions_and_columns_from_the_key_are_looked_at() -> None:
    target = {"target": "delta", "table": "curated.sales", "partition_by": ["town"]}
    source = {**PIPELINE["source"], "columns_from_key": "(?P<town>[a-z]+)"}
    parted = consumer(history=None, quality={}, publish=[target], source=source)
    assert {("publish curated.sales partition_by", "breaking"), ("source.columns_from_key", "breaking")} == set(
        broken(without("town"), parted)
    )


def test_a_lookup_of_another_pipeline_in_the_published_table_is_looked_at() -> None:
    step = {"use": "lookup", "params": {"table": "curated.sales", "on": {"sale": "id"}, "columns": {"town": "sold_in"}}}
    other = consumer(
        pipeline="tax", contract="tax.v1", history=None, quality={},
        publish=[{"target": "delta", "table": "curated.tax"}],
        process={"engine": "glue_pyspark", "transforms": [step]},
    )  # fmt: skip
    assert ("lookup in curated.sales", "breaking") in broken(without("town"), consumer(), other)
    assert broken(without("town"), other) == []
    old, new = (Contract.model_validate(agreed) for agreed in (OLD, without("town")))
    told = diff(old, new, (consumer(), other), only=["tax"])
    assert [place.where for change in told for place in change.breaks] == [
        "config/pipelines/tax.yaml: lookup in curated.sales"
    ]
    assert ("lookup in curated.sales", "breaking") not in broken(without("note"), consumer(), other)


def test_a_row_rule_of_another_pipeline_that_refers_to_the_published_table_is_looked_at() -> None:
    rule = {"rule": "reference", "on": {"place": "town"}, "table": "curated.sales"}
    columns = [{"name": "place", "type": "string"}]
    tax = Contract.model_validate({"contract": "tax.v1", "columns": columns, "row_rules": [rule]})
    publish = [{"target": "delta", "table": "curated.tax"}]
    other = consumer(pipeline="tax", contract="tax.v1", history=None, quality={}, publish=publish, input=tax)
    assert ("reference(place in curated.sales)", "breaking") in broken(without("town"), consumer(), other)
    assert "reference(place in curated.sales)" not in dict(broken(without("note"), consumer(), other))


def test_parameters_that_no_lookup_can_have_do_not_stop_the_diff() -> None:
    step = {"use": "lookup", "params": {"table": ["curated.sales"], "on": "id", "columns": 3, "at": {}}}
    odd = consumer(history=None, quality={}, process={"engine": "glue_pyspark", "transforms": [step]})
    assert broken(without("note"), odd) == []


def test_other_keys_break_a_history_that_keeps_the_old_ones() -> None:
    assert broken(more(keys=["id", "town"]), consumer()) == [("history, keys", "breaking")]


def test_a_null_that_comes_to_a_key_or_a_rule_is_risky() -> None:
    assert broken(column("op", nullable=True), consumer()) == [("history, deletes", "risky")]


def test_another_zone_moves_the_events_of_a_history() -> None:
    assert broken(column("at", zone="Europe/Rome"), consumer()) == [("history, sequence_by", "breaking")]


def test_a_new_column_of_an_output_contract_must_be_made_by_somebody() -> None:
    made = consumer(contract="raw.v1", output_contract="sales.v1")
    assert ("process", "risky") in broken(added(), made)


def test_a_pipeline_of_other_contracts_is_not_touched() -> None:
    assert broken(without("id"), consumer(contract="other.v1")) == []


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(commands, ["diff", *words, "--root", str(root)])


def new_version(root: Path, *changes: tuple[str, str]) -> str:
    text = (root / "config/contracts/airports.v1.yaml").read_text()
    for old, new in (("airports.v1", "airports.v2"), *changes):
        assert old in text
        text = text.replace(old, new, 1)
    (root / "config/contracts/airports.v2.yaml").write_text(text)
    return "airports.v2"


def test_the_command_ends_with_0_where_nothing_breaks_and_lists_the_changes(root: Path) -> None:
    name = new_version(root, ("max: 90", "max: 89"))
    ended = run(root, "airports.v1", name)
    assert ended.exit_code == 0
    assert "rule_tightened" in ended.output
    assert "0 breaking, 1 risky, 0 compatible" in ended.output


def test_the_command_ends_with_1_where_sql_of_the_checkout_breaks_and_names_the_file(root: Path) -> None:
    name = new_version(root, ("name: elevation, type", "name: height, aliases: [elevation], type"))
    ended = run(root, "airports.v1", name)
    assert ended.exit_code == 1
    assert "sql/airports_by_country/model.sql" in ended.output
    assert run(root, "airports.v1", name, "--pipelines", "airports_lambda").exit_code == 0


def test_the_command_says_the_same_in_json(root: Path) -> None:
    name = new_version(root, ("name: elevation, type", "name: height, aliases: [elevation], type"))
    told = json.loads(run(root, "airports.v1", name, "--json").output)
    assert (told["old"], told["new"], told["severity"]) == ("airports.v1", "airports.v2", "breaking")
    assert "column_renamed" in [change["kind"] for change in told["changes"]]


def test_a_file_is_taken_for_a_contract_too(root: Path, tmp_path: Path) -> None:
    new_version(root)
    file = (root / "config/contracts/airports.v2.yaml").rename(tmp_path / "draft.yaml")
    ended = run(root, "airports.v1", str(file))
    assert (ended.exit_code, "say the same" in ended.output) == (0, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("airports.v1", "airports.v9"), "GH1005"),
        (("nowhere.yaml", "airports.v1"), "GH1005"),
        (("airports.v1", "airports.v1", "--pipelines", "airprots"), "GH1002"),
        (("airports.v1", "airports.v2"), "GH1001"),
    ],
)
def test_what_cannot_be_read_is_a_configuration_error(root: Path, words: tuple[str, ...], code: str) -> None:
    new_version(root, ("type: double", "type: doubel"))
    refused = run(root, *words).exception
    assert isinstance(refused, ConfigError)
    assert refused.code == code


COLUMN = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abcd"),
        "type": st.sampled_from(["int", "bigint", "double", "string", "decimal(9,2)", "array<int>"]),
        "nullable": st.booleans(),
        "aliases": st.lists(st.sampled_from("abcdef"), max_size=2),
        "pii": st.sampled_from([None, "direct"]),
    }
)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    columns = draw(st.lists(COLUMN, min_size=1, max_size=4, unique_by=lambda found: found["name"]))
    taken = {found["name"] for found in columns}
    for found in columns:
        found["aliases"] = [name for name in dict.fromkeys(found["aliases"]) if name not in taken]
        taken |= set(found["aliases"])
    names = [found["name"] for found in columns]
    ruled = draw(st.lists(st.sampled_from(names), unique=True))
    rules = [{"rule": "length", "column": name, "max": draw(st.integers(0, 2))} for name in ruled]
    keys = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    return Contract.model_validate({"contract": "t.v1", "columns": columns, "row_rules": rules, "keys": keys})


def said(contract: Contract) -> tuple[object, ...]:
    """What a contract says, without the order of columns, aliases, keys and rules."""
    columns = {c.name: (c.model_dump(exclude={"aliases"}), {*c.aliases}) for c in contract.columns}
    return columns, {*contract.keys}, {*contract.row_rules}


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(contracts(), contracts())
def test_any_two_contracts_are_the_same_exactly_where_no_change_is_told(old: Contract, new: Contract) -> None:
    told = diff(old, new)
    same = said(old) == said(new)
    assert same == (told == ())
    lost = {*old.column_names} - {*new.column_names}
    assert lost == {change.subject for change in told if change.kind in ("column_removed", "column_renamed")}
