"""Executions on the laptop: Glue tasks, S3 objects, errors, limits and ends as on AWS."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gluehouse_local.inbox import Inbox
from gluehouse_local.server import LocalAws
from gluehouse_local.stepfunctions import _paced, run_as_output
from tests.local.glue_jobs import GlueJobs, wait_for
from tests.local.test_glue_runs import SLEEP, is_alive, processes_in
from tests.local.test_lambda import Functions

GLUE = "arn:aws:states:::glue:startJobRun.sync"
CAUGHT = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}


class Machine:
    """State machines given as their states; each runs one execution."""

    def __init__(self, aws: LocalAws) -> None:
        self._client = aws.client("stepfunctions")

    def start(self, states: dict[str, Any], given: Any = None, **settings: Any) -> str:
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **settings}
        machine = self._client.create_state_machine(
            name="machine", roleArn="arn:aws:iam::000000000000:role/x", definition=json.dumps(definition)
        )["stateMachineArn"]
        started = self._client.start_execution(stateMachineArn=machine, name="one", input=json.dumps(given or {}))
        return str(started["executionArn"])

    def described(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.describe_execution(executionArn=execution)
        return found

    def ended(self, execution: str) -> dict[str, Any]:
        wait_for(lambda: self.described(execution)["status"] != "RUNNING")
        return self.described(execution)

    def run(self, states: dict[str, Any], given: Any = None, **settings: Any) -> tuple[str, Any]:
        """Status and output (or error and cause) of one execution."""
        told = self.ended(self.start(states, given, **settings))
        if told["status"] == "SUCCEEDED":
            return "SUCCEEDED", json.loads(told["output"])
        return told["status"], (told.get("error"), told.get("cause"))

    def stop(self, execution: str) -> None:
        self._client.stop_execution(executionArn=execution, error="Stopped", cause="by hand")


def task(resource: str, arguments: Any, **settings: Any) -> dict[str, Any]:
    """A task that ends the machine, and where its Catch leads."""
    state = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True, **settings}
    return {"Task": state, "Caught": {"Type": "Succeed"}}


@pytest.fixture
def machine(aws: LocalAws) -> Machine:
    return Machine(aws)


def test_a_glue_task_answers_the_run_with_times_in_milliseconds(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create("import sys\nprint(sys.argv)")
    arguments = {"JobName": "job", "Arguments": {"--plan_uri": "{% $states.input.uri %}"}}
    status, run = machine.run(task(GLUE, arguments), {"uri": "s3://a/plan.json"})
    assert status == "SUCCEEDED"
    assert (run["JobName"], run["JobRunState"], run["Arguments"]) == (
        "job",
        "SUCCEEDED",
        {"--plan_uri": "s3://a/plan.json"},
    )
    assert run["StartedOn"] > 1_700_000_000_000
    assert "s3://a/plan.json" in jobs.log(run["Id"])


def test_a_failed_run_is_task_failed_with_the_run_as_its_cause(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create("raise RuntimeError('GH9001: storage is throttled')")
    status, caught = machine.run(task(GLUE, {"JobName": "job"}, Catch=[CAUGHT]))
    cause = json.loads(caught["Cause"])
    assert (status, caught["Error"]) == ("SUCCEEDED", "States.TaskFailed")
    assert cause["JobRunState"] == "FAILED"
    assert cause["ErrorMessage"] == "RuntimeError: GH9001: storage is throttled"


def test_a_run_that_cannot_start_is_an_error_of_glue_and_retried_by_name(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    jobs.start()
    retry = {"ErrorEquals": ["Glue.ConcurrentRunsExceededException"], "MaxAttempts": 2, "IntervalSeconds": 1}
    execution = machine.start(task(GLUE, {"JobName": "job"}, Retry=[retry], Catch=[CAUGHT]))
    told = machine.ended(execution)
    assert json.loads(told["output"])["Error"] == "Glue.ConcurrentRunsExceededException"
    events = jobs.aws.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert sum(event["type"] == "TaskFailed" for event in events) == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"JobName": "nobody"}, "Glue.EntityNotFoundException"),
        ({"JobName": "job", "Arguments": {"--n": 5}}, "Glue.InvalidInputException"),
        ({"JobName": "job", "Arguments": {"--JOB_NAME": "x"}}, "Glue.InvalidInputException"),
    ],
)
def test_a_wrong_start_is_named_after_glues_exception(
    machine: Machine, jobs: GlueJobs, arguments: dict[str, Any], error: str
) -> None:
    jobs.create("print(1)")
    assert machine.run(task(GLUE, arguments))[1][0] == error


def test_without_sync_the_task_answers_at_once(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    status, answer = machine.run(task(GLUE.removesuffix(".sync"), {"JobName": "job"}))
    assert (status, answer["JobName"]) == ("SUCCEEDED", "job")
    assert jobs.record(answer["JobRunId"])["JobRunState"] in ("STARTING", "RUNNING")


def started_processes(jobs: GlueJobs) -> tuple[str, list[int]]:
    """The id of the job's one run and its two processes, once they are there."""

    def two() -> tuple[str, list[int]] | None:
        runs = jobs.glue.get_job_runs(JobName="job")["JobRuns"]
        if not runs or not jobs.aws.run_log(runs[0]["Id"]).exists():
            return None
        found = processes_in(jobs.log(runs[0]["Id"]))
        return (runs[0]["Id"], found) if len(found) == 2 else None

    found: tuple[str, list[int]] = wait_for(two)
    return found


