"""A deployment on the laptop's AWS for each file of tests: the shipped template, definition, jobs and wheel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Manifest
from gluehouse_local import lake
from gluehouse_local.deploy import deploy, publish_configuration, read_deployment
from gluehouse_local.inbox import Delivery, Inbox
from gluehouse_local.server import LocalAws
from gluehouse_local.watch import Execution, Executions

CHECKOUT = Path(__file__).resolve().parents[2]


class Stack:
    """The deployed stack, and what a test does with it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self._deployment = read_deployment(CHECKOUT, "local")
        self.outputs = deploy(CHECKOUT, self._deployment, aws.client, print)
        self.environment = Environment.from_json(self.outputs["Environment"])
        self.executions = Executions(aws.client("stepfunctions"), self.outputs["StateMachineArn"])
        topics = [self.environment.alert_topic_arn, self.environment.success_topic_arn]
        self._inbox = Inbox(aws, [arn for arn in topics if arn], {"source": [{"prefix": "gluehouse"}]})

    def configure(self, **overrides: dict[str, Any]) -> None:
        """Publish the configuration with fields replaced, by pipeline; without any, as the files say."""
        publish_configuration(CHECKOUT, self._deployment, self.aws.client, overrides)

    def put(self, pipeline: str, name: str, content: bytes) -> Execution:
        """Drop an object; the execution that its event starts."""
        bucket = self.environment.landing.removeprefix("s3://")
        self.aws.client("s3").put_object(Bucket=bucket, Key=f"{pipeline}/{name}", Body=content)
        return self.executions.next()

    def drop(self, pipeline: str, name: str, content: bytes) -> Execution:
        """Drop an object and wait until its execution has ended."""
        return self.executions.follow(self.put(pipeline, name, content))

    def manifest(self, pipeline: str, execution: Execution, stage: str) -> Manifest:
        file = self.aws.object_path(self.environment.manifest_uri(pipeline, execution.run_id, stage))
        return Manifest.model_validate_json(file.read_text())

    def rows(self, table: str, sql: str) -> list[dict[str, Any]]:
        return lake.rows(self.aws.object_path(self.environment.table_uri("curated", table)), sql)

    def commits(self, table: str) -> int:
        log = self.aws.object_path(self.environment.table_uri("curated", table)) / "_delta_log"
        return len(list(log.glob("[0-9]" * 20 + ".json")))

    def locks(self) -> list[str]:
        """The tables that somebody has locked."""
        items = self.aws.client("dynamodb").scan(TableName=self.environment.lock_table)["Items"]
        return [item["table_name"]["S"] for item in items if "owner" in item]

    def ledger(self, pipeline: str) -> list[dict[str, str]]:
        items = self.aws.client("dynamodb").scan(TableName=self.environment.ledger_table)["Items"]
        plain = [{name: str(next(iter(value.values()))) for name, value in item.items()} for item in items]
        return [row for row in plain if row["pipeline"] == pipeline]

    def alerts(self, seconds: float = 10.0) -> list[Delivery]:
        """The alerts that have come since the last call."""
        return [one for one in self._inbox.wait(1, seconds) if one.origin == self.environment.alert_topic_arn]

    def forget(self) -> None:
        """Take what is in the inbox, so that the next look sees only what is new."""
        self._inbox.take()

    def glue_runs(self) -> list[dict[str, Any]]:
        return list(self.aws.status()["runs"])

    def start(self, event: dict[str, Any]) -> Execution:
        client = self.aws.client("stepfunctions")
        answer = client.start_execution(stateMachineArn=self.outputs["StateMachineArn"], input=json.dumps(event))
        return Execution(answer["executionArn"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Waits between retries are one 250th of the definition's."""
    with LocalAws(tmp_path_factory.mktemp("aws"), wait_scale=0.004) as aws:
        yield Stack(aws)


@pytest.fixture
def at_the_desk(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line is given to reach this deployment."""
    for name, value in {
        "AWS_ENDPOINT_URL": stack.aws.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
