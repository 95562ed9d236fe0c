"""The schedules of an environment: one for each pipeline whose YAML has ``schedule``, in the stack's group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def synchronise(scheduler: Any, outputs: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Make the group hold exactly ``wanted`` (pipeline -> EventBridge Scheduler expression, UTC).

    A schedule starts the state machine with its pipeline's name: it takes the oldest delivery that no event started.
    """
    group = outputs["ScheduleGroup"]
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group, NamePrefix="pipeline-")
    there = {found["Name"] for page in pages for found in page["Schedules"]}
    for pipeline, expression in wanted.items():
        change = scheduler.update_schedule if _name(pipeline) in there else scheduler.create_schedule
        change(
            Name=_name(pipeline),
            GroupName=group,
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": outputs["StateMachineArn"],
                "RoleArn": outputs["ScheduleRoleArn"],
                "Input": json.dumps({"pipeline": pipeline}),
                "RetryPolicy": {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 3600},
                "DeadLetterConfig": {"Arn": outputs["UndeliveredEventsArn"]},
            },
        )
    for name in there - {_name(pipeline) for pipeline in wanted}:
        scheduler.delete_schedule(Name=name, GroupName=group)


def _name(pipeline: str) -> str:
    # Pipelines may come and go; what the stack itself holds in the group has other names and is left alone.
    return f"pipeline-{pipeline}"
