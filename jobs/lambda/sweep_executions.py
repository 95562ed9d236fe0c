"""Lambda behind the rule on executions that FAILED, were ABORTED or TIMED_OUT: no run ends unseen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gluehouse.aws import wiring
from gluehouse.spec.ended import ended_execution


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """``event``: EventBridge's "Step Functions Execution Status Change"; answers what was done."""
    sweeper = wiring.sweeper(wiring.environment_of_lambda())
    swept = sweeper.sweep(ended_execution(event), datetime.now(UTC))
    print(swept)
    return swept
