"""Lambda of the states that judge and record how a run ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gluehouse.aws import wiring
from gluehouse.spec.environment import Environment
from gluehouse.spec.failure import Failure, read_failure
from gluehouse.spec.notice import RunRef


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """``event["action"]``: classify, record_success, record_failure or notification_failed; with ``run`` (the
    answer of ValidateInput) and ``execution_arn``. The recording ones answer the notice to send."""
    environment = wiring.environment_of_lambda()
    if event["action"] == "classify":
        return classify(event["failed"], event["attempts"], f"/gluehouse/{environment.name}/jobs")
    recorder = wiring.recorder(environment)
    run, now = _run(event, environment), datetime.now(UTC)
    if event["action"] == "record_success":
        return recorder.success(run, event["manifest"], now).model_dump()
    if event["action"] == "record_failure":
        return recorder.failure(run, Failure.model_validate(event["failure"]), now).model_dump()
    recorder.unsent(run, event["unsent"])
    return {}


def classify(failed: dict[str, str], attempts: dict[str, int], job_log: str) -> dict[str, Any]:
    """The failure behind what a Catch saw, whether to go back to the state, and the returns so far."""
    failure = read_failure(failed["state"], failed["error"], failed["cause"], job_log)
    retry = failure.may_return(attempts)
    counted = {**attempts, failure.state: attempts.get(failure.state, 0) + 1} if retry else attempts
    return {"failure": failure.model_dump(), "retry": retry, "attempts": counted}


def _run(event: dict[str, Any], environment: Environment) -> RunRef:
    run = event["run"]
    return RunRef(
        environment=environment.name,
        pipeline=run["pipeline"],
        run_id=run["run_id"],
        batch_id=run["batch_id"],
        execution_arn=event["execution_arn"],
        where=environment.run_uri(run["pipeline"], run["run_id"]),
    )
