"""Whatever dies, nothing is lost or doubled, somebody is told once, and no lock stays behind."""

from __future__ import annotations

import time

import psutil
import pytest

from gluehouse.aws.rerun import rerun
from gluehouse_local.watch import Execution
from tests import expected_airports as expected
from tests.e2e.conftest import Stack

FIRST, SECOND, THIRD = expected.RELEASES[:3]
PIPELINE = "airports_by_country"


def processes_of_the_live_run(stack: Stack) -> list[psutil.Process]:
    """The processes of the one Glue run that is on its way, once its driver runs."""
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up:
        live = [run["Id"] for run in stack.glue_runs() if run["JobRunState"] == "RUNNING"]
        found = [one for one in psutil.process_iter(["cmdline"]) if live and live[0] in (one.info["cmdline"] or ())]
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("no Glue run was seen running")


def countries(stack: Stack) -> set[tuple[object, ...]]:
    sql = "SELECT country, airports, highest_feet, effective_from, effective_to FROM t"
    return {tuple(row.values()) for row in stack.rows(PIPELINE, sql)}


def test_a_glue_run_that_is_killed_is_run_again_and_the_table_is_right(stack: Stack) -> None:
    stack.forget()
    execution = stack.put(PIPELINE, FIRST.name, FIRST.read_bytes())
    for process in processes_of_the_live_run(stack):
        process.kill()
    execution = stack.executions.follow(execution)
    assert execution.status == "SUCCEEDED", execution.error
    assert [run["JobRunState"] for run in stack.glue_runs()] == ["SUCCEEDED", "FAILED"]
    assert [name for name, _ in execution.states].count("ClassifyFailure") == 1
    assert countries(stack) == expected.country_history([FIRST])
    assert stack.alerts(1) == []
    assert stack.locks() == []


def test_an_aborted_execution_ends_its_glue_run_and_is_swept_once(stack: Stack) -> None:
    stack.forget()
    execution = stack.put(PIPELINE, SECOND.name, SECOND.read_bytes())
    processes = processes_of_the_live_run(stack)
    assert stack.locks() == [f"curated.{PIPELINE}"]
    stack.aws.client("stepfunctions").stop_execution(executionArn=execution.arn, cause="a test")
    gone, alive = psutil.wait_procs(processes, timeout=30)
    assert (len(gone), alive) == (len(processes), [])
    alerts = stack.alerts()
    assert len(alerts) == 1
    assert execution.run_id in str(alerts[0].body)
    assert stack.locks() == []
    assert sorted(row["status"] for row in stack.ledger(PIPELINE)) == ["FAILED", "SUCCEEDED"]
    assert stack.alerts(2) == []


@pytest.mark.usefixtures("at_the_desk")
def test_a_failed_run_is_run_again_from_its_id_and_the_table_is_right(stack: Stack) -> None:
    failed = next(row for row in stack.ledger(PIPELINE) if row["status"] == "FAILED")
    execution = stack.executions.follow(Execution(rerun(failed["run_id"], "ingest", "gluehouse-local")))
    assert execution.status == "SUCCEEDED", execution.error
    assert countries(stack) == expected.country_history([FIRST, SECOND])
    assert [row["status"] for row in stack.ledger(PIPELINE)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_table_that_another_run_has_locked_is_waited_for_and_then_given_up_with_a_code(stack: Stack) -> None:
    other = {
        "table_name": {"S": f"curated.{PIPELINE}"},
        "owner": {"S": "another-run"},
        "token": {"N": "99"},
        "expires_at": {"N": str(int(time.time()) + 3600)},
    }
    table = stack.environment.lock_table
    stack.aws.client("dynamodb").put_item(TableName=table, Item=other)
    before, runs = stack.commits(PIPELINE), len(stack.glue_runs())
    execution = stack.drop(PIPELINE, THIRD.name, THIRD.read_bytes())
    assert execution.status == "FAILED"
    assert "GH6001" in execution.error
    assert (stack.commits(PIPELINE), len(stack.glue_runs())) == (before, runs)
    held = stack.aws.client("dynamodb").get_item(TableName=table, Key={"table_name": other["table_name"]})["Item"]
    assert (held["owner"], held["token"]) == (other["owner"], other["token"])
