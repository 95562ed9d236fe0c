"""The plan of a run: what ValidateInput decided, written once, read by every stage of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Engine = Literal["lambda", "glue_pyspark", "glue_sql"]
Execution = Literal["staged", "fused"]
FromStage = Literal["ingest", "process", "validate", "publish"]


class ObjectRef(BaseModel):
    """One delivered object, exactly as it was when the run was planned; ``size`` in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    size: int = Field(ge=0)
    etag: str


class Replay(BaseModel):
    """What a run does once more: a delivery of which rows were set aside, held against the contract of today.

    ``of``: the batch that set them aside; ``earlier``: the batches of its earlier replays. ``corrected``: an object in
    the source's format with the records that take the place of those that break the contract (``rule``: only of those
    that break this rule); ``drop``: how many of the replaced ones have no corrected record, on purpose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    earlier: tuple[str, ...] = ()
    corrected: ObjectRef | None = None
    rule: str | None = None
    drop: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _a_rule_says_which_rows_are_replaced(self) -> Replay:
        if self.rule is not None and not self.replaces:
            raise ValueError("a rule says which rows are replaced or dropped, but none are")
        return self

    @property
    def replaces(self) -> bool:
        """Whether rows that break the contract give way; without, it is asked again which rows do."""
        return self.corrected is not None or self.drop > 0

    @property
    def batches(self) -> tuple[str, ...]:
        """The ids under which the delivery was run before, the original one first."""
        return (self.of, *self.earlier)


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
    replay: Replay | None = None

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


def batch_id_of_replay(pipeline: str, replay: Replay, config_hash: str) -> str:
    """The identity of a replay: 32 hex digits of the replayed batch, the corrected records, and the configuration.

    The same corrections under the same configuration are the same batch. A corrected object lies under a URI that names
    its content, and its ETag is another at each upload, so the ETag is left out.

    >>> once = batch_id_of_replay("airports", Replay(of="b0"), "c1")
    >>> once == batch_id_of_replay("airports", Replay(of="b0", earlier=("b1",)), "c1")
    True
    >>> once == batch_id_of_replay("airports", Replay(of="b0"), "c2")
    False
    """
    corrected = replay.corrected.uri if replay.corrected else ""
    lines = [pipeline, "replay", replay.of, corrected, replay.rule or "", str(replay.drop), config_hash]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
