"""The shipped definition run by MiniStack's interpreter: real control Lambdas, real tables, scripted Glue runs."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import boto3
import pytest

from gluehouse.aws import executions, storage
from gluehouse.aws.ledger import DynamoLedger
from gluehouse.aws.table_lock import DynamoTableLock, tables_held_by
from gluehouse.errors import ConfigError, InfrastructureError, TableLockHeld
from gluehouse.spec.arrival import ReplayRequest, RerunRequest
from gluehouse.spec.manifest import Manifest, Problem
from gluehouse.spec.plan import RunPlan

HEADER = "iata,icao,name,city,subd,country,elevation,lat,lon,tz,lid"
KEY = "airports/2024-08-06.csv.gz"
DELIVERY = gzip.compress(f"{HEADER}\nAAA,NTGA,Anaa,Anaa,,PF,10,-17.3,-145.5,Pacific/Tahiti,\n".encode())


def stage(name: str, problem: Problem | None = None, published: bool = False) -> Any:
    """A Glue run that writes the manifest of ``name``."""

    def run(arguments: dict[str, str]) -> None:
        plan = RunPlan.model_validate_json(storage.read_text(arguments["--plan_uri"]))
        manifest = Manifest(
            stage=name,  # type: ignore[arg-type]
            pipeline=plan.pipeline,
            run_id=plan.run_id,
            batch_id=plan.batch_id,
            outcome="failed" if problem else "passed",
            problem=problem,
            published=published,
            config_hash=plan.config_hash,
            wheel_version="0",
            started_at=plan.triggered_at,
            seconds=1,
        )
        folder = arguments["--plan_uri"].rpartition("/")[0]
        storage.write_text(f"{folder}/{name}.json", manifest.to_json())

    return run


def failing(error: Exception, times: int = 99, then: Any = None) -> Any:
    """A Glue run that fails ``times`` times with ``error`` and then does what ``then`` does."""
    left = [times]

    def run(arguments: dict[str, str]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        then(arguments)

    return run


@pytest.fixture
def machine(stack: Any) -> Any:
    """The stack with all stages passing, both ways to execute."""
    stack.publish(airports={"execution": "staged"})
    stack.glue = {
        "ingest_validate": stage("ingest"),
        "transform_spark": stage("process"),
        "transform_sql": stage("process"),
        "dq_check": stage("validate"),
        "publish": stage("publish", published=True),
        "run_pipeline": stage("fused", published=True),
    }
    stack.lambdas = {"transform": lambda event: stage("process")({"--plan_uri": event["plan_uri"]})}
    return stack


def dropped(machine: Any, name: str = "run-1", key: str = KEY, content: bytes = DELIVERY) -> str:
    """Deliver an object without its rule, and start the execution its event would start, under a name."""
    boto3.client("events").disable_rule(Name="gluehouse-unit-object-created")
    machine.drop(key, content)
    bucket = machine.outputs["LandingBucket"]
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    return str(machine.start({"detail-type": "Object Created", "source": "aws.s3", "detail": detail}, name))


def ledger(machine: Any) -> DynamoLedger:
    return DynamoLedger(boto3.client("dynamodb"), machine.outputs["LedgerTable"])


def owned(machine: Any, run_id: str) -> list[str]:
    return tables_held_by(boto3.client("dynamodb"), machine.outputs["LockTable"], run_id)


def test_a_staged_run_passes_every_stage_and_its_gate_in_order(machine: Any) -> None:
    execution = dropped(machine)
    assert machine.ended(execution)["status"] == "SUCCEEDED"
    gate = ["ReadManifest", "QualityGate"]
    assert machine.states(execution) == [
        "Begin", "ValidateInput", "ChooseAction", "AcquireTableLock", "ChooseExecution",
        "IngestAndValidate", *gate, "ChooseEngine", "TransformSpark", *gate, "ValidateOutput", *gate, "Publish", *gate,
        "RecordSuccess", "EmitSuccessEvent", "ChooseNotifySuccess", "NotifySuccess", "CheckSuccessNotices",
        "ReleaseTableLock", "Done",
    ]  # fmt: skip
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (row.status, row.published) == ("SUCCEEDED", "yes")
    assert owned(machine, "run-1") == []


def test_a_fused_run_is_one_glue_run_before_the_same_gate(machine: Any) -> None:
    machine.publish(airports={"execution": "fused"})
    execution = dropped(machine)
    assert machine.ended(execution)["status"] == "SUCCEEDED"
    assert machine.runs == ["run_pipeline"]
    assert machine.states(execution)[4:9] == [
        "ChooseExecution",
        "RunFused",
        "ReadManifest",
        "QualityGate",
        "RecordSuccess",
    ]


@pytest.mark.parametrize(
    ("prefix", "state"), [("airports_lambda/", "TransformLambda"), ("airports_by_country/", "TransformSql")]
)
def test_the_engine_of_the_configuration_chooses_the_transform(machine: Any, prefix: str, state: str) -> None:
    name = prefix.rstrip("/")
    machine.publish(**{name: {"execution": "staged"}})
    index = json.loads(storage.read_text(f"{machine.environment.config}/index.json"))["pipelines"][name]
    execution = dropped(machine, key=f"{index['prefix']}2024-08-06.csv.gz")
    found = machine.ended(execution)
    assert found["status"] == "SUCCEEDED", found
    assert state in machine.states(execution)


def test_a_redelivered_object_starts_nothing_and_touches_no_lock(machine: Any) -> None:
    machine.ended(dropped(machine))
    again = dropped(machine, "run-2")
    assert machine.ended(again)["status"] == "SUCCEEDED"
    assert machine.states(again) == ["Begin", "ValidateInput", "ChooseAction", "NothingToDo"]
    assert len(machine.runs) == 4


def test_a_failing_rule_stops_publishing_and_tells_people_and_programs(machine: Any) -> None:
    take = machine.inbox()
    machine.glue["dq_check"] = stage("validate", Problem(code="GH3001", message="RowCount > 7000 failed", hint="Ask."))
    execution = dropped(machine)
    found = machine.ended(execution)
    assert (found["status"], found["error"]) == ("FAILED", "GH3001")
    assert found["cause"] == "GH3001: RowCount > 7000 failed"
    assert "Publish" not in machine.states(execution)
    assert machine.states(execution)[-6:] == [
        "RecordFailure", "EmitFailureEvent", "NotifyFailure", "CheckFailureNotices", "ReleaseAfterFailure", "Fail",
    ]  # fmt: skip
    event, alert = sorted(take(), key=lambda message: "TopicArn" in message)
    assert event["detail-type"] == "Gluehouse Run Failed"
    wanted = {"pipeline": "airports", "run_id": "run-1", "code": "GH3001", "published": "no", "stage": "validate"}
    assert wanted.items() <= event["detail"].items()
    assert event["detail"]["where"] == f"{machine.environment.runs}/airports/run-1"
    assert alert["Subject"] == "[unit] airports FAILED GH3001"
    assert "Nothing was published" in alert["Message"]
    assert f"Report: {machine.environment.runs}/airports/run-1/validate.json" in alert["Message"]
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (row.status, row.error_code, owned(machine, "run-1")) == ("FAILED", "GH3001", [])


@pytest.mark.parametrize(
    ("prefix", "execution_mode"),
    [
        ("airports", "staged"),
        ("airports", "fused"),
        ("airports_by_country", "staged"),
        ("airports_by_country", "fused"),
        ("airports_lambda", "staged"),
    ],
)
def test_no_engine_comes_to_publish_past_a_stop_rule_that_fails(machine: Any, prefix: str, execution_mode: str) -> None:
    machine.publish(**{prefix: {"execution": execution_mode}})
    problem = Problem(code="GH3001", message="RowCount > 7000 (found 3)")
    machine.glue |= {"dq_check": stage("validate", problem), "run_pipeline": stage("fused", problem)}
    found = machine.ended(dropped(machine, key=f"{prefix}/2024-08-06.csv.gz"))
    assert (found["status"], found["error"]) == ("FAILED", "GH3001")
    assert "publish" not in machine.runs
    assert machine.runs[-1] == ("dq_check" if execution_mode == "staged" else "run_pipeline")
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (row.status, row.published) == ("FAILED", "no")


def test_an_infrastructure_error_is_tried_again_twice_and_no_more(machine: Any) -> None:
    broken = InfrastructureError("GH9001", "storage was throttled")
    machine.glue["dq_check"] = failing(broken, 2, stage("validate"))
    assert machine.ended(dropped(machine))["status"] == "SUCCEEDED"
    assert machine.runs.count("dq_check") == 3
    machine.runs.clear()
    machine.glue["dq_check"] = failing(broken)
    found = machine.ended(dropped(machine, "run-2", "airports/2024-11-22.csv.gz"))
    assert (found["status"], found["error"], machine.runs.count("dq_check")) == ("FAILED", "GH9001", 3)


def test_any_other_error_of_a_job_ends_the_run_at_once(machine: Any) -> None:
    machine.glue["publish"] = failing(ConfigError("GH1001", "no such column", "Correct it."))
    take = machine.inbox()
    found = machine.ended(dropped(machine))
    assert (found["error"], found["cause"]) == ("GH1001", "GH1001: no such column")
    assert machine.runs.count("publish") == 1
    event = next(message for message in take() if "detail" in message)
    assert event["detail"]["published"] == "unknown"
    assert event["detail"]["log"] == "/gluehouse/unit/jobs jr_4"


def test_a_failure_before_any_plan_is_told_and_recorded_and_fails(machine: Any) -> None:
    take = machine.inbox()
    execution = dropped(machine, key="nobody/reads.csv")
    found = machine.ended(execution)
    assert (found["status"], found["error"]) == ("FAILED", "GH2002")
    assert any("GH2002" in message.get("Subject", "") for message in take())
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (row.pipeline, row.status) == ("_unplanned", "FAILED")


def test_a_refused_delivery_is_told_under_its_pipeline_and_batch(machine: Any) -> None:
    take = machine.inbox()
    found = machine.ended(dropped(machine, content=b"not gzip"))
    assert (found["status"], found["error"]) == ("FAILED", "GH2005")
    event = next(message["detail"] for message in take() if "detail" in message)
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (event["pipeline"], event["batch_id"], event["published"]) == ("airports", row.batch_id, "no")


def test_a_held_lock_is_waited_for(machine: Any, handler: Any) -> None:
    other = DynamoTableLock(machine.outputs["LockTable"], "curated.airports", "someone", 900)
    other.acquire()
    tries: list[str] = []

    def lock(event: dict[str, Any]) -> Any:
        tries.append(event["action"])
        if len(tries) == 4:
            other.release()
        return handler("table_lock").handler(event)

    machine.lambdas["table-lock"] = lock
    assert machine.ended(dropped(machine))["status"] == "SUCCEEDED"
    assert tries == ["acquire"] * 4 + ["release"]


def test_the_wait_for_a_lock_is_bounded_and_the_lock_is_not_stolen(machine: Any) -> None:
    def held(event: dict[str, Any]) -> Any:
        if event["action"] == "acquire":
            raise TableLockHeld("GH6001", "run someone holds the lock")
        return {"released": []}

    machine.lambdas["table-lock"] = held
    execution = dropped(machine)
    found = machine.ended(execution)
    assert (found["status"], found["error"]) == ("FAILED", "GH6001")
    assert machine.states(execution)[-2:] == ["ReleaseAfterFailure", "Fail"]
    assert machine.runs == []


def test_an_alert_that_cannot_be_sent_is_recorded_and_does_not_hide_the_first_error(machine: Any) -> None:
    machine.glue["ingest_validate"] = failing(ConfigError("GH1001", "wrong"))
    boto3.client("sns").delete_topic(TopicArn=machine.outputs["AlertTopicArn"])
    execution = dropped(machine)
    assert machine.ended(execution)["error"] == "GH1001"
    assert machine.states(execution)[-3:] == ["RecordUnsentFailure", "ReleaseAfterFailure", "Fail"]
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert row.notification_error is not None
    assert row.notification_error.startswith("NotifyFailure")


def test_a_notice_that_fails_after_publishing_is_recorded_and_the_run_still_succeeds(
    machine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("sns").delete_topic(TopicArn=machine.outputs["SuccessTopicArn"])
    execution = dropped(machine)
    assert machine.ended(execution)["status"] == "SUCCEEDED"
    assert machine.states(execution)[-3:] == ["RecordUnsentSuccess", "ReleaseTableLock", "Done"]
    row = ledger(machine).of_run("run-1")
    assert row is not None
    assert (row.status, bool(row.notification_error), owned(machine, "run-1")) == ("SUCCEEDED", True, [])
    metric = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "NotificationFailed" in line)
    assert (metric["NotificationFailed"], metric["Environment"]) == (1, "unit")


def test_a_broken_recorder_still_alerts_frees_the_lock_and_fails_with_the_first_error(machine: Any) -> None:
    take = machine.inbox()
    machine.glue["ingest_validate"] = failing(ConfigError("GH1001", "wrong"))

    def broken(event: Any) -> Any:
        raise RuntimeError("no code today")

    machine.lambdas["run-outcome"] = broken
    found = machine.ended(dropped(machine))
    assert found["error"] == "GH8000"
    assert "GH1001" in found["cause"]
    alerts = [message.get("Message", "") for message in take()]
    assert any("GH1001" in alert for alert in alerts)
    assert not any("wrong" in alert for alert in alerts), "a cause can quote a row"
    assert owned(machine, "run-1") == []


def test_a_rerun_runs_a_published_batch_again_from_the_stage_asked_for(machine: Any) -> None:
    machine.ended(dropped(machine))
    machine.runs.clear()
    plan_uri = machine.environment.plan_uri("airports", "run-1")
    client, arn = boto3.client("stepfunctions"), machine.outputs["StateMachineArn"]
    request = RerunRequest(rerun_of="run-1", plan_uri=plan_uri, from_stage="publish")
    execution = executions.start_rerun(client, arn, "airports", request)
    assert machine.ended(execution)["status"] == "SUCCEEDED"
    assert machine.runs == ["dq_check", "publish"]
    planned = machine.environment.plan_uri("airports", execution.rpartition(":")[2])
    plans = [RunPlan.model_validate_json(storage.read_text(uri)) for uri in (plan_uri, planned)]
    assert plans[1].due_at == plans[0].triggered_at < plans[1].triggered_at


def test_a_replay_runs_a_delivery_through_every_stage_once_more_and_then_not_again(machine: Any) -> None:
    machine.ended(dropped(machine))
    machine.runs.clear()
    row = ledger(machine).of_run("run-1")
    assert row is not None
    client, arn = boto3.client("stepfunctions"), machine.outputs["StateMachineArn"]
    request = ReplayRequest(replay_of=row.batch_id, plan_uri=row.plan_uri)
    first = executions.start_replay(client, arn, "airports", request)
    assert machine.ended(first)["status"] == "SUCCEEDED"
    assert machine.runs == ["ingest_validate", "transform_spark", "dq_check", "publish"]
    second = executions.start_replay(client, arn, "airports", request)
    assert machine.ended(second)["status"] == "SUCCEEDED"
    assert machine.states(second)[-1] == "NothingToDo"
    replays = [one for one in ledger(machine).rows_of("airports") if one.replay_of]
    assert [(one.replay_of, one.status) for one in replays] == [(row.batch_id, "SUCCEEDED")]


def test_an_aborted_execution_is_swept_once(machine: Any) -> None:
    take = machine.inbox()
    client = boto3.client("stepfunctions")

    def stop(arguments: dict[str, str]) -> None:
        client.stop_execution(executionArn=client.list_executions(stateMachineArn=machine.outputs["StateMachineArn"])[
            "executions"][0]["executionArn"])  # fmt: skip

    machine.glue["transform_spark"] = stop
    execution = dropped(machine)
    assert machine.ended(execution)["status"] == "ABORTED"
    give_up = time.monotonic() + 5
    while (row := ledger(machine).of_run("run-1")) is None or row.swept_at is None:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert (row.status, row.error_code, owned(machine, "run-1")) == ("FAILED", "GH8010", [])
    # The row is written before the alert is sent.
    alerts: list[str] = []
    while time.monotonic() < give_up and not alerts:
        alerts = [message["Subject"] for message in take() if "GH8010" in message.get("Subject", "")]
    assert len(alerts) == 1
