"""Row rules: pure functions of a typed row, each giving NULL for a good row and a violation for a bad one.

A violation is ``struct<rule string, reason string>``. Reasons name columns and bounds, never values: they are
read in logs and alerts, where row values must not appear.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import singledispatch
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.spec import row_rule as spec
from gluehouse.spec.exact import exact
from gluehouse.spec.row_sql import as_condition
from gluehouse.spec.types import family

VIOLATION = "struct<rule: string, reason: string>"


def violation(condition: Column, rule: str, reason: str) -> Column:
    """A violation where ``condition`` is true, else NULL (also where it is NULL: an unknown is no violation)."""
    return F.when(condition, F.struct(F.lit(rule).alias("rule"), F.lit(reason).alias("reason"))).otherwise(
        F.lit(None).cast(VIOLATION)
    )


def violations(checks: Iterable[Column]) -> Column:
    """All violations of a row as one array, empty for a good row."""
    found = list(checks)
    if not found:
        return F.array().cast(f"array<{VIOLATION}>")
    return F.filter(F.array(*found), lambda check: check.isNotNull())


def is_any(checks: Iterable[Column]) -> Column:
    """Whether a row has any violation, which is cheaper than to list them."""
    found = list(checks)
    return F.coalesce(*found).isNotNull() if found else F.lit(False)


def quoted(name: str) -> Column:
    """The column of exactly this name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


@singledispatch
def check(rule: Any, types: Mapping[str, str]) -> Column:
    """The violation of a rule that sees one row, of columns of these types; raises TypeError for one that sees more,
    which ``broken`` tells."""
    raise TypeError(f"no row rule is known for {type(rule).__name__}")


@check.register
def _(rule: spec.InSet, types: Mapping[str, str]) -> Column:
    value, agreed = quoted(rule.column), exact(types[rule.column])
    told = f"{rule.column} is none of the {len(rule.values)} allowed values"
    if agreed is None:
        return violation(~value.isin(list(rule.values)), rule.title, told)
    found = [number for number in map(agreed.value, rule.values) if number is not None]
    listed = [_literal(number, types[rule.column]) for number in found]
    return violation(~value.isin(listed) if listed else value.isNotNull(), rule.title, told)


@check.register
def _(rule: spec.Between, types: Mapping[str, str]) -> Column:
    value = quoted(rule.column)
    outside = F.lit(False)
    if rule.min is not None:
        outside = outside | _below(value, rule.min, types[rule.column])
    if rule.max is not None:
        outside = outside | _above(value, rule.max, types[rule.column])
    # NaN compares greater than every number in Spark; with no upper bound it would pass unseen.
    if family(types[rule.column]) == "floating":
        outside = outside | F.isnan(value)
    bounds = f"{'' if rule.min is None else rule.min}..{'' if rule.max is None else rule.max}"
    return violation(outside, rule.title, f"{rule.column} is not in {bounds}")


def _below(value: Column, bound: Decimal, type_: str) -> Column:
    agreed = exact(type_)
    if agreed is None:
        return value < F.lit(float(bound))
    least = agreed.at_least(bound)
    return value.isNotNull() if least is None else value < _literal(least, type_)


def _above(value: Column, bound: Decimal, type_: str) -> Column:
    agreed = exact(type_)
    if agreed is None:
        return value > F.lit(float(bound))
    most = agreed.at_most(bound)
    return value.isNotNull() if most is None else value > _literal(most, type_)


def _literal(number: Decimal, type_: str) -> Column:
    """In a type that the column's need not be cast for."""
    return F.lit(int(number) if family(type_) == "integer" else number)


@check.register
def _(rule: spec.Pattern, types: Mapping[str, str]) -> Column:
    # Java's $ also stands before a line break at the end.
    whole = quoted(rule.column).rlike(f"^(?:{rule.pattern})\\z")
    return violation(~whole, rule.title, f"{rule.column} does not match {rule.pattern}")


@check.register
def _(rule: spec.Length, types: Mapping[str, str]) -> Column:
    outside = ~F.length(quoted(rule.column)).between(rule.min, rule.max)
    return violation(outside, rule.title, f"{rule.column} has not {rule.min} to {rule.max} characters")


_HOLDS: dict[spec.Operator, Callable[[Column, Column], Column]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
# The largest DOUBLE that is a BIGINT.
_BIGINT = 2.0**63 - 1024


@check.register
def _(rule: spec.Comparison, types: Mapping[str, str]) -> Column:
    left, right = quoted(rule.column), quoted(rule.other)
    kinds, agreed = [family(types[name]) for name in rule.columns], [exact(types[name]) for name in rule.columns]
    holds = _HOLDS[rule.operator](left, right)
    if agreed[0] and agreed[1] and not agreed[0].has_room_beside(agreed[1]):
        # What no decimal of both has room for is NULL, and so much larger than the other that a DOUBLE tells it.
        holds = F.coalesce(holds, _HOLDS[rule.operator](left.cast("double"), right.cast("double")))
    if kinds.count("floating") == 1:
        holds = _holds_exactly(rule.operator, left, right, kinds[0] == "floating")
    broken = ~holds
    for value, kind in zip((left, right), kinds, strict=True):
        if kind == "floating":
            # NaN is above every number in Spark, so it would pass a comparison unseen.
            broken = broken | F.isnan(value)
    comparable = left.isNotNull() & right.isNotNull()
    return violation(comparable & broken, rule.title, f"{rule.column} {rule.operator} {rule.other} is false")


def _holds_exactly(sign: spec.Operator, left: Column, right: Column, left_floats: bool) -> Column:
    """Whether an exact number and one of binary digits compare so. Spark compares both as DOUBLE, where several whole
    numbers from 2 to the power of 53 on are one; so where they are the same there, the DOUBLE, which is whole, is read
    as the number that it is. A fraction is none: 0.1 in both columns is the same."""
    floating = left if left_floats else right
    whole = F.when(F.abs(floating).between(2.0**53, _BIGINT), floating.cast("bigint"))
    compare = _HOLDS[sign]
    as_whole = compare(whole, right) if left_floats else compare(left, whole)
    same = left.cast("double") == right.cast("double")
    return F.coalesce(F.when(same, as_whole), compare(left, right))


@check.register
def _(rule: spec.Expression, types: Mapping[str, str]) -> Column:
    return violation(~F.expr(as_condition(rule.sql)), rule.title, f"{rule.sql} is false")


def broken(rule: spec.Unique | spec.Reference, where: Column) -> Column:
    """The violation of a rule that sees more than the row, where it is known to be broken."""
    if isinstance(rule, spec.Reference):
        told = f"{rule.table} has no such {', '.join(rule.on.values())}"
    else:
        told = f"other rows of the batch have the same {', '.join(rule.combination)}"
    return violation(where, rule.title, told)
