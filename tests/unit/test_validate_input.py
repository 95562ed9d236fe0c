"""ValidateInput over real tables and objects: which event becomes a run, and what it plans."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote_plus

import boto3
import pytest

from gluehouse.aws import storage, wiring
from gluehouse.aws.intake import Intake
from gluehouse.aws.landing import Landing
from gluehouse.aws.ledger import DynamoLedger
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.ledger import LedgerRow
from gluehouse.spec.plan import ObjectRef, RunPlan


def zipped(content: bytes) -> bytes:
    """The same bytes at every time: a file's time in them would give every test process another test."""
    return gzip.compress(content, mtime=0)


HEADER = "iata,icao,name,city,subd,country,elevation,lat,lon,tz,lid"
ROW = "AAA,NTGA,Anaa,Anaa,,PF,10,-17.3,-145.5,Pacific/Tahiti,"
GOOD = zipped(f"{HEADER}\n{ROW}\n".encode())
KEY = "airports/2024-08-06.csv.gz"


@pytest.fixture
def desk(stack: Any, handler: Any) -> Desk:
    stack.publish()
    boto3.client("events").disable_rule(Name="gluehouse-unit-object-created")
    return Desk(stack, handler("validate_input").handler)


class Desk:
    """Where events are brought to: the Lambda's handler, and the ledger to look at."""

    def __init__(self, stack: Any, handler: Any) -> None:
        self.stack, self._handler = stack, handler
        self.ledger = wiring.ledger(stack.environment)
        self.arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")

    def bring(self, event: dict[str, Any], run_id: str = "run-1") -> dict[str, Any]:
        answer = self._handler({"event": event, "run_id": run_id, "execution_arn": f"{self.arn}:{run_id}"})
        return dict(json.loads(json.dumps(answer)))

    def deliver(self, key: str = KEY, content: bytes = GOOD) -> dict[str, Any]:
        self.stack.drop(key, content)
        return self.created(key)

    def created(self, key: str) -> dict[str, Any]:
        detail = {"bucket": {"name": self.stack.outputs["LandingBucket"]}, "object": {"key": key}}
        return {"detail-type": "Object Created", "detail": detail}

    def end(self, run_id: str, code: str | None = None) -> None:
        row = self.ledger.of_run(run_id)
        assert row is not None
        if code is None:
            self.ledger.succeed(row.pipeline, row.batch_id, run_id, row.started_at)
        else:
            assert self.ledger.fail(row.pipeline, row.batch_id, run_id, row.started_at, code, "no")


def test_an_object_becomes_a_plan_and_a_small_answer(desk: Desk) -> None:
    answer = desk.bring(desk.deliver())
    assert answer["action"] == "run"
    assert (answer["pipeline"], answer["tables"], answer["notify_success"]) == ("airports", ["curated.airports"], True)
    assert answer["runs_prefix"] == "runs/airports/run-1"
    assert answer["plan_uri"] == f"s3://{answer['runs_bucket']}/runs/airports/run-1/plan.json"
    plan = RunPlan.model_validate_json(storage.read_text(answer["plan_uri"]))
    assert [(one.uri, one.size) for one in plan.objects] == [(f"{desk.stack.environment.landing}/{KEY}", len(GOOD))]
    assert plan.batch_id == answer["batch_id"]
    row = desk.ledger.find("airports", plan.batch_id)
    assert row is not None
    assert (row.status, row.run_id, row.config_hash) == ("RUNNING", "run-1", plan.config_hash)


def test_an_sql_pipeline_is_told_where_its_file_is(desk: Desk) -> None:
    key = KEY.replace("airports/", _prefix(desk, "airports_by_country"))
    answer = desk.bring(desk.deliver(key))
    assert answer["engine"] == "glue_sql"
    assert "select" in storage.read_text(answer["sql_uri"]).lower()


def _prefix(desk: Desk, name: str) -> str:
    index = json.loads(storage.read_text(f"{desk.stack.environment.config}/index.json"))
    return str(index["pipelines"][name]["prefix"])


def test_the_lambda_retried_by_step_functions_gets_its_own_batch_again(desk: Desk) -> None:
    event = desk.deliver()
    assert desk.bring(event) == {**desk.bring(event), "reason": "the batch is new"}


def test_a_batch_that_a_live_execution_is_at_is_skipped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    event = desk.deliver()
    desk.bring(event)
    monkeypatch.setattr("gluehouse.aws.executions.is_alive", lambda client, arn: arn.endswith(":run-1"))
    answer = desk.bring(event, "run-2")
    assert (answer["action"], answer["reason"]) == ("skip", "run run-1 is at the batch and alive")


def test_a_batch_of_a_dead_execution_is_taken_over(desk: Desk) -> None:
    event = desk.deliver()
    desk.bring(event)
    answer = desk.bring(event, "run-2")  # Step Functions knows no execution run-1
    assert (answer["action"], answer["reason"]) == ("run", "run run-1 died and left the batch RUNNING")
    row = desk.ledger.find("airports", answer["batch_id"])
    assert row is not None
    assert row.run_id == "run-2"


