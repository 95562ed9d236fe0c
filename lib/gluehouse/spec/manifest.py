"""The manifest of a stage: the only answer a Glue run can give, read by the state machine from S3.

A stage that met bad data SUCCEEDS as a job and says ``"outcome": "failed"`` here; the QualityGate judges it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Stage = Literal["ingest", "process", "validate", "publish", "fused"]
Outcome = Literal["passed", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Problem(_Part):
    """Why a stage's outcome is ``failed``: the stable code of the error, its message and what to do."""

    code: str = Field(pattern=r"^GH\d{4}$")
    message: str
    hint: str = ""


class Counts(_Part):
    """Rows: read, kept, set aside, dropped as repeats of others, written. ``None`` where the stage does not count them.

    At ingest read = kept + set aside + dropped.
    """

    rows_in: int | None = Field(default=None, alias="in", ge=0)
    good: int | None = Field(default=None, ge=0)
    quarantined: int | None = Field(default=None, ge=0)
    deduplicated: int | None = Field(default=None, ge=0)
    out: int | None = Field(default=None, ge=0)


class TableReport(_Part):
    """What publishing did to one table; versions are the table format's commit numbers, counts are rows.

    Of a warehouse's table the versions are those of the Delta table that it shows; ``rows_came`` and ``rows_went`` are
    told of warehouses alone.
    """

    table: str
    strategy: str
    version_before: int | None = None
    version_after: int | None = None
    opened: int = 0
    closed: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    rows_came: int = 0
    rows_went: int = 0


class RuleReport(_Part):
    """The result of one data set rule; a rule that could not be evaluated is ``failed`` with its reason."""

    rule: str
    outcome: Outcome
    metrics: dict[str, float | None] = Field(default_factory=dict)
    reason: str = ""
    severity: Literal["stop", "warn"] = "stop"


class Manifest(_Part):
    """One stage's report: ``seconds`` of wall time, ``dpu_hours`` estimated, ``outputs`` name -> URI."""

    stage: Stage
    pipeline: str
    run_id: str
    batch_id: str
    outcome: Outcome
    problem: Problem | None = None
    published: bool = False
    counts: Counts = Counts()
    tables: tuple[TableReport, ...] = ()
    quality: tuple[RuleReport, ...] = ()
    config_hash: str
    wheel_version: str
    started_at: datetime
    seconds: float = Field(ge=0)
    dpu_hours: float = Field(default=0.0, ge=0)
    outputs: dict[str, str] = Field(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """A failed outcome names its problem, a passed one has none: the gate reads one and reports the other."""
        if (self.outcome == "failed") != (self.problem is not None):
            raise ValueError(f"outcome {self.outcome!r} and problem {self.problem!r} contradict each other")

    def to_json(self) -> str:
        return self.model_dump_json(indent=1)
