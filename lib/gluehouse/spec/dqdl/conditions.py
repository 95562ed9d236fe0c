"""The condition of a rule: its operator and its values."""

from __future__ import annotations

from typing import cast

from gluehouse.spec.dqdl.cursor import DEEPEST, Cursor
from gluehouse.spec.dqdl.rules import Condition, Operand, Operator
from gluehouse.spec.dqdl.tokens import DURATION_UNITS, SIZE_UNITS

COMPARISONS = ("=", ">", ">=", "<", "<=")


def condition(cursor: Cursor) -> Condition:
    """A comparison with its values, all of one kind; raises UnreadError."""
    position, operator = cursor.here.position, _operator(cursor)
    if operator.endswith("matches"):
        pattern = cursor.expect_kind("text", "a regular expression in quotes").text[1:-1]
        return Condition(operator, (Operand("text", pattern),), position)
    condition = Condition(operator, _operands(cursor, operator), position)
    if condition.family is None:
        cursor.refuse("the values of one condition are of one kind: numbers, texts, dates or durations", position)
    if condition.family == "text" and operator not in ("=", "!=", "in", "not in"):
        cursor.refuse(f"`{operator}` compares numbers, dates and durations, not texts", position)
    return condition


def _operator(cursor: Cursor) -> Operator:
    if cursor.meets("!"):
        cursor.take()
        cursor.expect("=")
        return "!="
    negated = "not " if cursor.meets("not") else ""
    if negated:
        cursor.take()
    if not cursor.meets("between", "in", "matches", *(() if negated else COMPARISONS)):
        cursor.fail("`between`, `in` or `matches`" if negated else "a comparison")
    return cast(Operator, negated + cursor.take().text)


def _operands(cursor: Cursor, operator: Operator) -> tuple[Operand, ...]:
    if operator.endswith("between"):
        first = _value(cursor)
        if not cursor.meets("and", "AND"):
            cursor.fail("`and` between two bounds")
        cursor.take()
        return first, _value(cursor)
    if not operator.endswith("in") or cursor.meets("$"):
        return (_value(cursor),)
    cursor.expect("[")
    values = [_value(cursor)]
    while cursor.meets(","):
        cursor.take()
        values.append(_value(cursor))
    cursor.expect("]")
    return tuple(values)


def _value(cursor: Cursor) -> Operand:
    kind = cursor.here.kind
    if kind in ("text", "date", "time"):
        return Operand(kind, cursor.take().text[1:-1])
    if kind == "now":
        return Operand("now", cursor.take().text)
    if cursor.meets("empty", "EMPTY", "whitespaces_only", "WHITESPACES_ONLY"):
        return Operand("keyword", cursor.take().text.upper())
    if cursor.meets("$"):
        cursor.take()
        return Operand("constant", "$" + cursor.expect_kind("word", "a constant's name").text)
    if cursor.meets("(") and cursor.next.kind == "now":
        return _moved_now(cursor)
    if kind == "number" and cursor.next.text in (*DURATION_UNITS, *SIZE_UNITS):
        return _with_unit(cursor)
    return _number(cursor, 0)


def _moved_now(cursor: Cursor) -> Operand:
    cursor.take()
    cursor.take()
    if not cursor.meets("+", "-"):
        cursor.fail("`+` or `-`, as in (now() - 3 days)")
    sign, moved = cursor.take().text, _value(cursor)
    if moved.kind != "duration":
        cursor.fail("days, hours or minutes, as in (now() - 3 days)")
    cursor.expect(")")
    return Operand("now", f"(now() {sign} {moved})")


def _with_unit(cursor: Cursor) -> Operand:
    if "." in cursor.here.text:
        cursor.fail("a whole number before a unit")
    amount, unit = cursor.take().text, cursor.take().text
    return Operand("duration" if unit in DURATION_UNITS else "size", f"{amount} {unit}")


def _number(cursor: Cursor, depth: int) -> Operand:
    """A number, or what would give one: a function of earlier runs, or arithmetic."""
    parts = [_term(cursor, depth)]
    while cursor.meets("+", "-", "*", "/"):
        parts += [Operand("arithmetic", cursor.take().text), _term(cursor, depth)]
    if len(parts) == 1:
        return parts[0]
    kind = "call" if any(part.kind == "call" for part in parts) else "arithmetic"
    return Operand(kind, " ".join(part.text for part in parts))  # type: ignore[arg-type]


def _term(cursor: Cursor, depth: int) -> Operand:
    if depth == DEEPEST:
        cursor.refuse(f"numbers are nested deeper than {DEEPEST} parentheses")
    if cursor.meets("-"):
        cursor.take()
        return Operand("number", "-" + cursor.expect_kind("number", "a number").text)
    if cursor.here.kind == "number":
        return Operand("number", cursor.take().text)
    if cursor.meets("null", "NULL"):
        cursor.take()
        return Operand("null", "NULL")
    if cursor.meets("("):
        cursor.take()
        inner = _number(cursor, depth + 1)
        cursor.expect(")")
        return Operand("call" if inner.kind == "call" else "arithmetic", f"({inner})")
    if cursor.here_is_name and cursor.next.text == "(":
        return _call(cursor, depth)
    return cursor.fail("a number, a date, a duration or a text")


def _call(cursor: Cursor, depth: int) -> Operand:
    name, arguments = cursor.take().text, []
    cursor.take()
    while not cursor.meets(")"):
        arguments.append(str(_number(cursor, depth + 1)))
        if not cursor.meets(")"):
            cursor.expect(",")
    cursor.take()
    return Operand("call", f"{name}({', '.join(arguments)})")
