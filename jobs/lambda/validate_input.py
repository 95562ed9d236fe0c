"""Lambda of the state ValidateInput: an event in, a small plan's answer out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gluehouse.aws import wiring


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """``event``: {"event": what started the execution, "run_id", "execution_arn"}. Answers an ``Answer``."""
    intake = wiring.intake(wiring.environment_of_lambda())
    answer = intake.admit(event["event"], event["run_id"], event["execution_arn"], datetime.now(UTC))
    return answer.model_dump(mode="json")
