"""The sweep of ended executions: it does what the error handler could not, once, and touches nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from gluehouse.aws import wiring
from gluehouse.aws.table_lock import DynamoTableLock, tables_held_by
from gluehouse.spec.ledger import LedgerRow


@pytest.fixture
def run(stack: Any) -> LedgerRow:
    """A run that is RUNNING and owns two locks."""
    row = LedgerRow(
        pipeline="airports",
        batch_id="b1",
        status="RUNNING",
        run_id="run-1",
        execution_arn="arn:run-1",
        started_at=datetime.now(UTC),
    )
    assert wiring.ledger(stack.environment).claim(row, replacing=None)
    for owner, table in (("run-1", "curated.a"), ("run-1", "curated.b"), ("run-2", "curated.c")):
        DynamoTableLock(stack.outputs["LockTable"], table, owner).acquire()
    return row


def ended(status: str, error: str | None = None, run_id: str = "run-1") -> dict[str, Any]:
    detail = {"executionArn": f"arn:{run_id}", "name": run_id, "status": status, "error": error, "cause": None}
    return {"source": "aws.states", "detail": {**detail, "stateMachineArn": "arn:machine", "input": "{}"}}


def held(stack: Any, owner: str) -> list[str]:
    return tables_held_by(boto3.client("dynamodb"), stack.outputs["LockTable"], owner)


def alerts(take: Any) -> list[str]:
    return [message["Subject"] for message in take() if "Subject" in message]


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [("ABORTED", None, "GH8010"), ("TIMED_OUT", None, "GH8011"), ("FAILED", "States.Runtime", "GH8012")],
)
def test_an_execution_that_ended_unseen_is_recorded_told_and_its_locks_are_freed(
    stack: Any, handler: Any, run: LedgerRow, status: str, error: str | None, code: str
) -> None:
    take = stack.inbox()
    swept = handler("sweep_executions").handler(ended(status, error))
    assert swept == {"run_id": "run-1", "freed": ["curated.a", "curated.b"], "alerted": True}
    row = wiring.ledger(stack.environment).of_run("run-1")
    assert row is not None
    assert (row.status, row.error_code) == ("FAILED", code)
    assert (held(stack, "run-1"), held(stack, "run-2")) == ([], ["curated.c"])
    assert alerts(take) == [f"[unit] airports FAILED {code}"]


def test_a_second_sweep_alerts_nobody(stack: Any, handler: Any, run: LedgerRow) -> None:
    handler("sweep_executions").handler(ended("ABORTED"))
    take = stack.inbox()
    assert handler("sweep_executions").handler(ended("ABORTED"))["alerted"] is False
    assert take() == []


def test_what_the_error_handler_has_ended_is_only_relieved_of_its_locks(
    stack: Any, handler: Any, run: LedgerRow
) -> None:
    ledger = wiring.ledger(stack.environment)
    ledger.fail("airports", "b1", "run-1", datetime.now(UTC), "GH3001", "no")
    take = stack.inbox()
    swept = handler("sweep_executions").handler(ended("FAILED", "GH3001"))
    assert (swept["alerted"], swept["freed"], take()) == (False, ["curated.a", "curated.b"], [])
    row = ledger.of_run("run-1")
    assert row is not None
    assert (row.error_code, row.swept_at) == ("GH3001", None)


def test_a_batch_that_another_run_has_by_now_is_left_to_it(stack: Any, handler: Any, run: LedgerRow) -> None:
    ledger = wiring.ledger(stack.environment)
    assert ledger.claim(run.model_copy(update={"run_id": "run-2"}), replacing=run)
    handler("sweep_executions").handler(ended("ABORTED"))
    row = ledger.find("airports", "b1")
    assert row is not None
    assert (row.run_id, row.status) == ("run-2", "RUNNING")


def test_an_execution_that_died_before_it_had_a_batch_is_told_all_the_same(stack: Any, handler: Any) -> None:
    take = stack.inbox()
    assert handler("sweep_executions").handler(ended("TIMED_OUT", run_id="early"))["alerted"] is True
    assert alerts(take) == ["[unit] _unplanned FAILED GH8011"]


def test_an_alert_that_cannot_be_sent_is_recorded_and_the_other_way_is_still_tried(
    stack: Any, handler: Any, run: LedgerRow
) -> None:
    take = stack.inbox()
    boto3.client("sns").delete_topic(TopicArn=stack.outputs["AlertTopicArn"])
    assert handler("sweep_executions").handler(ended("ABORTED"))["alerted"] is False
    assert [message["detail-type"] for message in take()] == ["Gluehouse Run Failed"]
    row = wiring.ledger(stack.environment).of_run("run-1")
    assert row is not None
    assert row.notification_error is not None
    assert row.notification_error.startswith("SNS")
