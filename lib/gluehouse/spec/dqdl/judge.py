"""A text of dataset rules against the table of rule types and the contract of what the rules will judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from math import isinf

from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.dqdl import forms
from gluehouse.spec.dqdl.reader import read
from gluehouse.spec.dqdl.rules import Condition, Parameter, Reading, Rule
from gluehouse.spec.dqdl.support import RULE_TYPES, Role, RuleEngine, RuleType, Takes
from gluehouse.spec.dqdl.tokens import Fault, Position
from gluehouse.spec.dqdl.where import columns_of

_DESCRIBED: dict[Takes, str] = {
    "nothing": "nothing after its parameters",
    "number": "a condition on a number, such as > 0",
    "values": "a condition on values, such as in [ … ] or >= 0",
    "duration": "a condition on an age, such as <= 24 hours",
    "type": 'a type, such as = "DATE"',
}


def judge(text: str, contract: Contract, engine: RuleEngine = "deequ") -> tuple[Fault, ...]:
    """Everything that is wrong with the rules, by place; none where ``engine`` judges each as AWS's reference says.

    What Glue judges and PyDeequ does not (``Fault.glue_takes``) is wrong for PyDeequ only. What PyDeequ judges, Glue
    judges as well: nothing else is accepted for PyDeequ.
    """
    reading = read(text)
    if not reading.rules and not reading.faults:
        return (Fault(Position(), "there is no rule; write one, or leave the key out"),)
    found = [*reading.faults, *_repeated(reading)]
    for rule in reading.rules:
        for leaf in rule.leaves():
            found += _faults(leaf, contract)
    return tuple(sorted(fault for fault in set(found) if not (engine == "glue" and fault.glue_takes)))


def _repeated(reading: Reading) -> Iterator[Fault]:
    first: dict[str, Position] = {}
    for rule in reading.rules:
        position = first.setdefault(str(rule), rule.position)
        if position != rule.position:
            yield Fault(rule.position, f"the rule of line {position.line} stands here again")


def _faults(rule: Rule, contract: Contract) -> Iterator[Fault]:
    kind = RULE_TYPES.get(rule.name)
    if kind is None:
        meant = _meant(rule.name, RULE_TYPES) or "; docs/quality.md lists them"
        yield Fault(rule.position, f"{rule.name} is no rule type{meant}")
    elif kind.support != "supported":
        message = f"{rule.name} is refused ({kind.support}): {kind.reason}; {kind.instead}"
        yield Fault(rule.position, message, kind.on_glue)
        yield from _of_the_tags(rule, kind)
    else:
        yield from _of_the_form(rule, kind)
        yield from _of_the_columns(rule, kind, contract)
        yield from forms.faults(rule, {column.name: column for column in contract.columns})


def _of_the_parameters(rule: Rule, kind: RuleType) -> Iterator[Fault]:
    wanted = ("no parameter", "one parameter", "two parameters")[len(kind.parameters)]
    fits = len(rule.parameters) == len(kind.parameters)
    if kind.parameters == ("columns",):
        wanted, fits = "one or more columns", len(rule.parameters) > 0
    if not fits:
        yield Fault(rule.position, f"{rule.name} takes {wanted}, found {len(rule.parameters)}")
    for parameter in rule.parameters:
        if parameter.connector:
            yield Fault(parameter.position, f"{rule.name} takes no `{parameter.connector}` between its parameters")


def _of_the_form(rule: Rule, kind: RuleType) -> Iterator[Fault]:
    """What can be told without a contract: the number of parameters, condition, where, with."""
    yield from _of_the_parameters(rule, kind)
    if (rule.condition is None) != (kind.takes == "nothing"):
        position = rule.condition.position if rule.condition else rule.position
        yield Fault(position, f"{rule.name} takes {_DESCRIBED[kind.takes]}")
    elif rule.condition is not None:
        yield from _of_the_condition(rule.name, kind, rule.condition)
    if rule.where is not None and not kind.where:
        yield Fault(rule.where_position, f"{rule.name} takes no `where`")
    yield from _of_the_tags(rule, kind)


def _of_the_tags(rule: Rule, kind: RuleType) -> Iterator[Fault]:
    """`with` is refused once: for what no engine takes, or else because PyDeequ does not heed it."""
    for tag in rule.tags:
        condition = tag.condition
        shares = [float(operand.text) for operand in condition.operands if operand.kind == "number"]
        if not kind.threshold or tag.name != "threshold":
            yield Fault(tag.position, f"{rule.name} takes no `with {tag.name}`")
        elif len(shares) != len(condition.operands) or not all(0 <= share <= 1 for share in shares):
            yield Fault(condition.position, f"a threshold is a share of rows between 0 and 1, found `{condition}`")
        else:
            yield Fault(tag.position, forms.WITH, glue_takes=True)


def _of_the_condition(name: str, kind: RuleType, condition: Condition) -> Iterator[Fault]:
    if condition.has("call"):
        yield Fault(condition.position, forms.DYNAMIC, glue_takes=True)
        return
    if condition.has("arithmetic", "constant"):
        yield Fault(condition.position, "arithmetic and constants are not supported; write the value itself")
        return
    families = {"number": ("number",), "duration": ("duration",), "type": ("text",), "nothing": ()}
    accepted = families.get(kind.takes, ("number", "text", "date", "null"))
    if condition.family not in accepted:
        yield Fault(condition.position, f"{name} takes {_DESCRIBED[kind.takes]}, found `{condition}`")
    elif _is_empty(condition):
        who = "every" if condition.operator.startswith("not") else "no"
        yield Fault(condition.position, f"{who} value is {condition}; the lower bound comes first and is the lesser")
    elif kind.takes == "number":
        yield from _of_the_bounds(name, kind, condition)


def _is_empty(condition: Condition) -> bool:
    if not condition.operator.endswith("between") or any(one.kind != "number" for one in condition.operands):
        return False
    lower, upper = (float(operand.text) for operand in condition.operands)
    return lower >= upper


def _of_the_bounds(name: str, kind: RuleType, condition: Condition) -> Iterator[Fault]:
    if condition.has("null"):
        yield Fault(condition.position, f"{name} is never NULL; compare it with a number")
        return
    told = [operand.text for operand in condition.operands]
    values = [float(text) for text in told]
    beyond = [text for text, value in zip(told, values, strict=True) if not kind.low <= value <= kind.high]
    if beyond:
        bounds = f"{kind.low:g} or more" if isinf(kind.high) else f"between {kind.low:g} and {kind.high:g}"
        yield Fault(condition.position, f"{name} is {bounds}, so a comparison with {', '.join(beyond)} says nothing")
    elif (condition.operator, values[0]) in ((">", kind.high), ("<", kind.low)):
        yield Fault(condition.position, f"{name} {condition} never holds")
    elif (condition.operator, values[0]) in ((">=", kind.low), ("<=", kind.high)):
        yield Fault(condition.position, f"{name} {condition} always holds")


def _of_the_columns(rule: Rule, kind: RuleType, contract: Contract) -> Iterator[Fault]:
    columns = {column.name: column for column in contract.columns}
    each: Role = "column that is not nested"
    roles = [each for _ in rule.parameters] if kind.parameters == ("columns",) else kind.parameters
    for role, parameter in zip(roles, rule.parameters, strict=False):
        if role not in ("pattern", "aggregate"):
            yield from _of_the_column(rule, role, parameter, columns, contract.contract)
    # Spark takes either case for a column of a `where`; Deequ does not for a parameter.
    known = {name.lower() for name in columns}
    for name in columns_of(rule.where or ""):
        if name.lower() not in known:
            message = f"`where` names {name}, which {contract.contract} lacks{_meant(name, columns)}"
            yield Fault(rule.where_position, message)


def _of_the_column(
    rule: Rule, role: Role, parameter: Parameter, columns: dict[str, Column], contract: str
) -> Iterator[Fault]:
    column = columns.get(parameter.text)
    if column is None:
        yield Fault(parameter.position, f"{parameter.text} is no column of {contract}{_meant(parameter.text, columns)}")
    elif not forms.fits(role, column):
        yield Fault(parameter.position, f"{rule.name} takes a {role}, but {column.name} is {column.type} in {contract}")


def _meant(name: str, known: Iterable[str]) -> str:
    folded = {other.lower(): other for other in known}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]}?" if near else ""
