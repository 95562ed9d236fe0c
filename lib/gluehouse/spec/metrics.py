"""What a run measured, as it is kept: JSON lines, one a metric, the same columns for every metric and pipeline.

Columns: run_id, batch_id, planned_at (ISO 8601, UTC), outcome (``passed``, ``failed``), problem (the
code of a refusal), metric, value (a number, or null where it could not be measured). Never a value of a row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import AwareDatetime, ValidationError

from gluehouse.errors import ConfigError
from gluehouse.spec.manifest import Outcome
from gluehouse.spec.model import Spec

PUBLISHED = "published"
"""The metric of a run that was published, in an object of its own: when the others are written nobody knows yet."""


class RunMetrics(Spec):
    """The metrics of one run by name. ``outcome`` is the gate's; a run that passed it need not be ``published``."""

    run_id: str
    batch_id: str
    planned_at: AwareDatetime
    outcome: Outcome
    problem: str | None = None
    values: Mapping[str, float | None] = {}
    published: bool = False

    @property
    def day(self) -> datetime:
        """``planned_at`` in UTC, by which weekdays are told."""
        return self.planned_at.astimezone(UTC)

    def measured(self, metric: str) -> float | None:
        """The value, or None where it was not, or could not be, measured."""
        return self.values.get(metric)


def lines_of(run: RunMetrics) -> str:
    """All metrics of a run, the same text for the same run; ``rows`` is there even where nothing was measured."""
    return "".join(_line(run, name, value) for name, value in sorted({"rows": None, **run.values}.items()))


def line_of_publication(run: RunMetrics) -> str:
    """The one line that says that all targets of a run were published."""
    return _line(run.model_copy(update={"outcome": "passed", "problem": None}), PUBLISHED, 1.0)


def read_lines(text: str, published: bool, where: str) -> RunMetrics:
    """The run that ``lines_of`` wrote to ``where``, without columns of later releases; raises ConfigError GH1052."""
    try:
        rows = [json.loads(line) for line in text.splitlines()]
        named = {name: rows[0][name] for name in ("run_id", "batch_id", "planned_at", "outcome", "problem")}
        return RunMetrics(**named, values={row["metric"]: row["value"] for row in rows}, published=published)
    except (ValueError, LookupError, TypeError, ValidationError) as problem:
        raise ConfigError(
            "GH1052",
            f"{where} is no metrics of a run: {type(problem).__name__}.",
            "Look at the object; delete it where it is damaged, then run the batch again.",
        ) from problem


def _line(run: RunMetrics, metric: str, value: float | None) -> str:
    # NaN and infinity are no JSON, and Athena would refuse the line.
    told = value if value is not None and math.isfinite(value) else None
    row = {
        "run_id": run.run_id,
        "batch_id": run.batch_id,
        "planned_at": run.day.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "outcome": run.outcome,
        "problem": run.problem,
        "metric": metric,
        "value": told,
    }
    return json.dumps(row) + "\n"
