"""Rows whose values must stand in a published table: one join a rule, which adds a flag and no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError
from gluehouse.frames.rules import quoted
from gluehouse.spec.row_rule import Reference

# With a blank, which no column of a contract has in its name.
_FOUND = "found there"


def with_references(frame: DataFrame, rules: Sequence[Reference], tables: Mapping[str, DataFrame]) -> DataFrame:
    """``frame`` with a boolean for each rule, by which ``missing`` tells. ``tables``: by the names that the rules say.

    Grain: unchanged. Raises ConfigError GH1091 where a table lacks a column or has another kind of type there.
    """
    for place, rule in enumerate(rules):
        keys = [f"{_FOUND}_{place}_{column}" for column in range(len(rule.on))]
        _refuse_unlike(frame, rule, tables[rule.table])
        there = _combinations(rule, tables[rule.table], keys).withColumn(_flag(place), F.lit(True))
        same = [quoted(here) == F.col(key) for here, key in zip(rule.on, keys, strict=True)]
        frame = frame.join(there, on=same, how="left").drop(*keys)
    return frame


def missing(rules: Sequence[Reference]) -> list[Column]:
    """For each rule whether a row of what ``with_references`` answered has values that the table has not; never where
    one of them is NULL."""
    return [_asked(rule) & F.col(_flag(place)).isNull() for place, rule in enumerate(rules)]


def _asked(rule: Reference) -> Column:
    return reduce(Column.__and__, [quoted(here).isNotNull() for here in rule.on])


def _combinations(rule: Reference, table: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Each once, so that the join doubles no row."""
    rows = table.where("is_current") if rule.current and "is_current" in table.columns else table
    named = [quoted(there).alias(key) for there, key in zip(rule.on.values(), keys, strict=True)]
    return rows.select(*named).dropna("any").dropDuplicates()


def _flag(place: int) -> str:
    return f"{_FOUND}_{place}"


def _refuse_unlike(frame: DataFrame, rule: Reference, table: DataFrame) -> None:
    """Spark compares a text with a number as numbers, and then finds '007' where there is a 7."""
    wrong = []
    for here, there in rule.on.items():
        if there not in table.columns:
            wrong.append(f"has no column {there}")
        elif not _comparable(frame.schema[here].dataType, table.schema[there].dataType):
            kinds = [found.schema[name].dataType.simpleString() for found, name in ((table, there), (frame, here))]
            wrong.append(f"has {there} as {kinds[0]}, but {here} is {kinds[1]}")
    if wrong:
        raise ConfigError(
            "GH1091",
            f"the row rule {rule.title} cannot be judged: {rule.table} {'; '.join(wrong)}.",
            "Name columns of that table, of the same type.",
        )


def _comparable(here: T.DataType, there: T.DataType) -> bool:
    whole = (T.IntegralType, T.DecimalType)
    return here == there or (isinstance(here, whole) and isinstance(there, whole))