def test_a_stopped_execution_stays_aborted_and_ends_its_glue_process(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 3}
    execution = machine.start(task(GLUE, {"JobName": "job"}, Retry=[retry], Catch=[CAUGHT]))
    run_id, pids = started_processes(jobs)
    machine.stop(execution)
    assert jobs.ended(run_id)["JobRunState"] == "STOPPED"
    assert not any(is_alive(pid) for pid in pids)
    time.sleep(0.5)  # a retry or a late failure would come right now
    assert len(jobs.glue.get_job_runs(JobName="job")["JobRuns"]) == 1
    assert machine.described(execution)["status"] == "ABORTED"


def test_a_task_over_its_timeout_is_a_timeout_and_ends_its_glue_process(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    execution = machine.start(task(GLUE, {"JobName": "job"}, TimeoutSeconds=2, Catch=[CAUGHT]))
    run_id, pids = started_processes(jobs)
    assert json.loads(machine.ended(execution)["output"])["Error"] == "States.Timeout"
    assert jobs.ended(run_id)["JobRunState"] == "STOPPED"
    assert not any(is_alive(pid) for pid in pids)


def test_a_machine_over_its_timeout_ends_timed_out_with_its_glue_process(machine: Machine, jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    execution = machine.start(task(GLUE, {"JobName": "job"}, Catch=[CAUGHT]), TimeoutSeconds=2)
    run_id, _ = started_processes(jobs)
    assert machine.ended(execution)["status"] == "TIMED_OUT"
    assert jobs.ended(run_id)["JobRunState"] == "STOPPED"


def test_an_object_is_read_as_text_and_parsed_in_the_definition(machine: Machine, aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="runs")
    aws.client("s3").put_object(Bucket="runs", Key="airports/r 1/ingest.json", Body='{"outcome": "passed", "é": 1}')
    arguments = {"Bucket": "runs", "Key": "{% 'airports/' & $states.input.run & '/ingest.json' %}"}
    states = task(
        "arn:aws:states:::aws-sdk:s3:getObject", arguments, Output="{% $parse($states.result.Body).outcome %}"
    )
    assert machine.run(states, {"run": "r 1"}) == ("SUCCEEDED", "passed")


def test_a_missing_object_is_no_such_key(machine: Machine, aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="runs")
    states = task("arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": "runs", "Key": "none"}, Catch=[CAUGHT])
    assert machine.run(states)[1]["Error"] == "S3.NoSuchKeyException"


def test_an_object_is_written_as_text_or_as_json(machine: Machine, aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="runs")
    arguments = {"Bucket": "runs", "Key": "plan.json", "Body": {"n": "{% $states.input.n %}"}}
    status, answer = machine.run(task("arn:aws:states:::aws-sdk:s3:putObject", arguments), {"n": 3})
    assert (status, bool(answer["ETag"])) == ("SUCCEEDED", True)
    assert json.loads(s3.get_object(Bucket="runs", Key="plan.json")["Body"].read()) == {"n": 3}


def test_an_output_over_the_limit_ends_the_execution_and_no_catch_sees_it(machine: Machine, aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="runs")
    aws.client("s3").put_object(Bucket="runs", Key="big", Body="x" * 262_144)
    states = task("arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": "runs", "Key": "big"}, Catch=[CAUGHT])
    status, (error, _) = machine.run(states)
    assert (status, error) == ("FAILED", "States.DataLimitExceeded")


