"""Dataset rules are read and judged without Spark: what is accepted is judged alike here and on Glue."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluehouse.cli.compile import compile_all
from gluehouse.errors import ConfigError
from gluehouse.spec.dqdl.judge import judge
from gluehouse.spec.dqdl.reader import read
from gluehouse.spec.dqdl.rules import Composite, Condition, Operand, Parameter, Reading, Rule, Tag
from gluehouse.spec.dqdl.support import RULE_TYPES
from gluehouse.spec.dqdl.where import columns_of
from tests.dqdl_rules import ACCEPTED, CONTRACT

ROOT = Path(__file__).resolve().parents[2]


def told(*rules: str) -> list[str]:
    """What is said of these rules, each as `line:column message`."""
    text = "Rules = [\n" + ",\n".join(rules) + "\n]\n"
    return [f"{fault.position.line}:{fault.position.column} {fault.message}" for fault in judge(text, CONTRACT)]


def said_of(text: str) -> list[str]:
    return [f"{fault.position.line}:{fault.position.column} {fault.message}" for fault in judge(text, CONTRACT)]


@pytest.mark.parametrize("rule", ACCEPTED)
def test_what_works_alike_is_accepted(rule: str) -> None:
    assert told(rule) == []


REFUSED = {
    "AllStatistics": 'AllStatistics "note"',
    "CustomSql": 'CustomSql "select count(*) from primary" > 0',
    "DatasetMatch": 'DatasetMatch "ref" "id" >= 0.9',
    "DetectAnomalies": 'DetectAnomalies "RowCount"',
    "Distribution": 'Distribution "note"',
    "DuplicateRowCount": "DuplicateRowCount = 0",
    "FileFreshness": 'FileFreshness "s3://bucket/" > (now() - 3 hours)',
    "FileMatch": 'FileMatch "s3://a/" "s3://b/"',
    "FileSize": 'FileSize "s3://bucket/" > 5 MB',
    "FileUniqueness": 'FileUniqueness "s3://bucket/" = 1',
    "InterquartileRange": 'InterquartileRange "rate" < 3',
    "Kurtosis": 'Kurtosis "rate" < 3',
    "Range": 'Range "rate" < 3',
    "ReferentialIntegrity": 'ReferentialIntegrity "id" "ref.id" = 1.0',
    "RowCountMatch": 'RowCountMatch "ref" = 1.0',
    "SchemaMatch": 'SchemaMatch "ref" = 1.0',
    "Skewness": 'Skewness "rate" < 3',
    "Variance": 'Variance "rate" < 3',
    "ZerosCount": 'ZerosCount "rate" < 3',
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_type_that_does_not_work_is_refused_with_its_reason_and_what_to_write(name: str) -> None:
    kind = RULE_TYPES[name]
    assert told(REFUSED[name]) == [f"2:1 {name} is refused ({kind.support}): {kind.reason}; {kind.instead}"]
    assert kind.support != "supported"
    assert kind.reason
    assert kind.instead


def test_every_rule_type_is_tried_here() -> None:
    accepted = {leaf.name for rule in ACCEPTED for leaf in read(f"Rules = [{rule}]").rules[0].leaves()}
    assert accepted == {name for name, kind in RULE_TYPES.items() if kind.support == "supported"}
    assert set(REFUSED) == set(RULE_TYPES) - accepted


LIMITS = [
    ('AggregateMatch "sum(amount)" "sum(ref.amount)" = 1', "no pipeline hands over a second one"),
    ('AggregateMatch "sum(amount)" "avg(status)" = 1', "sum and avg take numbers"),
    ('AggregateMatch "sum(amuont)" "avg(amount)" = 1', "amuont is no column"),
    ('ColumnDataType "note" != "DATE"', "takes = only"),
    ('ColumnDataType "note" = "STRING"', "`STRING` is no type of ColumnDataType"),
    ('ColumnDataType "rate" = "DATE"', "takes a text column, but rate is double"),
    ('ColumnLength "note" > 3', "where note may be NULL (differs)"),
    ('ColumnLength "status" != 3', "write not in [3]"),
    ('ColumnLength "status" not in [0, 3]', "0 in `not in`"),
    ('ColumnLength "status" = NULL', "ColumnLength takes a condition on a number"),
    ('ColumnNamesMatchPattern "a.*"', "anywhere in a name"),
    ('ColumnValues "status" in ["new"] with threshold > 0.9', "`with` is refused (differs)"),
    ('ColumnValues "status" not matches "a.*"', "(?!(PATTERN)$)"),
    ('ColumnValues "status" matches "new|paid"', "write (A|B)"),
    ('ColumnValues "note" not in ["a", EMPTY]', "Glue lets NULL pass"),
    ('ColumnValues "changed" > "2024-01-01"', "PyDeequ cuts each value to its day"),
    ('ColumnValues "ordered" not between "2024-01-01" and "2024-02-01"', "Glue fails NULL"),
    ('ColumnValues "changed" > "12:30"', "times of day are refused"),
    ('ColumnValues "ordered" > (now() - 3 hours)', "times of day are refused"),
    ('ColumnValues "amount" > NULL', "NULL is neither more nor less"),
    ('IsPrimaryKey "id" "note"', "where note may be NULL (differs)"),
    ("RowCount > avg(last(10)) * 2", "dynamic operands are refused (glue-only)"),
    ("RowCount > 2 * 50", "write the value itself"),
    ('ColumnValues "status" in $allowed', "write the value itself"),
    ('Completeness "tags" > 0.5', "takes a column that is not nested, but tags is array<string>"),
    ('IsPrimaryKey "tags"', "takes a column that is not nested, but tags is array<string>"),
]


@pytest.mark.parametrize(("rule", "reason"), LIMITS)
def test_a_form_that_is_judged_otherwise_here_is_refused_with_its_reason(rule: str, reason: str) -> None:
    found = told(rule)
    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("RowCuont > 10", "2:1 RowCuont is no rule type; did you mean RowCount?"),
        ("rowcount > 10", "2:1 rowcount is no rule type; did you mean RowCount?"),
        ("Nonsense > 10", "2:1 Nonsense is no rule type; docs/quality.md lists them"),
        ('IsComplete "notes"', "2:12 notes is no column of orders.v1; did you mean note?"),
        ('IsComplete "Note"', "2:12 Note is no column of orders.v1; did you mean note?"),
        (
            'IsUnique "note" where "stauts = 1"',
            "2:17 `where` names stauts, which orders.v1 lacks; did you mean status?",
        ),
        ('IsUnique "note" "id"', "2:1 IsUnique takes one parameter, found 2"),
        ('RowCount "id" > 100', "2:1 RowCount takes no parameter, found 1"),
        ("IsPrimaryKey", "2:1 IsPrimaryKey takes one or more columns, found 0"),
        ('IsPrimaryKey of "id"', "2:14 IsPrimaryKey takes no `of` between its parameters"),
        ('IsComplete "note" > 0.5', "2:19 IsComplete takes nothing after its parameters"),
        ("RowCount", "2:1 RowCount takes a condition on a number, such as > 0"),
        ('RowCount = "a"', '2:10 RowCount takes a condition on a number, such as > 0, found `= "a"`'),
        ("RowCount > 3 days", "2:10 RowCount takes a condition on a number, such as > 0, found `> 3 days`"),
        (
            'DataFreshness "changed" < 3',
            "2:25 DataFreshness takes a condition on an age, such as <= 24 hours, found `< 3`",
        ),
        (
            'DataFreshness "note" < 3 days',
            "2:15 DataFreshness takes a date or timestamp column, but note is string in orders.v1",
        ),
        ('Mean "note" > 3', "2:6 Mean takes a number column, but note is string in orders.v1"),
        ("RowCount = NULL", "2:10 RowCount takes a condition on a number, such as > 0, found `= NULL`"),
        ("RowCount in [1, NULL]", "2:10 RowCount is never NULL; compare it with a number"),
        ('ColumnCount > 1 where "id > 1"', "2:17 ColumnCount takes no `where`"),
        ('Completeness "note" > 95', "2:21 Completeness is between 0 and 1, so a comparison with 95 says nothing"),
        ('Uniqueness "note" >= -0.1', "2:19 Uniqueness is between 0 and 1, so a comparison with -0.1 says nothing"),
        ('Completeness "note" > 1', "2:21 Completeness > 1 never holds"),
        ("RowCount >= 0", "2:10 RowCount >= 0 always holds"),
        ("RowCount > -1", "2:10 RowCount is 0 or more, so a comparison with -1 says nothing"),
        (
            "RowCount not between 5 and 5",
            "2:10 every value is not between 5 and 5; the lower bound comes first and is the lesser",
        ),
        (
            "RowCount between 9 and 3",
            "2:10 no value is between 9 and 3; the lower bound comes first and is the lesser",
        ),
        ('ColumnValues "note" > 3', "2:21 compares with a number, but note is string in the contract"),
        ('ColumnValues "paid" in [1]', "2:21 compares with a number, but paid is boolean in the contract"),
        ('ColumnValues "id" in ["a"]', "2:19 compares with a text that is no number, but id is bigint in the contract"),
        ('ColumnValues "id" > "2024-01-01"', "2:19 compares with a date, but id is bigint in the contract"),
        ('ColumnValues "id" matches "1.*"', "2:19 matches takes a text column, but id is bigint in the contract"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(rule: str, message: str) -> None:
    assert told(rule) == [message]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["1:1 expected `Rules`, found the end of the text"]),
        ("rules = []", ["1:1 expected `Rules`, found `rules`"]),
        ("Rules [ RowCount > 1 ]", ["1:7 expected `=`, found `[`"]),
        ("Rules = [ RowCount > 1", ["1:23 expected `,` or `]` after a rule, found the end of the text"]),
        ("Rules = [\n  RowCount > 1,\n]", ["3:1 expected a rule, such as RowCount > 0, found `]`"]),
        ("Rules = [ RowCount > 1 ] x", ["1:26 expected the end of the text after the rules, found `x`"]),
        ("Rules = [ RowCount => 1 ]", ["1:21 expected a number, a date, a duration or a text, found `>`"]),
        ("Rules = [ RowCount > 1e5x. ]", ["1:22 expected a number, a date, a duration or a text, found `1e5x.`"]),
        ('Rules = [ RowCount > "a" ]', ["1:20 `>` compares numbers, dates and durations, not texts"]),
        ("Rules = [ RowCount ! 1 ]", ["1:22 expected `=`, found `1`"]),
        ("Rules = [ RowCount between 1 ]", ["1:30 expected `and` between two bounds, found `]`"]),
        ("Rules = [ RowCount in (1) ]", ["1:23 expected `[`, found `(`"]),
        ("Rules = [ RowCount not > 1 ]", ["1:24 expected `between`, `in` or `matches`, found `>`"]),
        ('Rules = [ IsComplete "id ]', ["1:22 a quote opens a text here that no quote closes"]),
        ("Rules = [ RowCount > 1 ] # end", ["1:26 a comment begins here that no line break ends"]),
        ("Rules = [ RowCount > 1\r\n]", ["1:23 expected `,` or `]` after a rule, found `\r`"]),
        ('Rules = [ IsUnique "id" where "" ]', ["1:31 `where` has no condition"]),
        (
            'Rules = [ IsUnique "id" where id ]',
            ['1:31 expected a condition in quotes, as in where "amount > 0", found `id`'],
        ),
        (
            'Rules = [ ColumnValues "id" in [1, "a"] ]',
            ["1:29 the values of one condition are of one kind: numbers, texts, dates or durations"],
        ),
        (
            'Rules = [ IsUnique "id" and IsComplete "id" ]',
            ["1:25 each rule of a composite stands in parentheses: (RULE) and (RULE)"],
        ),
        (
            "Rules = [ (RowCount > 1) and RowCount < 9 ]",
            ["1:30 expected `(` after and, as in (RULE) and (RULE), found `RowCount`"],
        ),
        (
            "Rules = [ RowCount > 1 or RowCount < 9 ]",
            ["1:11 each rule of a composite stands in parentheses: (RULE) and (RULE)"],
        ),
        (
            "Rules = [ " + "(" * 40 + "RowCount > 1" + ")" * 40 + " ]",
            ["1:41 rules are nested deeper than 30 parentheses"],
        ),
        ('Rules = [ RowCount > 1 labels=["a"="b"] ]', ["1:24 labels are known to Glue only; leave them out"]),
        (
            'names = ["a"]\nRules = [ RowCount > 1 ]',
            ["1:1 constants are not supported (names); write the value where it is used"],
        ),
        ("Analyzers = [ RowCount ]", ["1:1 the section Analyzers has no effect here; write Rules = [ … ] alone"]),
        ("Rules = [   \n  # a comment\n\n   Nope > 1 ]", ["4:4 Nope is no rule type; docs/quality.md lists them"]),
        (
            'Rules = [ IsUnique "a\n b", Nope > 1 ]',
            ["1:20 a\n b is no column of orders.v1", "2:6 Nope is no rule type; docs/quality.md lists them"],
        ),
        (
            "Rules = [ ColumnCount in [1, , 2], RowCount 1 ]",
            [
                "1:30 expected a number, a date, a duration or a text, found `,`",
                "1:45 expected `,` or `]` after a rule, found `1`",
            ],
        ),
        ("Rules = [ ]", ["1:1 there is no rule; write one, or leave the key out"]),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_what_was_expected(text: str, messages: list[str]) -> None:
    assert said_of(text) == messages


def test_all_faults_of_a_text_are_told_together_in_their_order() -> None:
    text = 'Rules = [ # a ] in it\n RowCount >,\n (IsComplete "a") and (Mean "note" > 3),\n IsComplet "id",\n]'
    assert [fault.position.line for fault in judge(text, CONTRACT)] == [2, 3, 3, 4, 5]


def test_a_rule_that_stands_twice_is_told_at_its_second_place_however_it_is_written() -> None:
    assert told('IsComplete "id"', "RowCount>10", "RowCount  >  10") == ["4:1 the rule of line 3 stands here again"]
    assert told('IsComplete "id"', 'IsComplete "line"', 'IsComplete "id" where "line > 1"') == []


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        ("amount > -1.5 and not (note is not null or `line` in (1, 2))", ("amount", "note", "line")),
        ("rate between 1 and 2", ("rate",)),
        ("note rlike 'x.*' or paid is unknown", ("note", "paid")),
        ("upper(nope) = 'X'", ()),
        ("cast(nope as int) = 1", ()),
        ("nope.inner = 1", ()),
        ("ordered > date '2024-01-01'", ()),
        ("ordered > current_date", ()),
        ("id in (select nope from other)", ()),
        ("nope = 1L", ()),
        ("id > 1 -- nope", ()),
        ('nope = \\"a\\"', ()),
        ("", ()),
    ],
)
def test_the_columns_of_a_where_are_told_only_where_they_are_certain(where: str, columns: tuple[str, ...]) -> None:
    assert columns_of(where) == columns


PIPELINE = "config/pipelines/airports.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("config", "sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def refusal(checkout: Path, quality: str) -> list[str]:
    """The lines of the refusal of a checkout whose first pipeline has this `quality`."""
    file = checkout / PIPELINE
    head, _, rest = file.read_text("utf-8").partition("quality:\n")
    tail = rest[rest.index("publish:\n") :]
    file.write_text(f"{head}{quality}{tail}", "utf-8")
    with pytest.raises(ConfigError) as refused:
        compile_all(checkout)
    assert refused.value.code == "GH1001"
    return [line.strip().removeprefix(f"{checkout}/") for line in str(refused.value).splitlines()[1:-1]]


def test_gluehouse_check_tells_the_file_line_and_column_of_each_rule_that_is_wrong(checkout: Path) -> None:
    rules = '  rules: |\n\n    Rules = [\n      RowCount > 1,\n      Mean "tz" > 3\n    ]\n'
    quality = f"quality:\n{rules}  warn: 'Rules = [ Nope ]'\n"
    assert refusal(checkout, quality) == [
        f"{PIPELINE}:27:12: quality.rules: Mean takes a number column, but tz is string in airports_curated.v1",
        f"{PIPELINE}:29:20: quality.warn: Nope is no rule type; docs/quality.md lists them",
    ]


@pytest.mark.parametrize("style", [">", ">-"])
def test_a_folded_text_is_told_by_its_key_and_the_place_in_the_text(checkout: Path, style: str) -> None:
    quality = f"quality:\n  rules: {style}\n    Rules = [ RowCount > 1,\n    Nope ]\n"
    message = "Nope is no rule type; docs/quality.md lists them (line 1, column 25 of the text)"
    assert refusal(checkout, quality) == [f"{PIPELINE}:23: quality.rules: {message}"]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ('"Rules = [ Nope ]"', "23:21: quality.rules: Nope is no rule type; docs/quality.md lists them"),
        (
            '"\\x52ules = [ Nope ]"',
            "23: quality.rules: Nope is no rule type; docs/quality.md lists them (line 1, column 11 of the text)",
        ),
        ("Rules = [ Nope ]", "23:20: quality.rules: Nope is no rule type; docs/quality.md lists them"),
        ('""', "23:11: quality.rules: expected `Rules`, found the end of the text"),
    ],
)
def test_a_text_on_the_line_of_its_key_is_told_by_column_where_yaml_leaves_it_as_it_is(
    checkout: Path, written: str, place: str
) -> None:
    assert refusal(checkout, f"quality:\n  rules: {written}\n") == [f"{PIPELINE}:{place}"]


def test_rules_without_a_text_are_no_rules(checkout: Path) -> None:
    file = checkout / PIPELINE
    text = re.sub(r"quality:\n.*?publish:", "quality: {}\npublish:", file.read_text("utf-8"), flags=re.S)
    file.write_text(text, "utf-8")
    assert compile_all(checkout)["airports"].spec.quality.rules is None


def test_a_replaced_text_is_told_by_its_key(checkout: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"airports.yaml:23: quality.rules: Nope .* \(line 1, column 11 of the text\)"
    ):
        compile_all(checkout, {"airports": {"quality": {"rules": "Rules = [ Nope ]"}}})


names = st.sampled_from(["Nope", "a.b", "x1", "ColumnVal", "sum_of", "Where"])
inner = st.text(st.characters(codec="utf-8", exclude_characters='"\\'), max_size=6)
# What looks like a date or a time is one to the language.
texts = inner.filter(lambda text: not re.match(r"\d{1,4}[:-]\d\d", text))
numbers = st.sampled_from(["0", "-1", "007", "2.50", "-0.1"]).map(lambda text: Operand("number", text))
quoted = texts.map(lambda text: Operand("text", text))
calls = st.integers(1, 9).map(lambda runs: Operand("call", f"avg(last({runs})) * 2"))
durations = st.builds(lambda n, unit: Operand("duration", f"{n} {unit}"), st.integers(0, 99), st.sampled_from(["days"]))
dates = st.dates().map(lambda day: Operand("date", day.isoformat())) | st.just(Operand("now", "(now() - 3 days)"))
ordered_values = numbers | calls | durations | dates
conditions = (
    st.builds(lambda o, v: Condition(o, (v,)), st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), ordered_values)
    | st.builds(lambda o, v: Condition(o, (v, v)), st.sampled_from(["between", "not between"]), ordered_values)
    | st.builds(lambda o, v: Condition(o, (v,)), st.sampled_from(["=", "!=", "matches", "not matches"]), quoted)
    | st.builds(
        lambda o, v: Condition(o, tuple(v)),
        st.sampled_from(["in", "not in"]),
        st.lists(numbers, min_size=1, max_size=3) | st.lists(quoted, min_size=1, max_size=3),
    )
)
parameters = st.builds(Parameter, texts) | st.builds(Parameter, names, st.just(False))
tags = st.builds(Tag, st.just("threshold"), st.builds(lambda v: Condition(">", (v,)), numbers))
rules = st.builds(
    Rule,
    names,
    st.lists(parameters, max_size=2).map(tuple),
    st.none() | conditions,
    st.none() | texts.filter(str.strip),
    st.lists(tags, max_size=1).map(tuple),
)
joined = st.recursive(
    rules,
    lambda parts: st.builds(
        Composite, st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3).map(tuple)
    ),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(joined, min_size=1, max_size=3))
def test_rules_that_are_printed_and_read_again_are_the_same_rules(printed: list[Rule | Composite]) -> None:
    assert read(str(Reading(tuple(printed)))) == Reading(tuple(printed))


WORDS = r"""Rules = [ ] ( ) , > >= ! - * $x # { \ " "a" "note" "2024-01-01" "12:30" 1 2.5 days now() NULL EMPTY avg
not in between and or of with where matches threshold labels RowCount IsComplete ColumnValues ColumnLength"""
fragments = st.sampled_from([*WORDS.split(), "\n"])


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.lists(fragments, max_size=40).map(lambda words: "Rules = [ " + " ".join(words)))
def test_no_text_makes_the_check_raise_anything(text: str) -> None:
    for fault in judge(text, CONTRACT):
        assert 1 <= fault.position.line <= text.count("\n") + 1


@pytest.mark.parametrize("text", ["(" * 5_000, "Rules = [ RowCount > " + "(" * 5_000, '"' + "\\" * 5_001])
def test_no_depth_and_no_length_makes_the_check_raise(text: str) -> None:
    assert len(judge(text, CONTRACT)) == 1


def test_the_rule_types_are_those_that_the_pinned_parser_knows() -> None:
    """The jar is there once `make setup` has run; what it does not know must not be called supported."""
    (jar,) = (ROOT / ".cache/jars/glue-5.1/extra").glob("dqdl-*.jar")
    with zipfile.ZipFile(jar) as files:
        known = {one["rule_type_name"]: one for one in json.loads(files.read("rules/rules-config.json"))["rule_types"]}
    supported = {name: kind for name, kind in RULE_TYPES.items() if kind.support == "supported"}
    assert sorted(set(supported) - set(known)) == []
    assert sorted(set(known) - set(RULE_TYPES)) == []
    assert {name for name, kind in supported.items() if kind.where} == {
        name for name in supported if known[name].get("is_where_clause_supported")
    }


def test_the_table_of_the_documents_is_the_table_of_the_code() -> None:
    table = (ROOT / "docs/quality.md").read_text("utf-8").partition("## Which rule types work")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| (.+) \|$", table, re.M)
    assert [name for name, *_ in rows] == sorted(RULE_TYPES)
    for name, support, where, told_there in rows:
        kind = RULE_TYPES[name]
        usable = kind.support == "supported"
        expected = (kind.limits or "in every form") if usable else f"{kind.reason}; {kind.instead}"
        takes_where = ("yes" if kind.where else "no") if usable else "-"
        assert (name, support, where, told_there.replace("\\|", "|")) == (name, kind.support, takes_where, expected)


def test_the_rules_of_the_documents_are_told_as_they_say(tmp_path: Path) -> None:
    readme, page = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/quality.md"))
    for path, content in re.findall(r"`(config/[^`]+\.yaml)`:\n\n```yaml\n(.*?)^```", readme, re.M | re.S):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(content, "utf-8")
    right, wrong = re.findall(r"^```yaml\n(quality:.*?)^```", page, re.M | re.S)
    file = tmp_path / "config/pipelines/orders.yaml"
    head, publish = re.split(r"quality:.*(?=publish:)", file.read_text("utf-8"), flags=re.S)
    file.write_text(head + right + publish, "utf-8")
    assert list(compile_all(tmp_path)) == ["orders"]
    file.write_text(head + wrong + publish, "utf-8")
    with pytest.raises(ConfigError) as refused:
        compile_all(tmp_path)
    lines = [line.strip().removeprefix(f"{tmp_path}/") for line in str(refused.value).splitlines()[1:-1]]
    assert lines == re.findall(r"^config/pipelines/orders\.yaml:.*$", page, re.M)
