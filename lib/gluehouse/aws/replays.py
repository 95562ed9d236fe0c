"""What a request for a replay names: the plan of the replayed batch, and whether its pipeline can replay at all."""

from __future__ import annotations

from gluehouse.aws import storage
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.arrival import ReplayRequest
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import Replay, RunPlan


def plan_of(request: ReplayRequest) -> RunPlan:
    """The plan of the replayed batch; raises InputError GH2008 where it is gone, GH2050 where it is another's."""
    try:
        plan = RunPlan.model_validate_json(storage.read_text(request.plan_uri))
    except ConfigError as error:
        raise InputError(
            "GH2008",
            f"batch {request.replay_of} has no plan at {request.plan_uri} (any more).",
            "Deliver the object again, with its rows corrected.",
        ) from error
    if plan.replay is not None:
        raise InputError(
            "GH2050",
            f"batch {request.replay_of} is itself a replay, of {plan.replay.of}.",
            f"Replay {plan.replay.of}, with all of its corrected records.",
        )
    if plan.batch_id != request.replay_of:
        raise InputError(
            "GH2050",
            f"{request.plan_uri} is the plan of batch {plan.batch_id} and not of {request.replay_of}.",
            "Name the plan of a run of that batch.",
        )
    return plan


def refuse_without_history(replay: Replay | None, pipeline: CompiledPipeline) -> None:
    """Raises InputError GH2051: without a history nothing tells a row that is there already from one that is new."""
    if replay is not None and pipeline.spec.history is None:
        raise InputError(
            "GH2051",
            f"pipeline {pipeline.name} keeps no history, so a replay would publish its good rows a second time.",
            "Deliver the corrected rows as an object of their own (mode: append), or the whole object again.",
        )
