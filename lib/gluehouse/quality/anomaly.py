"""Anomaly bands: a metric of this run against the median and the spread of earlier published runs.

A value is an anomaly where ``0.6745 * |value - median| / MAD`` exceeds the rule's sensitivity: the modified z-score of
B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers" (1993), who recommend 3.5; also in the NIST/SEMATECH
e-Handbook of Statistical Methods, 1.3.5.17. MAD is the median of absolute deviations from the median, and 0.6745 of a
standard deviation where values are normal. Unlike mean and deviation, neither moves for one bad run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple

from gluehouse.quality.sparkline import sparkline
from gluehouse.spec.anomaly import AnomalyRule
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.metrics import RunMetrics

SCALE = 0.6745
SHOWN = 20
"""How many earlier values a report draws."""


class Sample(NamedTuple):
    """What an earlier run measured, and when it was planned (UTC)."""

    at: datetime
    value: float


class Band(NamedTuple):
    """Where a value is expected; ``runs``: how many values it is made of; ``weekday``: their day, if one alone."""

    median: float
    lower: float
    upper: float
    runs: int
    weekday: str | None

    def holds(self, value: float) -> bool:
        """Whether a value lies in the band; its bounds do."""
        return self.lower <= value <= self.upper


def evaluate(
    rules: Iterable[AnomalyRule], measured: Mapping[str, float | None], memory: Iterable[RunMetrics], run: RunMetrics
) -> tuple[RuleReport, ...]:
    """One report a rule, of what ``run`` measured against those runs of ``memory`` that it may be compared with."""
    earlier = comparable(memory, run)
    return tuple(judge(rule, measured.get(rule.metric), samples(earlier, rule), run.day) for rule in rules)


def comparable(memory: Iterable[RunMetrics], run: RunMetrics) -> list[RunMetrics]:
    """The published runs before ``run``, oldest first: of each batch its last, and none of the run's own batch.

    So a batch that is run again is judged as it was the first time, and counts once for those after it.
    """
    latest: dict[str, RunMetrics] = {}
    for earlier in sorted(memory, key=lambda one: (one.planned_at, one.run_id)):
        if earlier.published and earlier.batch_id != run.batch_id and earlier.planned_at < run.planned_at:
            latest.pop(earlier.batch_id, None)
            latest[earlier.batch_id] = earlier
    return list(latest.values())


def samples(earlier: Sequence[RunMetrics], rule: AnomalyRule) -> list[Sample]:
    """The values of the rule's metric in the last ``window`` runs, where it was measured."""
    found = [(run.day, run.measured(rule.metric)) for run in earlier[-rule.window :]]
    return [Sample(at, value) for at, value in found if value is not None]


def band(earlier: Sequence[Sample], rule: AnomalyRule, on: datetime) -> Band | None:
    """The band for a run planned at ``on``, or None where there are too few values."""
    of_day = [sample for sample in earlier if sample.at.weekday() == on.weekday()]
    by_day = rule.weekday == "auto" and len(of_day) >= rule.history
    values = [sample.value for sample in (of_day if by_day else earlier)]
    if len(values) < rule.history:
        return None
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    half = max(rule.sensitivity * spread / SCALE, rule.least)
    return Band(middle, middle - half, middle + half, len(values), f"{on:%A}" if by_day else None)


def judge(rule: AnomalyRule, value: float | None, earlier: Sequence[Sample], on: datetime) -> RuleReport:
    """The report of one rule: failed outside of the band and where the metric is not there, passed with too few runs.

    Metrics: value, median, lower, upper, runs (that the band is made of; without a band those that there are).
    """
    expected = band(earlier, rule, on)
    told: dict[str, float | None] = {"value": value, "runs": expected.runs if expected else len(earlier)}
    if expected is not None:
        told |= {"median": expected.median, "lower": expected.lower, "upper": expected.upper}
    failed = value is None or (expected is not None and not expected.holds(value))
    return RuleReport(
        rule=f"Anomaly {rule.metric}",
        outcome="failed" if failed else "passed",
        severity=rule.severity,
        metrics=told,
        reason=_reason(rule, value, earlier, expected),
    )


def _reason(rule: AnomalyRule, value: float | None, earlier: Sequence[Sample], expected: Band | None) -> str:
    if value is None:
        return f"{rule.metric} was not measured in this run, or by two rules with different results"
    if expected is None:
        return f"{len(earlier)} earlier published runs measured it; a band needs {rule.history}"
    days = f" on a {expected.weekday}" if expected.weekday else ""
    where = "within" if expected.holds(value) else "outside"
    drawn = sparkline([*(sample.value for sample in earlier[-SHOWN:]), value])
    return (
        f"{number(value)} is {where} {number(expected.lower)} to {number(expected.upper)}, "
        f"median {number(expected.median)} of {expected.runs} runs{days}; {drawn}"
    )


def number(value: float) -> str:
    """A number for people: six digits that matter, counts as they are.

    >>> number(12345678.0), number(0.1072879), number(-0.00000012)
    ('12345678', '0.107288', '-1.2e-07')
    """
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"
