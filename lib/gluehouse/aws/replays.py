"""Asking for a replay; and what such a request names: the plan of the replayed batch, a pipeline that can replay."""

from __future__ import annotations

import hashlib
from pathlib import Path

import boto3

from gluehouse.aws import executions, stacks, storage
from gluehouse.aws.aside import AsideZone
from gluehouse.aws.plans import read_plan
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.arrival import ReplayRequest
from gluehouse.spec.environment import Environment
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import Replay, RunPlan


def plan_of(request: ReplayRequest) -> RunPlan:
    """The plan of the replayed batch; raises InputError GH2008 where it is gone, GH2050 where it is another's."""
    plan = read_plan(
        request.plan_uri,
        f"batch {request.replay_of} has no plan at {request.plan_uri} (any more).",
        "Deliver the object again, with its rows corrected.",
    )
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
    """Raises InputError GH2051: without a history only Delta's files tell what a batch has published there before."""
    if replay is None or pipeline.spec.history is not None:
        return
    other = [target.table for target in pipeline.spec.publish if target.target != "delta"]
    if other:
        raise InputError(
            "GH2051",
            f"pipeline {pipeline.name} keeps no history, so a replay would publish its good rows a second time to "
            f"{', '.join(other)}.",
            "Deliver the corrected rows as an object of their own (mode: append), or the whole object again.",
        )


def ask(batch_id: str, corrected: Path | None, rule: str | None, drop: int, stack: str) -> str:
    """Start the execution that replays a batch; its ARN.

    ``corrected``: a file in the source's format, which is put into the quarantine zone under the digest of its content.
    Raises ConfigError GH1490 where no pipeline has the batch in quarantine, GH1061, InputError GH2008, GH2050.
    """
    outputs = stacks.outputs(stack)
    environment = Environment.from_json(outputs["Environment"])
    zone = AsideZone(environment.quarantine)
    pipeline = known_pipeline(zone, batch_id)
    run_id = next(zone.rows_of(pipeline, batch_id)).run_id
    plan_uri = environment.plan_uri(pipeline, run_id)
    plan_of(ReplayRequest(replay_of=batch_id, plan_uri=plan_uri))
    uri = _uploaded(environment, pipeline, batch_id, corrected) if corrected else None
    request = ReplayRequest(replay_of=batch_id, plan_uri=plan_uri, corrected=uri, rule=rule, drop=drop)
    return executions.start_replay(boto3.client("stepfunctions"), outputs["StateMachineArn"], pipeline, request)


def known_pipeline(zone: AsideZone, batch_id: str) -> str:
    """The pipeline of a batch; raises ConfigError GH1490."""
    pipeline = zone.pipeline_of(batch_id)
    if pipeline is None:
        raise ConfigError(
            "GH1490",
            f"no pipeline has rows of batch {batch_id} in quarantine (any more).",
            "`gluehouse quarantine list PIPELINE` names the batches that have.",
        )
    return pipeline


def _uploaded(environment: Environment, pipeline: str, batch_id: str, file: Path) -> str:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    uri = environment.corrected_uri(pipeline, batch_id, digest, file.name)
    # Written again it would get another ETag, and a run that is at it would take it for another object.
    if uri not in storage.list_uris(f"{uri.rpartition('/')[0]}/"):
        storage.write_bytes(uri, content)
    return uri
