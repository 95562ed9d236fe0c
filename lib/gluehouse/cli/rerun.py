"""Starting a new execution for the batch of an earlier run."""

from __future__ import annotations

from gluehouse.aws import executions, stacks, storage
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment


def rerun(run_id: str, stage: str, stack: str) -> dict[str, str]:
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
    request = {"rerun_of": run_id, "plan_uri": plans[0], "from_stage": stage}
    return {"execution": executions.start(outputs["StateMachineArn"], request)}
