"""The run ledger's row and its one rule: which delivery may be run, which must not be run twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

Status = Literal["RUNNING", "SUCCEEDED", "FAILED"]
Published = Literal["yes", "no", "unknown"]
UNPLANNED = "_unplanned"
"""In place of a pipeline's name for a run that failed before one was resolved; its batch_id is its run_id."""


class LedgerRow(BaseModel):
    """One delivery (``pipeline``, ``batch_id``) and the run that has, or last had, it. Extra attributes of an
    item written by a later release are ignored, so that a rollback can still read the table."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pipeline: str
    batch_id: str
    status: Status
    run_id: str
    execution_arn: str
    started_at: datetime
    ended_at: datetime | None = None
    config_hash: str = ""
    plan_uri: str = ""
    published: Published = "no"
    error_code: str | None = None
    notification_error: str | None = None
    swept_at: datetime | None = None
    replay_of: str | None = None


class Judgement(NamedTuple):
    """Whether the batch may be run now, and why, in words."""

    run: bool
    reason: str


def judge(row: LedgerRow | None, run_id: str, is_alive: Callable[[str], bool], again: bool = False) -> Judgement:
    """May run ``run_id`` have the batch of ``row``?

    ``is_alive(execution_arn)`` is asked only for a RUNNING row of another run; ``again`` (a rerun
    that somebody asked for) lets a batch that has SUCCEEDED be run once more, never one that a live execution is at.
    """
    if row is None:
        return Judgement(True, "the batch is new")
    if row.status == "FAILED":
        return Judgement(True, f"run {row.run_id} failed with {row.error_code or 'no code'}")
    if row.status == "SUCCEEDED":
        return Judgement(again, f"the batch was published by run {row.run_id}")
    if row.run_id == run_id:
        return Judgement(True, "this run has claimed the batch already")
    if is_alive(row.execution_arn):
        return Judgement(False, f"run {row.run_id} is at the batch and alive")
    return Judgement(True, f"run {row.run_id} died and left the batch RUNNING")
