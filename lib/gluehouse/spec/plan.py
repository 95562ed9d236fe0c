"""The plan of a run: what ValidateInput decided, written once, read by every stage of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Engine = Literal["lambda", "glue_pyspark", "glue_sql"]
Execution = Literal["staged", "fused"]
FromStage = Literal["ingest", "process", "validate", "publish"]


class ObjectRef(BaseModel):
    """One delivered object, exactly as it was when the run was planned; ``size`` in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    size: int = Field(ge=0)
    etag: str


class RunPlan(BaseModel):
    """Pointers and choices of one run; ``run_id`` is the name of the execution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str
    run_id: str
    batch_id: str
    config_uri: str
    config_hash: str
    engine: Engine
    execution: Execution
    from_stage: FromStage = "ingest"
    objects: tuple[ObjectRef, ...] = Field(min_length=1)
    tables: tuple[str, ...] = ()
    sql_uri: str | None = None
    triggered_at: datetime
    first_triggered_at: datetime | None = None
    allow_mass_delete: bool = False

    @property
    def due_at(self) -> datetime:
        """When the batch was first asked for: a rerun is as fresh as the run that it repeats."""
        return self.first_triggered_at or self.triggered_at

    def to_json(self) -> str:
        return self.model_dump_json(indent=1)


def batch_id_of(pipeline: str, objects: Iterable[ObjectRef]) -> str:
    """The identity of a delivery: 32 hex digits of its pipeline and its objects, in whatever order they came.

    >>> one, two = (ObjectRef(uri=f"s3://landing/a/{n}.csv", size=9, etag=n) for n in "12")
    >>> batch_id_of("airports", [one, two]) == batch_id_of("airports", [two, one])
    True
    """
    lines = [pipeline, *sorted(f"{o.uri} {o.etag}" for o in objects)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
