"""Forms of a supported rule that are refused, because they judge otherwise here than on Glue, or never come true.

Sources: AWS's pages of each rule type say what Glue does, above all with NULL; the converters and analyzers of
com.amazon.deequ:deequ say what happens here. A where-clause may keep NULLs out, so with one no NULL is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from gluehouse.spec.contract import Column
from gluehouse.spec.dqdl.rules import Condition, Rule
from gluehouse.spec.dqdl.tokens import Fault

WITH = (
    "`with` is refused (differs): Glue judges the share of rows, PyDeequ all of them; "
    "write a row rule and a quarantine_limit in the contract"
)
DYNAMIC = (
    "dynamic operands are refused (glue-only): PyDeequ keeps no metrics of earlier runs; "
    "write a number, or two with between"
)
Columns = Mapping[str, Column]
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_DATA_TYPES = ("BOOLEAN", "DATE", "TIMESTAMP", "INTEGER", "DOUBLE", "FLOAT", "LONG")
_ORDERINGS = (">", ">=", "<", "<=", "between", "not between")
_AGGREGATE = re.compile(r"(?:sum|avg|SUM|AVG)\(([A-Za-z_][A-Za-z0-9_]*)\)")


def is_number(column: Column) -> bool:
    return column.type in (*_INTEGERS, "float", "double") or column.type.startswith("decimal")


def is_nested(column: Column) -> bool:
    return column.type.startswith(("array<", "map<", "struct<"))


def fits(role: str, column: Column) -> bool:
    """Whether a column's type is one that a parameter of this role takes."""
    fitting: dict[str, Callable[[Column], bool]] = {
        "column that is not nested": lambda one: not is_nested(one),
        "number column": is_number,
        "text column": lambda one: one.type == "string",
        "date or timestamp column": lambda one: one.type in ("date", "timestamp"),
    }
    return role not in fitting or fitting[role](column)


class Differs(str):
    """A refusal for PyDeequ's sake alone: Glue does what AWS's reference says."""

    __slots__ = ()


def faults(rule: Rule, columns: Columns) -> Iterator[Fault]:
    """Each form of the rule that is refused, at the condition or, without one, at the rule."""
    position = rule.condition.position if rule.condition else rule.position
    for message in _CHECKS.get(rule.name, _nothing)(rule, columns):
        yield Fault(position, message, isinstance(message, Differs))


def _nothing(_rule: Rule, _columns: Columns) -> Iterator[str]:
    yield from ()


def _first(rule: Rule, columns: Columns) -> tuple[Column | None, Condition | None, bool]:
    """The rule's first column, its condition, and whether rows with NULL in that column may be judged."""
    column = columns.get(rule.parameters[0].text) if rule.parameters else None
    return column, rule.condition, column is not None and column.nullable and rule.where is None


def _column_values(rule: Rule, columns: Columns) -> Iterator[str]:
    column, condition, may_be_null = _first(rule, columns)
    if column is None or condition is None or condition.has("call", "arithmetic", "constant"):
        return
    if condition.has("null") and condition.operator in _ORDERINGS:
        yield "NULL is neither more nor less than a value; write = NULL, != NULL or in [ …, NULL ]"
    elif condition.family == "number":
        yield from _against_numbers(column, condition)
    elif condition.family == "text":
        yield from _against_texts(column, condition)
        yield from _emptiness(column, condition, may_be_null)
    elif condition.family == "date":
        yield from _against_dates(column, condition, may_be_null)


def _against_numbers(column: Column, condition: Condition) -> Iterator[str]:
    by_extremes = condition.operator in ("=", ">", ">=", "<", "<=")
    if not is_number(column) and (by_extremes or column.type != "string"):
        yield f"compares with a number, but {column.name} is {column.type} in the contract"


def _against_texts(column: Column, condition: Condition) -> Iterator[str]:
    texts = [operand.text for operand in condition.operands if operand.kind == "text"]
    if condition.operator.endswith("matches"):
        if column.type != "string":
            yield f"matches takes a text column, but {column.name} is {column.type} in the contract"
        yield from _pattern(condition, texts[0])
    elif is_number(column) and not all(map(_is_number_text, texts)):
        yield f"compares with a text that is no number, but {column.name} is {column.type} in the contract"


def _pattern(condition: Condition, pattern: str) -> Iterator[str]:
    if condition.operator == "not matches":
        yield Differs(
            "`not matches` is refused (differs): PyDeequ refuses values that only begin with the pattern, and empty "
            'ones; write matches "(?!(PATTERN)$).+"'
        )
    elif _has_bare_bar(pattern):
        yield Differs(
            "`|` outside of parentheses is refused (differs): PyDeequ puts ^ before the first and $ behind the last "
            "alternative only; write (A|B)"
        )