def test_a_failed_batch_may_be_delivered_again_and_a_published_one_not(desk: Desk) -> None:
    event = desk.deliver()
    desk.bring(event)
    desk.end("run-1", "GH3001")
    assert desk.bring(event, "run-2")["reason"] == "run run-1 failed with GH3001"
    desk.end("run-2")
    assert desk.bring(event, "run-3")["action"] == "skip"


class _Overtaken:
    """The ledger, where another run claims the batch between this one's look and its write."""

    def __init__(self, ledger: DynamoLedger) -> None:
        self._ledger, self._overtaken = ledger, False
        self.find = ledger.find

    def claim(self, row: LedgerRow, replacing: LedgerRow | None) -> bool:
        if not self._overtaken:
            self._overtaken = True
            assert self._ledger.claim(row.model_copy(update={"run_id": "fast"}), replacing)
        return self._ledger.claim(row, replacing)


@pytest.mark.parametrize("earlier", [False, True])
def test_of_two_events_for_one_delivery_exactly_one_runs(desk: Desk, earlier: bool) -> None:
    event = desk.deliver()
    if earlier:
        desk.bring(event, "run-0")
        desk.end("run-0", "GH3001")
    ports = wiring.intake(desk.stack.environment)
    slow = Intake(ports.environment, cast(DynamoLedger, _Overtaken(desk.ledger)), ports.landing, lambda arn: True)
    answer = slow.admit(event, "slow", f"{desk.arn}:slow", datetime.now(UTC))
    assert (answer.action, answer.reason) == ("skip", "run fast is at the batch and alive")
    row = desk.ledger.find("airports", answer.batch_id)
    assert row is not None
    assert row.run_id == "fast"


def test_a_refused_delivery_is_a_failed_batch_and_the_schedule_goes_on_to_the_next(desk: Desk) -> None:
    with pytest.raises(InputError, match="GH2005"):
        desk.bring(desk.deliver("airports/2024-01-01.csv.gz", b"not gzip"))
    row = desk.ledger.of_run("run-1")
    assert row is not None
    assert (row.pipeline, row.status, row.error_code) == ("airports", "FAILED", "GH2005")
    desk.deliver()
    answer = desk.bring({"pipeline": "airports"}, "run-2")
    assert RunPlan.model_validate_json(storage.read_text(answer["plan_uri"])).objects[0].uri.endswith(KEY)


@pytest.mark.parametrize(
    ("key", "content", "code"),
    [
        ("nobody/reads.csv", b"x", "GH2002"),
        (KEY, b"", "GH2004"),
        (KEY, b"PAR1....PAR1", "GH2005"),
        (KEY, zipped(b"iata,name\nAAA,Anaa\n"), "GH2010"),
        (KEY, zipped(b"\x00\x01\x02"), "GH2005"),
        (KEY, zipped(f"{HEADER}\n".encode()), "GH2031"),
        ("airports//2024-08-06.csv.gz", GOOD, "GH2023"),
    ],
    ids=[
        "nobody reads it",
        "empty",
        "another format",
        "columns missing",
        "not text",
        "header only",
        "no key of Hadoop's",
    ],
)
def test_a_delivery_that_cannot_be_what_its_pipeline_reads_is_refused(
    desk: Desk, key: str, content: bytes, code: str
) -> None:
    with pytest.raises(InputError, match=code):
        desk.bring(desk.deliver(key, content))


NAMES = ("a b", "a+b", "a%20b", "a%2Fb%", "é Ж 中 😀", "a=b&c;d", "a#b?c", "[a]{b}*", "a'b\"c", "a\\b")


def notified(bucket: str, key: str) -> dict[str, Any]:
    """The classic notification, in which a key is encoded as in a form."""
    return {"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}}]}


@pytest.mark.parametrize("form", ["EventBridge", "notification"])
def test_an_object_is_found_by_its_key_whatever_characters_it_has(desk: Desk, form: str) -> None:
    keys = [f"airports/{name} 2024-08-06.csv.gz" for name in NAMES]
    planned = []
    for number, key in enumerate(keys):
        event = desk.deliver(key)
        if form == "notification":
            event = notified(desk.stack.outputs["LandingBucket"], key)
        plan = RunPlan.model_validate_json(storage.read_text(desk.bring(event, f"run-{number}")["plan_uri"]))
        planned += [one.uri for one in plan.objects]
    assert planned == [f"{desk.stack.environment.landing}/{key}" for key in keys]


class _MovedOn(Landing):
    """The landing zone, where something happens to an object between the look-up of it and the look at it."""

    happens: Callable[[], object]

    def look_up(self, uri: str) -> ObjectRef | None:
        found = super().look_up(uri)
        self.happens()
        return found


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "GH2003"), (b"x", "GH2007"), (zipped(f"{HEADER}\n{ROW}\n{ROW}\n".encode()), "GH2007")],
    ids=["deleted", "overwritten by less", "overwritten by more"],
)
def test_an_object_that_changes_while_it_is_looked_at_is_refused(desk: Desk, content: bytes | None, code: str) -> None:
    event = desk.deliver()
    landing = _MovedOn(boto3.client("s3"))
    where = {"Bucket": desk.stack.outputs["LandingBucket"], "Key": KEY}
    landing.happens = lambda: (
        boto3.client("s3").delete_object(**where)
        if content is None
        else boto3.client("s3").put_object(**where, Body=content)
    )
    ports = replace(wiring.intake(desk.stack.environment), landing=landing)
    with pytest.raises(InputError, match=code):
        ports.admit(event, "run-1", f"{desk.arn}:run-1", datetime.now(UTC))
    row = desk.ledger.of_run("run-1")
    assert row is not None
    assert (row.status, row.error_code) == ("FAILED", code)


