"""A metric over the runs of a pipeline: each run's value, the band it was held against, and on which side it lay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gluehouse.quality.anomaly import Band, band, comparable, samples
from gluehouse.spec.anomaly import AnomalyRule
from gluehouse.spec.metrics import RunMetrics

Side = Literal["within", "outside", "too few", "not measured"]


class Point(NamedTuple):
    """One run; ``band`` is None where too few earlier runs were published."""

    run: RunMetrics
    value: float | None
    band: Band | None
    side: Side


def trend(runs: Sequence[RunMetrics], rule: AnomalyRule, last: int) -> list[Point]:
    """The ``last`` runs, oldest first, each against the runs before it among ``runs``, as stage 3 judges."""
    ordered = sorted(runs, key=lambda run: (run.planned_at, run.run_id))
    return [_point(ordered, run, rule) for run in ordered[-last:]]


def metrics_of(runs: Sequence[RunMetrics]) -> list[str]:
    """The names of everything that the runs measured."""
    return sorted({name for run in runs for name, value in run.values.items() if value is not None})


def _point(runs: Sequence[RunMetrics], run: RunMetrics, rule: AnomalyRule) -> Point:
    value, expected = run.measured(rule.metric), band(samples(comparable(runs, run), rule), rule, run.day)
    return Point(run, value, expected, _side(value, expected))


def _side(value: float | None, expected: Band | None) -> Side:
    if value is None:
        return "not measured"
    if expected is None:
        return "too few"
    return "within" if expected.holds(value) else "outside"