def _emptiness(column: Column, condition: Condition, may_be_null: bool) -> Iterator[str]:
    negated = condition.operator in ("!=", "not in")
    if negated and may_be_null and condition.has("keyword") and not condition.has("null"):
        yield Differs(
            f"EMPTY and WHITESPACES_ONLY with `{condition.operator}` are refused where {column.name} may be NULL "
            f"(differs): Glue lets NULL pass, PyDeequ fails it; add NULL to the list, or "
            f'where "{column.name} is not null"'
        )


def _against_dates(column: Column, condition: Condition, may_be_null: bool) -> Iterator[str]:
    if column.type not in ("date", "timestamp", "string"):
        yield f"compares with a date, but {column.name} is {column.type} in the contract"
    elif condition.has("time") or any(re.search("hours|minutes", operand.text) for operand in condition.operands):
        yield Differs(
            "times of day are refused (differs): PyDeequ compares days only; write a date, now() or (now() - 1 days), "
            "or use DataFreshness"
        )
    elif condition.operator == "not between" and may_be_null:
        yield Differs(
            f"`not between` two dates is refused where {column.name} may be NULL (differs): Glue fails NULL, PyDeequ "
            f'lets it pass; write where "{column.name} is not null"'
        )
    elif column.type != "date" and condition.operator not in (">=", "<") and not condition.has("null"):
        yield Differs(
            f"`{condition.operator}` between {column.name}, which is {column.type}, and a date is refused (differs): "
            "PyDeequ cuts each value to its day; write >= or <, which mean the same for a day and a time"
        )


def _column_length(rule: Rule, columns: Columns) -> Iterator[str]:
    column, condition, may_be_null = _first(rule, columns)
    if column is None or condition is None or condition.family != "number":
        return
    operator = condition.operator
    zero = any(operand.kind == "number" and float(operand.text) == 0 for operand in condition.operands)
    if operator == "!=":
        yield Differs(
            "`!=` is refused (differs): PyDeequ compares the shortest and the longest text only; "
            f"write not in [{condition.operands[0]}]"
        )
    elif operator in ("not in", "not between") and zero:
        yield Differs(
            f"0 in `{operator}` is refused (differs): PyDeequ then lets every text pass; write > for the shortest one"
        )
    elif operator in (">", ">=", "=", "between") and may_be_null:
        yield Differs(
            f"`{operator}` is refused where {column.name} may be NULL (differs): Glue counts NULL as length 0, PyDeequ "
            f'leaves it out; write where "{column.name} is not null", or nullable: false in the contract'
        )


def _data_type(rule: Rule, _columns: Columns) -> Iterator[str]:
    condition = rule.condition
    if condition is None or condition.family != "text":
        return
    named = condition.operands[0].text
    if condition.operator != "=":
        yield "ColumnDataType takes = only, as in AWS's reference"
    elif named.upper() not in _DATA_TYPES:
        yield f"`{named}` is no type of ColumnDataType; it knows {', '.join(_DATA_TYPES)}"


def _primary_key(rule: Rule, columns: Columns) -> Iterator[str]:
    named = [columns[parameter.text] for parameter in rule.parameters if parameter.text in columns]
    nullable = [column.name for column in named if column.nullable]
    if len(rule.parameters) > 1 and nullable:
        yield Differs(
            f"IsPrimaryKey of several columns is refused where {', '.join(nullable)} may be NULL (differs): PyDeequ "
            "looks at their uniqueness alone; write nullable: false in the contract, or IsPrimaryKey of one column"
        )


def _names_pattern(rule: Rule, _columns: Columns) -> Iterator[str]:
    pattern = rule.parameters[0].text if rule.parameters else "^$"
    if not (pattern.startswith("^") and pattern.endswith("$")) or _has_bare_bar(pattern):
        yield Differs(
            "a pattern without ^ and $ is refused (differs): PyDeequ finds it anywhere in a name, AWS's reference "
            "at its beginning; write ^…$, and alternatives in parentheses"
        )


def _aggregates(rule: Rule, columns: Columns) -> Iterator[str]:
    for parameter in rule.parameters:
        found = _AGGREGATE.fullmatch(parameter.text)
        if found is None:
            yield (
                f"`{parameter.text}` is refused (unsupported): write sum(COLUMN) or avg(COLUMN) of this data set; no "
                "pipeline hands over a second one"
            )
        elif found[1] not in columns:
            yield f"{found[1]} is no column of the output contract"
        elif not is_number(columns[found[1]]):
            yield f"{found[1]} is {columns[found[1]].type} in the contract; sum and avg take numbers"


def _is_number_text(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text) is not None


def _has_bare_bar(pattern: str) -> bool:
    """Whether an alternative stands outside of all groups and classes."""
    rest = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    rest = re.sub(r"\[\^?\]?[^\]]*\]", "", rest)
    depth = 0
    for character in rest:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            return True
    return False


_CHECKS: dict[str, Callable[[Rule, Columns], Iterator[str]]] = {
    "AggregateMatch": _aggregates,
    "ColumnDataType": _data_type,
    "ColumnLength": _column_length,
    "ColumnNamesMatchPattern": _names_pattern,
    "ColumnValues": _column_values,
    "IsPrimaryKey": _primary_key,
}
