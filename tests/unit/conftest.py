"""AWS for the tests without Spark: MiniStack's own application, called in this process, with no port."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import json
import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import botocore.compat
import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from gluehouse.cli.compile import compile_all, write_artifacts
from gluehouse.spec.environment import Environment
from gluehouse.spec.pipeline import CompiledPipeline
from tests.template import read_template

REGION = "us-east-1"
ROOT = Path(__file__).resolve().parents[2]
CODE = "unit-code"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout's configuration, to be changed."""
    for folder in ("config", "sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every boto3 client of the test talks to an empty MiniStack."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "SFN_WAIT_SCALE": "0",
        "LOG_LEVEL": "ERROR",
    }.items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.startswith("AWS_PROFILE")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "client", _client)
    _reset()
    yield
    _reset()


@functools.cache
def _client(service: str) -> Any:
    """One client a service for all tests: making one takes longer than what most tests do with it."""
    session = botocore.session.get_session()
    session.register("before-send", _answer)
    return boto3.Session(botocore_session=session).client(service)  # type: ignore[call-overload]


@pytest.fixture
def stack(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """deploy/template.yaml as it is, deployed; control Lambdas are the real handlers, Glue runs are scripted."""
    deployed = Stack(tmp_path)
    monkeypatch.setenv("GLUEHOUSE_ENVIRONMENT", deployed.outputs["Environment"])
    _in_front_of_ministack(deployed)
    return deployed


@pytest.fixture
def handler() -> Callable[[str], ModuleType]:
    return _handler


@functools.cache
def _handler(name: str) -> ModuleType:
    """The module jobs/lambda/<name>.py, which Lambda finds by its file alone."""
    spec = importlib.util.spec_from_file_location(f"lambda_{name}", ROOT / "jobs/lambda" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _template() -> bytes:
    """The template as JSON: MiniStack's parsing of its YAML is nine tenths of a deployment."""
    return json.dumps(read_template()).encode()


@functools.cache
def _compiled() -> dict[str, CompiledPipeline]:
    return compile_all(ROOT)


class Stack:
    """One environment on MiniStack. ``glue`` maps a job's name without prefix to what its run does: a function of
    its arguments, which writes a manifest, or raises the text of the run's ErrorMessage."""

    def __init__(self, folder: Path) -> None:
        self.glue: dict[str, Callable[[dict[str, str]], None]] = {}
        self.lambdas: dict[str, Callable[[Any], Any]] = {}
        self.runs: list[str] = []
        self.folder = folder
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=CODE)
        s3.put_object(
            Bucket=CODE,
            Key="releases/r1/statemachines/pipeline.asl.json",
            Body=(ROOT / "statemachines/pipeline.asl.json").read_bytes(),
        )
        s3.put_object(Bucket=CODE, Key="releases/r1/deploy/template.yaml", Body=_template())
        given = {
            "EnvironmentName": "unit",
            "CodeBucket": CODE,
            "Release": "r1",
            "IsLocal": "true",
            "ScheduledPipeline": "airports",
        }
        formation = boto3.client("cloudformation")
        formation.create_stack(
            StackName="unit",
            TemplateURL=f"https://s3.{REGION}.amazonaws.com/{CODE}/releases/r1/deploy/template.yaml",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        found = _until(lambda: _ended(formation.describe_stacks(StackName="unit")["Stacks"][0]))
        assert found["StackStatus"] == "CREATE_COMPLETE", formation.describe_stack_events(StackName="unit")
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
        self.environment = Environment.from_json(self.outputs["Environment"])

    def publish(self, **changed: dict[str, Any]) -> None:
        """Publish the pipelines of config/; ``changed`` overrides fields of one, as {"airports": {"execution": …}}."""
        compiled = dict(_compiled())
        for name, fields in changed.items():
            spec = compiled[name].spec.model_copy(update=fields)
            compiled[name] = compiled[name].model_copy(update={"spec": spec}).sealed()
        folder = self.folder / "config"
        write_artifacts(folder, f"s3://{CODE}/config", compiled)
        for file in folder.rglob("*"):
            if file.is_file():
                key = f"config/{file.relative_to(folder).as_posix()}"
                boto3.client("s3").put_object(Bucket=CODE, Key=key, Body=file.read_bytes())

    def drop(self, key: str, content: bytes) -> str:
        """Deliver an object to the landing zone; its event starts an execution."""
        boto3.client("s3").put_object(Bucket=self.outputs["LandingBucket"], Key=key, Body=content)
        return f"{self.environment.landing}/{key}"

    def start(self, event: dict[str, Any], name: str) -> str:
        client, machine = boto3.client("stepfunctions"), self.outputs["StateMachineArn"]
        return str(client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(event))["executionArn"])

    def ended(self, execution_arn: str) -> dict[str, Any]:
        """The execution once it has ended."""
        client = boto3.client("stepfunctions")
        return _until(lambda: _ended(client.describe_execution(executionArn=execution_arn), "status", "RUNNING"))

    def states(self, execution_arn: str) -> list[str]:
        """The names of the states entered, in order."""
        pages = boto3.client("stepfunctions").get_paginator("get_execution_history")
        events = [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def inbox(self) -> Callable[[], list[dict[str, Any]]]:
        """A queue that gets both topics and our events; call it for what came: bodies as parsed JSON."""
        queues, topics = boto3.client("sqs"), boto3.client("sns")
        url = queues.create_queue(QueueName="inbox")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for topic in (self.outputs["AlertTopicArn"], self.outputs["SuccessTopicArn"]):
            topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        events = boto3.client("events")
        events.put_rule(Name="inbox", EventPattern=json.dumps({"source": ["gluehouse"]}))
        events.put_targets(Rule="inbox", Targets=[{"Id": "inbox", "Arn": arn}])

        def take() -> list[dict[str, Any]]:
            got = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for message in got:
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return [json.loads(message["Body"]) for message in got]

        return take


def _ended(found: dict[str, Any], field: str = "StackStatus", running: str = "IN_PROGRESS") -> dict[str, Any] | None:
    return None if found[field].endswith(running) else found


def _until(found: Callable[[], dict[str, Any] | None], seconds: float = 20.0) -> dict[str, Any]:
    give_up = time.monotonic() + seconds
    while (value := found()) is None:
        assert time.monotonic() < give_up, "it did not come to an end"
        time.sleep(0.02)
    return value


class _ScriptedRun:
    """A Glue run that is over when it is started, as the shim of Step Functions expects one."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record, self.done = record, Event()
        self.done.set()


class _ScriptedGlue:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def start(self, request: dict[str, Any]) -> _ScriptedRun:
        job = request["JobName"].removeprefix("gluehouse-unit-")
        self._stack.runs.append(job)
        record = {"JobName": request["JobName"], "Id": f"jr_{len(self._stack.runs)}", "JobRunState": "SUCCEEDED"}
        try:
            self._stack.glue[job](request["Arguments"])
        except Exception as error:
            record |= {"JobRunState": "FAILED", "ErrorMessage": f"{type(error).__name__}: {error}"}
        return _ScriptedRun(record)


def _in_front_of_ministack(stack: Stack) -> None:
    """The shims of the laptop's AWS, with scripted Glue runs and with Lambda handlers called in this process."""
    from ministack import app
    from ministack.services import lambda_svc
    from ministack.services import stepfunctions as sfn

    from gluehouse_local import stepfunctions

    if not hasattr(sfn, "_unit_shims"):
        stepfunctions.install(sfn, app, None)  # type: ignore[arg-type]
        sfn._unit_shims = True
    task = stepfunctions.glue_task(_ScriptedGlue(stack), sfn._ExecutionError)  # type: ignore[arg-type]
    sfn._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = task
    lambda_svc._execute_function_warm = lambda function, event, request_id: _invoke(stack, function, event)


def _invoke(stack: Stack, function: dict[str, Any], event: Any) -> dict[str, Any]:
    config = function.get("config") or function
    name = config["FunctionName"].removeprefix("gluehouse-unit-")
    try:
        call = stack.lambdas.get(name) or _handler(config["Handler"].removesuffix(".handler")).handler
        return {"body": call(event), "log": ""}
    except Exception as error:
        body = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": traceback.format_exc()}
        return {"body": body, "error": True, "log": traceback.format_exc()}


def _reset() -> None:
    status, _, _ = _call("POST", "/_ministack/reset", [], b"")
    assert status == 200


def _answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    parts = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    headers = [(name.lower().encode(), _bytes(value)) for name, value in request.headers.items()]
    headers.append((b"host", parts.netloc.encode()))
    status, found, content = _call(request.method, parts.path, headers, body, parts.query)
    return AWSResponse(request.url, status, botocore.compat.HTTPHeaders.from_pairs(found), _Raw(content))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


class _Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, amount: int | None = None) -> bytes:
        content, self._content = (
            (self._content, b"") if amount is None else (self._content[:amount], self._content[amount:])
        )
        return content


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all tests, in a thread: CloudFormation goes on after its answer, as on AWS."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _call(
    method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes, query: str = ""
) -> tuple[int, list[tuple[str, str]], bytes]:
    from ministack import app  # here: 1 s, and only for the tests that need it

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 4566),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run_coroutine_threadsafe(app.app(scope, receive, send), _loop()).result()
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return start["status"], [(k.decode(), v.decode()) for k, v in start["headers"]], content
