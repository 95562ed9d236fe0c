"""Row rules: pure functions of a typed row, each giving NULL for a good row and a violation for a bad one.

A violation is ``struct<rule string, reason string>``. Reasons name columns and bounds, never values: they are
read in logs and alerts, where row values must not appear.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import singledispatch
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.spec import row_rule as spec

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
def check(rule: Any) -> Column:
    """The violation of a rule that sees one row; raises TypeError for one that sees more, which ``broken`` tells."""
    raise TypeError(f"no row rule is known for {type(rule).__name__}")


@check.register
def _(rule: spec.InSet) -> Column:
    listed = quoted(rule.column).isin(list(rule.values))
    return violation(~listed, rule.title, f"{rule.column} is none of the {len(rule.values)} allowed values")


@check.register
def _(rule: spec.Between) -> Column:
    value = quoted(rule.column)
    outside = F.lit(False)
    if rule.min is not None:
        outside = outside | (value < F.lit(rule.min))
    if rule.max is not None:
        outside = outside | (value > F.lit(rule.max))
    # NaN compares greater than every number in Spark; with no upper bound it would pass unseen.
    outside = outside | F.isnan(value.cast("double"))
    bounds = f"{'' if rule.min is None else rule.min}..{'' if rule.max is None else rule.max}"
    return violation(outside, rule.title, f"{rule.column} is not in {bounds}")


@check.register
def _(rule: spec.Pattern) -> Column:
    # Java's $ also stands before a line break at the end.
    whole = quoted(rule.column).rlike(f"^(?:{rule.pattern})\\z")
    return violation(~whole, rule.title, f"{rule.column} does not match {rule.pattern}")


@check.register
def _(rule: spec.Length) -> Column:
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


@check.register
def _(rule: spec.Comparison) -> Column:
    left, right = quoted(rule.column), quoted(rule.other)
    holds = _HOLDS[rule.operator](left, right)
    told = f"{rule.column} {rule.operator} {rule.other} is false"
    comparable = left.isNotNull() & right.isNotNull()
    return violation(comparable & (~holds | _is_nan(left) | _is_nan(right)), rule.title, told)


def _is_nan(value: Column) -> Column:
    """NaN is above every number in Spark, so it would pass a comparison unseen; only some types have it."""
    return F.typeof(value).isin("float", "double") & (value.cast("string") == F.lit("NaN"))


@check.register
def _(rule: spec.Expression) -> Column:
    return violation(~F.expr(f"({rule.sql})"), rule.title, f"{rule.sql} is false")


def broken(rule: spec.Unique | spec.Reference, where: Column) -> Column:
    """The violation of a rule that sees more than the row, where it is known to be broken."""
    if isinstance(rule, spec.Reference):
        told = f"{rule.table} has no such {', '.join(rule.on.values())}"
    else:
        told = f"other rows of the batch have the same {', '.join(rule.combination)}"
    return violation(where, rule.title, told)
