"""Whether a row rule lets fewer rows through than its predecessor, or more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from math import inf
from typing import Literal

from gluehouse.spec.row_rule import (
    Between,
    Comparison,
    Expression,
    InSet,
    Length,
    Pattern,
    Reference,
    RowRule,
    Unique,
)

Turn = Literal["added", "removed", "tightened", "loosened", "changed"]
_BOTH = frozenset({"tightened", "loosened"})


def moved(rule: RowRule, renamed: Mapping[str, str]) -> RowRule:
    """The rule with its columns under their new names; SQL is left as it is."""
    if isinstance(rule, Expression):
        return rule
    if isinstance(rule, Reference):
        return rule.model_copy(update={"on": {renamed.get(here, here): there for here, there in rule.on.items()}})
    if isinstance(rule, Unique):
        names = {"combination": rule.combination, "by": rule.by}
        return rule.model_copy(update={f: tuple(renamed.get(n, n) for n in found) for f, found in names.items()})
    update = {"column": renamed.get(rule.column, rule.column)}
    if isinstance(rule, Comparison):
        update["other"] = renamed.get(rule.other, rule.other)
    return rule.model_copy(update=update)


def turn(was: RowRule, now: RowRule) -> Turn | None:
    """How ``now`` differs from ``was``, a rule of the same title; None where they say the same.

    >>> turn(Length(rule="length", column="a", max=3), Length(rule="length", column="a", max=2))
    'tightened'
    """
    if was == now:
        return None
    found = set(_content(was, now)) if type(was) is type(now) else set(_BOTH)
    if was.severity != now.severity:
        found.add("tightened" if now.severity == "reject" else "loosened")
    return "changed" if len(found) > 1 else "tightened" if "tightened" in found else "loosened" if found else None


@singledispatch
def _content(was: RowRule, now: RowRule) -> frozenset[str]:
    raise TypeError(f"no row rule is known for {type(was).__name__}")


@_content.register
def _(was: InSet, now: InSet) -> frozenset[str]:
    before, after = set(was.values), set(now.values)
    return _turns(fewer=bool(before - after), more=bool(after - before))


@_content.register
def _(was: Between, now: Between) -> frozenset[str]:
    low, high = (-inf if was.min is None else was.min), (inf if was.max is None else was.max)
    lower, higher = (-inf if now.min is None else now.min), (inf if now.max is None else now.max)
    return _turns(fewer=lower > low or higher < high, more=lower < low or higher > high)


@_content.register
def _(was: Length, now: Length) -> frozenset[str]:
    return _turns(fewer=now.min > was.min or now.max < was.max, more=now.min < was.min or now.max > was.max)


@_content.register
def _(was: Pattern, now: Pattern) -> frozenset[str]:
    return frozenset() if was.pattern == now.pattern else _BOTH


@_content.register
def _(was: Comparison, now: Comparison) -> frozenset[str]:
    return frozenset() if was.title == now.title else _BOTH


@_content.register
def _(was: Expression, now: Expression) -> frozenset[str]:
    return frozenset() if was.sql == now.sql else _BOTH


@_content.register
def _(was: Unique, now: Unique) -> frozenset[str]:
    if "none" in (was.keep, now.keep):
        return _turns(fewer=was.keep != now.keep == "none", more=now.keep != was.keep == "none")
    return frozenset() if (was.keep, was.by) == (now.keep, now.by) else _BOTH


@_content.register
def _(was: Reference, now: Reference) -> frozenset[str]:
    if was.on != now.on:
        return _BOTH
    return _turns(fewer=now.current and not was.current, more=was.current and not now.current)


def _turns(fewer: bool, more: bool) -> frozenset[str]:
    return frozenset((["tightened"] if fewer else []) + (["loosened"] if more else []))
