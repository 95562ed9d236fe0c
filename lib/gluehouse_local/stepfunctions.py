"""What MiniStack's Step Functions lack for our definition: Glue runs, S3 objects, and what the service guarantees.

Each function here stands in front of one of MiniStack's and is put there by ``install``.
"""

from __future__ import annotations

import contextvars
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from gluehouse_local.glue_runner import GlueRun
from gluehouse_local.glue_service import GlueError, GlueService

PAYLOAD_LIMIT = 262_144  # bytes of UTF-8, the service's limit for any input, output or variable
_UNCATCHABLE = frozenset({"States.Runtime", "States.DataLimitExceeded"})
_execution: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("execution", default=None)
_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)


class ExecutionEndedError(Exception):
    """The execution was stopped or timed out while a task of it ran; no Retry and no Catch sees this."""


def _is_over() -> bool:
    execution = _execution.get()
    return execution is not None and execution["status"] != "RUNNING"


def run_as_output(record: dict[str, Any]) -> dict[str, Any]:
    """A JobRun as the task's output and as the Cause of a failure: times in epoch milliseconds."""
    times: dict[str, Any] = {
        key: int(record[key] * 1000) for key in ("StartedOn", "CompletedOn", "LastModifiedOn") if key in record
    }
    return {**record, **times}


def glue_task(service: GlueService, failure: Callable[[str, str], Exception]) -> Callable[[str, dict[str, Any]], Any]:
    """The task ``glue:startJobRun`` and its ``.sync``; ``failure(error, cause)`` makes the error of a state."""

    def start(request: dict[str, Any]) -> GlueRun:
        try:
            return service.start(request)
        except GlueError as error:
            text = f"{error} (Service: AWSGlue; Status Code: 400; Error Code: {error.code}; Proxy: null)"
            raise failure(f"Glue.{error.code}", text) from error

    def wait(run: GlueRun) -> None:
        deadline = _deadline.get()
        while not run.done.wait(0.1):
            late = deadline is not None and time.monotonic() > deadline
            if late or _is_over():
                run.stop()
                run.done.wait(15)
                raise failure("States.Timeout", "Task timed out") if late else ExecutionEndedError()

    def task(resource: str, request: dict[str, Any]) -> Any:
        run = start(request)
        if ".sync" not in resource:
            return {"JobName": run.record["JobName"], "JobRunId": run.record["Id"]}
        wait(run)
        output = run_as_output(run.record)
        if output["JobRunState"] != "SUCCEEDED":
            raise failure("States.TaskFailed", json.dumps(output))
        return output

    return task


def s3_objects(sfn: Any, app: Any, others: Callable[..., Any]) -> Callable[..., Any]:
    """``aws-sdk:s3:getObject`` and ``putObject`` in front of MiniStack's other S3 actions."""

    def call(method: str, request: dict[str, Any], body: bytes) -> tuple[dict[str, str], str]:
        path = f"/{request['Bucket']}/{request['Key']}"
        credential = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
        headers = {"host": "s3.us-east-1.amazonaws.com", "authorization": credential}
        if body:
            headers |= {"content-length": str(len(body)), "content-type": request.get("ContentType", "text/plain")}
        status, answered, text = app.call_service_handler_sync(
            app.SERVICE_HANDLERS["s3"], method, path, headers, body, {}
        )
        content = text.decode() if isinstance(text, bytes) else text or ""
        if status >= 400:
            code = content.partition("<Code>")[2].partition("</Code>")[0] or f"Status{status}"
            message = content.partition("<Message>")[2].partition("</Message>")[0]
            raise sfn._ExecutionError(f"S3.{code.removesuffix('Exception')}Exception", f"{message} (Service: S3)")
        return {name.lower(): value for name, value in answered.items()}, content

    def dispatch(service_info: Any, service_name: str, action: str, request: dict[str, Any]) -> Any:
        if service_name == "s3" and action == "getObject":
            headers, content = call("GET", request, b"")
            return {
                "Body": content,
                "ContentLength": len(content.encode()),
                "ContentType": headers.get("content-type", ""),
                "ETag": headers.get("etag", ""),
                "LastModified": headers.get("last-modified", ""),
            }
        if service_name == "s3" and action == "putObject":
            given = request.get("Body", "")
            text = given if isinstance(given, str) else json.dumps(given)
            headers, _ = call("PUT", request, text.encode())
            return {"ETag": headers.get("etag", "")}
        return others(service_info, service_name, action, request)

    return dispatch