def test_an_object_that_is_gone_is_refused_and_a_folder_marker_is_no_delivery(desk: Desk) -> None:
    with pytest.raises(InputError, match="GH2003"):
        desk.bring(desk.created("airports/2024-01-01.csv.gz"))
    assert desk.bring(desk.created("airports/"))["action"] == "skip"


def test_the_schedule_takes_the_oldest_delivery_that_is_new_and_failed_ones_last(desk: Desk) -> None:
    keys = [f"airports/2024-0{month}-01.csv.gz" for month in (3, 1, 2)]
    for number, key in enumerate(keys):
        desk.deliver(key, gzip.compress(f"{HEADER}\n{ROW}\n".encode(), compresslevel=number + 1, mtime=number))
    taken = []
    for number in range(3):
        answer = desk.bring({"pipeline": "airports"}, f"run-{number}")
        plan = RunPlan.model_validate_json(storage.read_text(answer["plan_uri"]))
        taken.append(plan.objects[0].uri.removeprefix(f"{desk.stack.environment.landing}/"))
        desk.end(f"run-{number}", "GH3001" if number == 0 else None)
    assert sorted(taken) == sorted(keys)
    again = desk.bring({"pipeline": "airports"}, "run-4")
    assert RunPlan.model_validate_json(storage.read_text(again["plan_uri"])).objects[0].uri.endswith(taken[0])
    desk.end("run-4")
    assert desk.bring({"pipeline": "airports"}, "run-5")["action"] == "skip"


def test_a_schedule_of_a_pipeline_that_is_not_published_is_a_configuration_error(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"GH1011: pipeline airprots is not published; published are: airports,"):
        desk.bring({"pipeline": "airprots"})


def rerun(of: dict[str, Any], stage: str = "ingest") -> dict[str, Any]:
    return {"rerun_of": of["run_id"], "plan_uri": of["plan_uri"], "from_stage": stage}


def test_a_rerun_takes_a_published_batch_again_under_the_configuration_of_today(desk: Desk) -> None:
    first = desk.bring(desk.deliver())
    desk.end("run-1")
    storage.write_text(f"{first['plan_uri'].rpartition('/')[0]}/ingest.json", '{"outcome": "passed"}')
    desk.stack.publish(airports={"description": "changed"})
    again = desk.bring(rerun(first, "process"), "run-2")
    assert (again["action"], again["from_stage"], again["batch_id"]) == ("run", "process", first["batch_id"])
    plans = [RunPlan.model_validate_json(storage.read_text(answer["plan_uri"])) for answer in (first, again)]
    assert plans[0].config_hash != plans[1].config_hash


@pytest.mark.parametrize("manifest", [None, '{"outcome": "failed"}', "{}"])
def test_a_rerun_cannot_skip_a_stage_that_has_not_passed(desk: Desk, manifest: str | None) -> None:
    first = desk.bring(desk.deliver())
    desk.end("run-1")
    if manifest is not None:
        storage.write_text(f"{first['plan_uri'].rpartition('/')[0]}/ingest.json", manifest)
    with pytest.raises(InputError, match="GH2009"):
        desk.bring(rerun(first, "process"), "run-2")


def test_a_rerun_from_ingest_refuses_an_object_that_was_overwritten(desk: Desk) -> None:
    first = desk.bring(desk.deliver())
    desk.end("run-1")
    desk.deliver(content=zipped(f"{HEADER}\n{ROW}\n{ROW}\n".encode()))
    with pytest.raises(InputError, match="GH2007"):
        desk.bring(rerun(first), "run-2")


def test_a_rerun_does_not_disturb_a_live_run_and_needs_a_plan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.bring(desk.deliver())
    with pytest.raises(InputError, match="GH2008"):
        desk.bring(rerun({"run_id": "gone", "plan_uri": first["plan_uri"] + ".gone"}), "run-2")
    monkeypatch.setattr("gluehouse.aws.executions.is_alive", lambda client, arn: True)
    assert desk.bring(rerun(first), "run-2")["action"] == "skip"