def test_a_runtime_error_is_caught_by_its_name_only(machine: Machine) -> None:
    broken = task("arn:aws:states:::nonsense:doIt", {}, Catch=[CAUGHT])
    assert machine.run(broken)[0] == "FAILED"


def test_a_lambda_error_is_retried_and_caught_by_its_class(machine: Machine, aws: LocalAws) -> None:
    code = "class TableLockHeld(Exception): pass\nclass Other(Exception): pass\ncalls = []\ndef handler(e, c):\n"
    code += (
        "    calls.append(1)\n    if len(calls) < 3: raise TableLockHeld('GH6001: held')\n    raise Other('GH1001: no')"
    )
    arn = Functions(aws).create(code)
    retry = {"ErrorEquals": ["TableLockHeld"], "MaxAttempts": 5, "IntervalSeconds": 1, "MaxDelaySeconds": 2}
    catch = [{**CAUGHT, "ErrorEquals": ["Other"]}]
    arguments = {"FunctionName": arn, "Payload": {}}
    _, caught = machine.run(task("arn:aws:states:::lambda:invoke", arguments, Retry=[retry], Catch=catch))
    assert caught["Error"] == "Other"
    assert json.loads(caught["Cause"])["errorMessage"] == "GH1001: no"


def test_variables_choices_and_outputs_of_jsonata_are_right(machine: Machine) -> None:
    states = {
        "Keep": {
            "Type": "Pass",
            "Assign": {"tables": "{% $states.input.tables %}", "first": None, "attempts": {"Publish": 0}},
            "Next": "Choose",
        },
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $count($tables) = 1 and $exists($first) and $first = null %}",
                    "Assign": {"attempts": "{% $merge([$attempts, {'Publish': $attempts.Publish + 1}]) %}"},
                    "Next": "Done",
                }
            ],
            "Default": "Wrong",
        },
        "Done": {
            "Type": "Succeed",
            "Output": {
                "tables": "{% $tables %}",
                "n": "{% $attempts.Publish %}",
                "name": "{% $states.context.Execution.Name %}",
            },
        },
        "Wrong": {"Type": "Fail", "Error": "Wrong"},
    }
    answer = {"tables": ["curated.airports"], "n": 1, "name": "one"}
    assert machine.run(states, {"tables": ["curated.airports"]}) == ("SUCCEEDED", answer)


def test_the_end_of_every_execution_is_an_event(machine: Machine, aws: LocalAws) -> None:
    inbox = Inbox(aws, [], {"source": ["aws.states"], "detail": {"status": ["ABORTED", "FAILED", "TIMED_OUT"]}})
    execution = machine.start(
        {"Slow": {"Type": "Wait", "Seconds": 1, "Next": "No"}, "No": {"Type": "Fail", "Error": "E"}}
    )
    told = machine.ended(execution)
    (event,) = inbox.wait()
    assert event.about == "Step Functions Execution Status Change"
    assert (event.body["executionArn"], event.body["status"]) == (execution, told["status"])
    assert (event.body["error"], event.body["name"]) == ("E", "one")


def test_a_retrys_wait_grows_to_its_limit_and_is_spread_by_jitter() -> None:
    retrier = {"ErrorEquals": ["X"], "IntervalSeconds": 2, "BackoffRate": 3.0, "MaxDelaySeconds": 10}
    assert [_paced(retrier, attempt)["IntervalSeconds"] for attempt in range(4)] == [2, 6, 10, 10]
    spread = [_paced({**retrier, "JitterStrategy": "FULL"}, 2)["IntervalSeconds"] for _ in range(200)]
    assert 0 <= min(spread) < 3
    assert 7 < max(spread) <= 10


def test_a_run_without_an_end_has_no_time_of_it() -> None:
    assert run_as_output({"StartedOn": 1.5, "Id": "jr_1"}) == {"StartedOn": 1500, "Id": "jr_1"}
