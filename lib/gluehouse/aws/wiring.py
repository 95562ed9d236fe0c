"""What each control Lambda works with: the environment it was given, and its ports over real clients."""

from __future__ import annotations

import os
from functools import partial

import boto3

from gluehouse.aws import executions
from gluehouse.aws.intake import Intake
from gluehouse.aws.landing import Landing
from gluehouse.aws.ledger import DynamoLedger
from gluehouse.aws.outcome import Recorder
from gluehouse.aws.sweep import Sweeper
from gluehouse.aws.table_lock import DynamoTableLock
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment


def environment_of_lambda() -> Environment:
    """From the variable GLUEHOUSE_ENVIRONMENT; raises ConfigError GH1010 where it is missing or wrong."""
    return Environment.from_json(os.environ.get("GLUEHOUSE_ENVIRONMENT", ""))


def intake(environment: Environment) -> Intake:
    is_alive = partial(executions.is_alive, boto3.client("stepfunctions"))
    return Intake(environment, ledger(environment), Landing(boto3.client("s3")), is_alive)


def recorder(environment: Environment) -> Recorder:
    return Recorder(environment, ledger(environment))


def sweeper(environment: Environment) -> Sweeper:
    send = partial(
        executions.send_failure,
        boto3.client("events"),
        boto3.client("sns"),
        environment.event_bus,
        environment.alert_topic_arn,
    )
    return Sweeper(recorder(environment), boto3.client("dynamodb"), send)


def ledger(environment: Environment) -> DynamoLedger:
    return DynamoLedger(boto3.client("dynamodb"), _named(environment.ledger_table, "ledger"))


def locks(environment: Environment, tables: list[str], owner: str) -> list[DynamoTableLock]:
    client, lock_table = boto3.client("dynamodb"), _named(environment.lock_table, "lock")
    return [DynamoTableLock(lock_table, table, owner, environment.lock_seconds, client=client) for table in tables]


def _named(table: str | None, what: str) -> str:
    if table is None:
        raise ConfigError("GH1012", f"the environment names no {what} table.", "Deploy deploy/template.yaml again.")
    return table
