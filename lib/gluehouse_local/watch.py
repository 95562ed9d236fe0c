"""Following an execution of the state machine: its states as they come, with their times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gluehouse.errors import SetupError

_ENDED = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


@dataclass
class Execution:
    """``states``: name and seconds of each state that was left, in order; ``status`` as Step Functions names it."""

    arn: str
    status: str = "RUNNING"
    error: str = ""
    seconds: float = 0.0
    states: list[tuple[str, float]] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        return self.arn.rsplit(":", 1)[-1]


class Executions:
    """The executions of one state machine, seen from the moment this is made."""

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client, self._machine = client, state_machine_arn
        self._seen = {one["executionArn"] for one in self._list()}

    def next(self, seconds: float = 60.0) -> Execution:
        """The next one to start; raises SetupError GH7401 where none does within ``seconds``."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            for one in self._list():
                if one["executionArn"] not in self._seen:
                    self._seen.add(one["executionArn"])
                    return Execution(one["executionArn"])
            time.sleep(0.2)
        raise SetupError(
            "GH7401", f"no execution started within {seconds:.0f} s.", "Read server.log in the state folder."
        )

    def follow(
        self, execution: Execution, seconds: float = 900.0, left: Callable[[str, float], None] | None = None
    ) -> Execution:
        """Wait until it ends, calling ``left`` with each state that was left and its seconds."""
        give_up, told = time.monotonic() + seconds, 0
        while time.monotonic() < give_up:
            history = self._history(execution.arn)
            execution.states = list(_states(history))
            for name, took in execution.states[told:]:
                if left is not None:
                    left(name, took)
            told = len(execution.states)
            last = history[-1] if history else {"type": ""}
            if last["type"] in _ENDED:
                execution.status = _ENDED[last["type"]]
                execution.error = _error(last)
                execution.seconds = (last["timestamp"] - history[0]["timestamp"]).total_seconds()
                return execution
            time.sleep(0.3)
        raise SetupError(
            "GH7402", f"{execution.run_id} did not end within {seconds:.0f} s.", "Read its Glue runs' logs."
        )

    def _list(self) -> list[dict[str, Any]]:
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._machine)
        return [one for page in pages for one in page["executions"]]

    def _history(self, arn: str) -> list[dict[str, Any]]:
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def _states(history: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    entered: dict[str, Any] = {}
    for event in history:
        if event["type"].endswith("StateEntered"):
            entered[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        elif event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            if name in entered:
                yield name, (event["timestamp"] - entered.pop(name)).total_seconds()


def _error(event: dict[str, Any]) -> str:
    details: dict[str, str] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    error, cause = details.get("error", ""), details.get("cause", "")
    return cause if cause.startswith(error) else f"{error}: {cause}"
