"""Reconciliation with the source: rows, sums and keys after the transform against those before it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.quality.anomaly import number
from gluehouse.spec.check import KeysCheck, RowsCheck, SumCheck, Tolerant
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.types import family

# Digits that sums of integers and of doubles get: a BIGINT overflows without a word, and doubles add up in any order.
_WHOLE, _ROUNDING = "decimal(20,0)", 1e-9


def sum_of(name: str, kind: str) -> Column:
    """The sum of a number column, 0 where it has no value, NULL where it has overflowed. ``kind``: its type."""
    value = quoted(name)
    value = value.cast(_WHOLE) if family(kind) == "integer" else value
    return F.when(F.count(quoted(name)) == 0, F.lit(0.0)).otherwise(F.sum(value).cast("double"))


def rows(check: RowsCheck, staged: int, processed: int, set_aside: int) -> RuleReport:
    """Staged rows, those that ingest refused among them, against those that are processed or in quarantine."""
    return _compared(check, "Reconcile rows", processed + set_aside, staged, f" ({set_aside} of them set aside)")


def sums(
    checks: Sequence[SumCheck], staged: Mapping[str, float | None], processed: Mapping[str, float | None]
) -> list[RuleReport]:
    """One report a check; both sides by column name. What the transform set aside is missing from the sum."""
    return [
        _compared(check, sum_title(check.column), processed[check.column], staged[check.staged]) for check in checks
    ]


def sum_title(column: str) -> str:
    """What the check of a column's sum is called in reports."""
    return f"Reconcile sum({column})"


def lost_keys(check: KeysCheck, keys: Sequence[str], staged: int, lost: int) -> RuleReport:
    """``staged``: distinct keys before the transform; ``lost``: those of them found nowhere after it."""
    allowed = check.allowed(staged)
    return RuleReport(
        rule=f"Reconcile keys({', '.join(keys)})",
        outcome="failed" if lost > allowed else "passed",
        severity=check.severity,
        metrics={"found": lost, "expected": 0, "allowed": allowed, "keys": staged},
        reason=f"found {lost} of {staged} staged keys neither processed nor set aside, expected "
        f"{_at_most(allowed)}; list them: {_listing(keys)}",
    )


def keys_lost(staged: DataFrame, processed: DataFrame, set_aside: DataFrame | None, keys: Sequence[str]) -> DataFrame:
    """``key`` struct and ``lost`` of each staged key, one row a key. A NULL in a key is a value here, equal to itself.

    ``set_aside``: frames with a ``key`` struct, whose keys are accounted for; None: there is none.
    """
    key = F.struct(*[quoted(name).alias(name) for name in keys])
    kind = staged.select(key.alias("key")).schema["key"].dataType
    # A comparison of structs takes NULLs inside them for values, where one of columns would lose such keys.
    sides = [
        frame.select(column.cast(kind).alias("key"), F.lit(side).alias("side"))
        for frame, column, side in (
            (staged, key, "staged"),
            (processed, key, "there"),
            *([(set_aside, F.col("key"), "there")] if set_aside is not None else []),
        )
    ]
    found = reduce(DataFrame.unionByName, sides).groupBy("key")
    return (
        found.agg(F.max(F.col("side") == "staged").alias("staged"), F.max(F.col("side") == "there").alias("there"))
        .where("staged")
        .select("key", (~F.col("there")).alias("lost"))
    )


def _compared(check: Tolerant, rule: str, found: float | None, expected: float | None, more: str = "") -> RuleReport:
    if found is None or expected is None or not math.isfinite(found) or not math.isfinite(expected):
        held, allowed, reason = False, None, "it could not be computed: a sum overflowed, or has NaN or infinities"
    else:
        allowed = check.allowed(expected)
        held = abs(found - expected) <= allowed + _ROUNDING * abs(expected) * isinstance(expected, float)
        within = f" within {number(allowed)}" if allowed else ""
        reason = f"found {number(found)}{more}, expected {number(expected)}{within}"
    return RuleReport(
        rule=rule,
        outcome="passed" if held else "failed",
        severity=check.severity,
        metrics={"found": found, "expected": expected, "allowed": allowed},
        reason=reason,
    )


def _at_most(allowed: float) -> str:
    return f"at most {number(allowed)}" if allowed else "none"


def _listing(keys: Sequence[str]) -> str:
    named = ", ".join(f"`{name}`" for name in keys)
    return f"SELECT {named} FROM staging EXCEPT SELECT {named} FROM processed"
