"""Freshness: how old the newest value of a time column was when the run was triggered, whenever it is judged."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.quality.anomaly import number
from gluehouse.spec.check import FreshnessCheck
from gluehouse.spec.manifest import RuleReport


def newest(name: str) -> Column:
    """Microseconds since 1970 (UTC) of a date's midnight or a timestamp, the greatest; NULL where there is none."""
    # Not the timestamp itself: PySpark gives that in the zone of the driver's process.
    return F.max(F.unix_micros(quoted(name).cast("timestamp")))


def freshness(check: FreshnessCheck, micros: int | None, triggered_at: datetime) -> RuleReport:
    """Fails where the newest value is older than agreed, and where there is none. The value itself is not told."""
    limit = check.within.total_seconds() / 3600
    age = None if micros is None else triggered_at.timestamp() / 3600 - micros / 3.6e9
    shown = f"{check.column} has no value" if age is None else f"found {number(round(age, 2))} hours"
    return RuleReport(
        rule=f"Freshness {check.column}",
        outcome="passed" if age is not None and age <= limit else "failed",
        severity=check.severity,
        metrics={"found": age, "expected": limit},
        reason=f"{shown}, expected at most {number(limit)} hours before the run's trigger",
    )
