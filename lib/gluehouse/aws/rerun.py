"""Starting a new execution for the batch of an earlier run."""

from __future__ import annotations

import boto3

from gluehouse.aws import executions, stacks, storage
from gluehouse.errors import ConfigError
from gluehouse.spec.arrival import RerunRequest
from gluehouse.spec.environment import Environment
from gluehouse.spec.plan import FromStage


def rerun(run_id: str, stage: FromStage, stack: str, allow_mass_delete: bool = False) -> str:
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
    request = RerunRequest(rerun_of=run_id, plan_uri=plans[0], from_stage=stage, allow_mass_delete=allow_mass_delete)
    return executions.start_rerun(client, outputs["StateMachineArn"], pipeline, request)
