"""Referential integrity: rows whose columns name a row of another table, as it is now or as it was at their time."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.frames.rules import quoted
from gluehouse.quality.anomaly import number
from gluehouse.spec.check import ReferenceCheck
from gluehouse.spec.manifest import RuleReport

_TIMES = (T.DateType, T.TimestampType)


def title(check: ReferenceCheck) -> str:
    """What the check is called in reports."""
    return f"Reference {', '.join(check.on)} -> {check.table}"


def referring(check: ReferenceCheck) -> Column:
    """How many rows name something: all their columns, and the time where one is asked for, have a value."""
    named = [quoted(name).isNotNull() for name in (*check.on, check.at) if name is not None]
    return F.count_if(reduce(Column.__and__, named))


def misfit(check: ReferenceCheck, frame: DataFrame, table: DataFrame) -> str:
    """Why the columns here and there cannot be compared, or nothing."""
    here, there = dict(frame.dtypes), dict(table.dtypes)
    missing = [name for name in check.on.values() if name not in there]
    if missing:
        return f"{check.table} has no column {', '.join(missing)}"
    unlike = [
        f"{name} is {here[name]}, {other} of {check.table} {there[other]}"
        for name, other in check.on.items()
        if here[name] != there[other] and not _both_numbers(frame.schema[name], table.schema[other])
    ]
    if unlike:
        return "; ".join(unlike)
    if check.at is None:
        return ""
    start = table.schema["effective_from"].dataType if "effective_from" in there else None
    if start is None or "effective_to" not in there:
        return f"there is `at`, but {check.table} is no history table"
    comparable = start == frame.schema[check.at].dataType or isinstance(start, _TIMES)
    told = f"{check.at} is {here[check.at]}, effective_from of {check.table} {there['effective_from']}"
    return "" if comparable else told


def orphans(check: ReferenceCheck, frame: DataFrame, table: DataFrame) -> DataFrame:
    """Rows of ``frame`` that name nothing in ``table``, by what they name: the columns of ``on`` (and ``at``) and how
    many ``rows``.

    Grain: one row a combination of values. A row with NULL in one of them is not among them.
    """
    columns = [*check.on, *([check.at] if check.at else [])]
    legible = reduce(Column.__and__, [quoted(name).isNotNull() for name in columns])
    asked = frame.where(legible).groupBy(*[quoted(name) for name in columns]).agg(F.count(F.lit(1)).alias("__rows"))
    keys = [quoted(there).alias(f"__key{place}") for place, there in enumerate(check.on.values())]
    same = reduce(Column.__and__, [quoted(here) == F.col(f"__key{place}") for place, here in enumerate(check.on)])
    if check.at is None:
        history = {"is_current", "effective_to"} <= set(table.columns)
        known = (table.where("is_current") if history else table).select(*keys).distinct()
    else:
        known = table.select(*keys, F.col("effective_from").alias("__from"), F.col("effective_to").alias("__to"))
        time = quoted(check.at)
        same = same & (F.col("__from") <= time) & (F.col("__to").isNull() | (time < F.col("__to")))
    return asked.join(known, on=same, how="left_anti").withColumnRenamed("__rows", "rows")


def judged(check: ReferenceCheck, referring: int, found: int) -> RuleReport:
    """``referring``: rows that name something; ``found``: those of them that name nothing there."""
    allowed = check.allowed(referring)
    at = f" at {check.at}" if check.at else ""
    expected = f"at most {number(allowed)}" if allowed else "none"
    listed = ", ".join(check.on)
    return RuleReport(
        rule=title(check),
        outcome="failed" if found > allowed else "passed",
        severity=check.severity,
        metrics={"found": found, "expected": 0, "allowed": allowed, "rows": referring},
        reason=f"found {found} of {referring} rows whose {listed} {check.table} does not have{at}, expected {expected}",
    )


def not_judged(check: ReferenceCheck, why: str) -> RuleReport:
    """The report of a check that could not be evaluated."""
    return RuleReport(rule=title(check), outcome="failed", severity=check.severity, reason=why)


def _both_numbers(here: T.StructField, there: T.StructField) -> bool:
    # Of different precision, but of one kind: a text that looks like a number is none.
    kinds = [isinstance(field.dataType, T.IntegralType | T.DecimalType) for field in (here, there)]
    return all(kinds)
