"""Starting a new execution for the batch of an earlier run."""

from __future__ import annotations

import boto3

from gluehouse.aws import executions, stacks, storage
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment
from gluehouse.spec.plan import FromStage


def rerun(run_id: str, stage: FromStage, stack: str) -> str:
    """Answers the new execution's ARN. Raises ConfigError GH1060 where no run of that id has a plan."""
    outputs = stacks.outputs(stack)
    environment = Environment.from_json(outputs["Environment"])
    plans = [uri for uri in storage.list_uris(f"{environment.runs}/") if uri.endswith(f"/{run_id}/plan.json")]
    if not plans:
        raise ConfigError(
            "GH1060",
            f"no run {run_id} has a plan below {environment.runs}.",
            "Take the run's id from its alert, manifest or execution name; a run that failed before planning is "
            "started again by delivering its object again.",
        )
    pipeline = plans[0].split("/")[-3]
    client = boto3.client("stepfunctions")
    return executions.start_rerun(client, outputs["StateMachineArn"], pipeline, run_id, plans[0], stage)
