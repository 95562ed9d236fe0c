"""Executions of the state machine: is one alive, start one, tell people and programs how one ended."""

from __future__ import annotations

import json
import uuid
from typing import Any

from botocore.exceptions import ClientError

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.spec.arrival import ReplayRequest, RerunRequest
from gluehouse.spec.notice import Notice

_LIVE = {"RUNNING", "PENDING_REDRIVE"}
_GONE = {"ExecutionDoesNotExist", "InvalidArn"}


def is_alive(client: Any, execution_arn: str) -> bool:
    """Whether the execution still runs; one that Step Functions does not know is dead."""
    try:
        with passing_faults(f"asking for {execution_arn}"):
            return client.describe_execution(executionArn=execution_arn)["status"] in _LIVE
    except ClientError as error:
        if code_of_fault(error) in _GONE:
            return False
        raise


def start_rerun(client: Any, state_machine_arn: str, pipeline: str, request: RerunRequest) -> str:
    """Start a new execution for the batch of an earlier run; the new execution's ARN."""
    return _start(client, state_machine_arn, f"{pipeline[:40]}-rerun", request)


def start_replay(client: Any, state_machine_arn: str, pipeline: str, request: ReplayRequest) -> str:
    """Start an execution that replays a batch; its ARN."""
    return _start(client, state_machine_arn, f"{pipeline[:40]}-replay", request)


def _start(client: Any, state_machine_arn: str, kind: str, request: RerunRequest | ReplayRequest) -> str:
    name = f"{kind}-{uuid.uuid4().hex[:24]}"
    with passing_faults("starting an execution"):
        answer = client.start_execution(stateMachineArn=state_machine_arn, name=name, input=request.model_dump_json())
    return str(answer["executionArn"])


def send_failure(events: Any, topics: Any, event_bus: str, topic_arn: str | None, notice: Notice) -> list[str]:
    """Send a failure's notice by both ways, each whatever became of the other; the ways that failed."""
    unsent: list[str] = []
    entry = {
        "EventBusName": event_bus, "Source": "gluehouse", "DetailType": "Gluehouse Run Failed",
        "Detail": json.dumps(notice.detail),
    }  # fmt: skip
    try:
        answer = events.put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            unsent.append(f"EventBridge: {answer['Entries'][0].get('ErrorCode')}")
    except Exception as error:  # whatever it is, the other way is still to be tried; the caller records it
        unsent.append(f"EventBridge: {type(error).__name__}")
    if topic_arn:
        try:
            topics.publish(TopicArn=topic_arn, Subject=notice.subject, Message=notice.text)
        except Exception as error:  # as above
            unsent.append(f"SNS: {type(error).__name__}")
    return unsent
