"""How the end of a run is recorded and told, over a real ledger and real manifests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gluehouse.aws import storage, wiring
from gluehouse.errors import LockError
from gluehouse.spec.failure import Failure
from gluehouse.spec.ledger import LedgerRow
from gluehouse.spec.notice import RunRef, failure_notice, success_notice

RUN = RunRef(
    environment="unit",
    pipeline="airports",
    run_id="run-1",
    batch_id="b1",
    execution_arn="arn:aws:states:::execution:unit:run-1",
    where="s3://lake/runs/airports/run-1",
)
FAILURE = Failure(state="Publish", code="GH5001", message="the target refused", hint="Grant it.", log="/logs jr_1")


@pytest.fixture
def record(stack: Any, handler: Any) -> Any:
    """The Lambda, for a run that has claimed its batch."""
    row = LedgerRow(
        pipeline="airports",
        batch_id="b1",
        status="RUNNING",
        run_id="run-1",
        execution_arn=RUN.execution_arn,
        started_at=datetime.now(UTC),
    )
    assert wiring.ledger(stack.environment).claim(row, replacing=None)

    def call(action: str, batch_id: str = "b1", pipeline: str = "airports", **more: Any) -> Any:
        run = {"pipeline": pipeline, "run_id": "run-1", "batch_id": batch_id}
        return handler("run_outcome").handler({"action": action, "run": run, "execution_arn": "arn:x", **more})

    return call


def row_of(stack: Any, run_id: str = "run-1") -> LedgerRow:
    row = wiring.ledger(stack.environment).of_run(run_id)
    assert row is not None
    return row


def manifest(stack: Any, stage: str, **content: Any) -> None:
    storage.write_text(stack.environment.manifest_uri("airports", "run-1", stage), json.dumps(content))


@pytest.mark.parametrize(
    ("state", "manifests", "published"),
    [
        ("IngestAndValidate", {}, "no"),
        ("ValidateOutput", {"process": {"outcome": "passed"}}, "no"),
        ("Publish", {}, "unknown"),
        ("publish", {"publish": {"outcome": "failed", "published": False}}, "no"),
        ("ReleaseTableLock", {"publish": {"outcome": "passed", "published": True}}, "yes"),
        ("RunFused", {"ingest": {"outcome": "passed"}}, "no"),
        ("RunFused", {"validate": {"outcome": "passed"}}, "unknown"),
        ("RunFused", {"validate": {"outcome": "passed"}, "publish": {"published": True}}, "yes"),
        ("fused", {"fused": {"outcome": "failed", "published": True}}, "yes"),
    ],
)
def test_a_failure_says_whether_anything_was_published(
    record: Any, stack: Any, state: str, manifests: dict[str, Any], published: str
) -> None:
    for stage, content in manifests.items():
        manifest(stack, stage, **content)
    failure = {"state": state, "code": "GH8001", "message": "m", "hint": "", "log": ""}
    assert record("record_failure", failure=failure)["detail"]["published"] == published
    assert row_of(stack).published == published


def test_an_outcome_lies_beside_the_manifests(record: Any, stack: Any) -> None:
    record("record_failure", failure=FAILURE.model_dump())
    outcome = json.loads(storage.read_text(stack.environment.outcome_uri("airports", "run-1")))
    assert (outcome["status"], outcome["failure"]["code"], outcome["run_id"]) == ("FAILED", "GH5001", "run-1")
    record("record_success", manifest={"stage": "publish", "counts": {"in": 3}})
    outcome = json.loads(storage.read_text(stack.environment.outcome_uri("airports", "run-1")))
    assert (outcome["status"], outcome["manifest"]["counts"]) == ("SUCCEEDED", {"in": 3})


def test_a_failure_after_success_was_recorded_does_not_send_the_batch_round_again(record: Any, stack: Any) -> None:
    record("record_success", manifest={})
    record("record_failure", failure=FAILURE.model_dump())
    assert (row_of(stack).status, row_of(stack).published) == ("SUCCEEDED", "yes")


def test_recording_twice_changes_nothing(record: Any, stack: Any) -> None:
    first = record("record_failure", failure=FAILURE.model_dump())
    assert record("record_failure", failure=FAILURE.model_dump()) == first


def test_a_batch_that_another_run_has_taken_over_is_not_recorded_as_ours(record: Any, stack: Any) -> None:
    ledger, mine = wiring.ledger(stack.environment), row_of(stack)
    assert ledger.claim(mine.model_copy(update={"run_id": "run-2"}), replacing=mine)
    with pytest.raises(LockError, match="GH6003"):
        record("record_success", manifest={})
    record("record_failure", failure=FAILURE.model_dump())
    assert row_of(stack, "run-2").status == "RUNNING"


def test_a_run_whose_answer_was_lost_is_found_by_its_id(record: Any, stack: Any) -> None:
    notice = record("record_failure", batch_id="", pipeline="_unplanned", failure=FAILURE.model_dump())
    assert (notice["detail"]["pipeline"], notice["detail"]["batch_id"]) == ("airports", "b1")
    assert row_of(stack).status == "FAILED"


def test_a_notice_that_was_not_sent_is_in_the_ledger_and_in_the_metrics(
    record: Any, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    record("notification_failed", unsent="NotifySuccess: SNS.NotFound. ")
    assert row_of(stack).notification_error == "NotifySuccess: SNS.NotFound. "
    metric = json.loads(capsys.readouterr().out)
    declared = metric["_aws"]["CloudWatchMetrics"][0]
    assert (declared["Namespace"], declared["Dimensions"], declared["Metrics"][0]["Name"]) == (
        "Gluehouse",
        [["Environment"]],
        "NotificationFailed",
    )


def test_an_alert_says_what_where_and_what_to_do() -> None:
    notice = failure_notice(RUN, FAILURE, "unknown")
    for told in ("GH5001: the target refused", "What to do: Grant it.", "Pipeline: airports", "Run: run-1", "Batch: b1",
                 "Failed in: Publish", "Published: unknown", RUN.where, "/logs jr_1", RUN.execution_arn):  # fmt: skip
        assert told in notice.text
    detail = {
        "pipeline",
        "run_id",
        "batch_id",
        "stage",
        "code",
        "message",
        "published",
        "where",
        "log",
        "execution_arn",
    }
    assert detail <= set(notice.detail)


def test_a_subject_is_short_ascii_on_one_line() -> None:
    long = RUN.model_copy(update={"pipeline": "é" * 120})
    subject = failure_notice(long, FAILURE, "no").subject
    assert (len(subject), subject.isascii(), "\n" in subject) == (100, True, False)


def test_a_success_names_rows_and_versions() -> None:
    table = {"table": "curated.airports", "version_before": 1, "version_after": 2, "opened": 5, "closed": 3}
    text = success_notice(RUN, {"counts": {"in": 10, "good": 9, "out": None}, "tables": [table]}).text
    assert "Rows: in 10, good 9" in text
    assert "Table curated.airports: version 1 -> 2, opened 5, closed 3" in text
