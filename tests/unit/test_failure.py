"""What Step Functions hands over as Error and Cause, and the failure that is read from it."""

from __future__ import annotations

import json

import pytest

from gluehouse.spec.failure import STAGE_STATES, Failure, read_failure


def run(message: str = "", state: str = "FAILED") -> str:
    return json.dumps({"JobName": "publish", "Id": "jr_1", "JobRunState": state, "ErrorMessage": message})


def thrown(kind: str, message: str) -> tuple[str, str]:
    return kind, json.dumps({"errorType": kind, "errorMessage": message, "stackTrace": []})


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        ("States.TaskFailed", run("GH1001: no such pipeline"), "GH1001"),
        ("States.TaskFailed", run("ConfigError: GH1001: no such pipeline"), "GH1001"),
        ("States.TaskFailed", run("gluehouse.errors.ConfigError: GH1001: no such pipeline"), "GH1001"),
        (
            "States.TaskFailed",
            run("Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 20; GH9001: busy"),
            "GH9001",
        ),
        ("States.TaskFailed", run(), "GH9000"),
        ("States.TaskFailed", run("Command failed with exit code 137"), "GH9000"),
        ("States.TaskFailed", run(state="TIMEOUT"), "GH8002"),
        ("States.TaskFailed", run(state="STOPPED"), "GH8006"),
        ("States.TaskFailed", run("AnalysisException: Path does not exist: s3://x"), "GH8001"),
        ("States.Timeout", "", "GH8002"),
        (*thrown("InputError", "GH2003: s3://x does not exist. What to do: Deliver it."), "GH2003"),
        (*thrown("KeyError", "'iata'"), "GH8001"),
        ("Sandbox.Timedout", json.dumps({"errorMessage": "RequestId: 1 Error: Task timed out after 3.00 s"}), "GH8002"),
        ("Runtime.ExitError", json.dumps({"errorMessage": "RequestId: 1 Error: Runtime exited"}), "GH9000"),
        ("Glue.ConcurrentRunsExceededException", "Concurrent runs exceeded", "GH9002"),
        ("Lambda.TooManyRequestsException", "Rate Exceeded", "GH9002"),
        ("S3.SdkClientException", "Unable to execute HTTP request", "GH9002"),
        ("Glue.EntityNotFoundException", "Failed to start job run", "GH1020"),
        ("States.QueryEvaluationError", "T2010", "GH8001"),
        ("Anything", "not json {", "GH8001"),
        ("Anything", "[1]", "GH8001"),
    ],
)
def test_the_code_is_read_from_whatever_form_the_failure_has(error: str, cause: str, code: str) -> None:
    assert read_failure("Publish", error, cause).code == code


def test_message_and_hint_come_apart_again_and_the_log_is_named() -> None:
    found = read_failure("Publish", "States.TaskFailed", run("ConfigError: GH1001: no column x. What to do: Add it."))
    assert (found.message, found.hint, found.log) == ("no column x.", "Add it.", "/aws-glue/jobs jr_1")


def test_a_text_without_a_code_is_named_but_never_repeated() -> None:
    text = "NumberFormatException: [CAST_INVALID_INPUT] The value 'Jane Doe' of the type STRING cannot be cast"
    for error, cause in (("States.TaskFailed", run(text)), thrown("ValueError", "could not convert 'Jane Doe'")):
        found = read_failure("Publish", error, cause)
        assert "Jane" not in found.model_dump_json()
    assert (
        "NumberFormatException [CAST_INVALID_INPUT]" in read_failure("Publish", "States.TaskFailed", run(text)).message
    )


def test_a_manifest_that_is_missing_after_a_successful_run_is_no_reason_to_run_it_again() -> None:
    found = read_failure("ReadManifest", "S3.NoSuchKeyException", "The specified key does not exist.")
    assert (found.code, found.may_return({})) == ("GH8003", False)


@pytest.mark.parametrize(
    ("state", "code", "returns", "expected"),
    [
        ("Publish", "GH9001", 0, True),
        ("Publish", "GH9001", 1, True),
        ("Publish", "GH9001", 2, False),
        ("Publish", "GH1001", 0, False),
        ("ValidateInput", "GH9001", 0, False),
    ],
)
def test_only_infrastructure_errors_of_a_stage_are_gone_back_for_and_twice(
    state: str, code: str, returns: int, expected: bool
) -> None:
    assert Failure(state=state, code=code, message="").may_return({state: returns}) is expected


def test_each_state_counts_its_own_returns() -> None:
    assert Failure(state=STAGE_STATES[0], code="GH9001", message="").may_return({STAGE_STATES[1]: 2})