def _paced(retrier: dict[str, Any], attempts: int) -> dict[str, Any]:
    """The retrier with its wait worked out: MiniStack knows neither MaxDelaySeconds nor JitterStrategy."""
    wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempts
    wait = min(wait, retrier.get("MaxDelaySeconds", wait))
    if retrier.get("JitterStrategy") == "FULL":
        wait = random.uniform(0, wait)  # noqa: S311 spreads retries, guards nothing
    return {**retrier, "IntervalSeconds": wait, "BackoffRate": 1.0}


def _time_out(sfn: Any, execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", error="States.Timeout", stopDate=sfn.now_iso())
    sfn._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    sfn._emit_execution_status_event(execution)


def install(sfn: Any, app: Any, service: GlueService) -> None:
    """Put all of this in front of MiniStack's ``stepfunctions`` module; ``app`` is its application module."""
    run_execution, fail_execution, invoke = sfn._run_execution, sfn._fail_execution, sfn._invoke_resource
    invoke_in_time, output_path = sfn._invoke_resource_with_timeout, sfn._apply_output_path
    find_retrier, matches = sfn._find_matching_retrier, sfn._error_matches

    def with_time_limit(execution_arn: str) -> None:
        execution = sfn._executions.get(execution_arn)
        _execution.set(execution)
        machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
        if not seconds:
            run_execution(execution_arn)
            return
        timer = threading.Timer(seconds, contextvars.copy_context().run, (_time_out, sfn, execution))
        timer.daemon = True
        timer.start()
        try:
            run_execution(execution_arn)
        finally:
            timer.cancel()

    def output_also_of_succeed(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:  # MiniStack reads only JSONPath's OutputPath there
            return sfn._apply_jsonata_output(state, data, context, default=data)
        return output_path(state, data, context)

    def fail_unless_over(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":  # an aborted execution stays ABORTED when its task ends with an error
            fail_execution(execution, error, cause)

    def invoke_within_limits(resource: str, request: Any) -> Any:
        if _is_over():
            raise ExecutionEndedError
        result = invoke(resource, request)
        if len(json.dumps(result, default=str).encode()) > PAYLOAD_LIMIT:
            raise sfn._ExecutionError("States.DataLimitExceeded", f"{resource} answered over {PAYLOAD_LIMIT} bytes")
        return result

    def invoke_before_deadline(resource: str, request: Any, seconds: float) -> Any:
        if "glue:startJobRun" not in resource:
            return invoke_in_time(resource, request, seconds)
        token = _deadline.set(time.monotonic() + seconds)
        try:
            return sfn._invoke_resource(resource, request)
        finally:
            _deadline.reset(token)

    def find_paced(retriers: list[dict[str, Any]], error: str, counts: dict[int, int]) -> tuple[Any, int]:
        retrier, index = find_retrier(retriers, error, counts)
        return (_paced(retrier, counts.get(index, 0)), index) if retrier else (retrier, index)

    def matches_as_documented(names: list[str], error: str) -> bool:
        return error in names if error in _UNCATCHABLE else matches(names, error)

    sfn._run_execution, sfn._fail_execution = with_time_limit, fail_unless_over
    sfn._invoke_resource, sfn._invoke_resource_with_timeout = invoke_within_limits, invoke_before_deadline
    sfn._find_matching_retrier, sfn._error_matches = find_paced, matches_as_documented
    sfn._apply_output_path = output_also_of_succeed
    sfn._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = glue_task(service, sfn._ExecutionError)
    sfn._dispatch_aws_sdk_rest_xml = s3_objects(sfn, app, sfn._dispatch_aws_sdk_rest_xml)


def end_all(sfn: Any) -> None:
    """Abort every running execution, so that its thread ends at the next state."""
    for execution in list(sfn._executions.values()):
        if execution["status"] == "RUNNING":
            execution["status"] = "ABORTED"
