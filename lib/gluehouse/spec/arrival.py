"""What starts a run: the forms an event can have, each read into one plain value.

- EventBridge "Object Created" (the key is NOT URL-encoded) and classic S3 notifications (the key IS);
- ``{"pipeline": "x"}`` from the schedule: the oldest delivery that is not yet processed;
- ``{"rerun_of": run_id, "plan_uri": uri, "from_stage": stage}`` from ``gluehouse rerun``;
- ``{"replay_of": batch_id, "plan_uri": uri, …}`` from ``gluehouse quarantine replay``.
"""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gluehouse.errors import InputError
from gluehouse.spec.plan import FromStage

_FORMS = (
    'Send an EventBridge "Object Created" event, a classic S3 notification, {"pipeline": name} '
    'or {"rerun_of": run id, "plan_uri": uri, "from_stage": stage} or {"replay_of": batch id, "plan_uri": uri}.'
)


class ObjectsArrived(BaseModel):
    """Objects (URIs, sorted, each once) were created in a bucket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uris: tuple[str, ...]


class ScheduledStart(BaseModel):
    """The schedule asks for the next delivery of a pipeline that is not yet processed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str


class RerunRequest(BaseModel):
    """Somebody asks for the batch of an earlier run again, from a stage on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rerun_of: str
    plan_uri: str
    from_stage: FromStage = "ingest"
    allow_mass_delete: bool = False


class ReplayRequest(BaseModel):
    """Somebody asks for a delivery once more, because rows of it were set aside: see ``spec.plan.Replay``.

    ``plan_uri``: the plan of a run of the batch; ``corrected``: the URI of an object with corrected records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    replay_of: str = Field(min_length=1)
    plan_uri: str = Field(min_length=1)
    corrected: str | None = None
    rule: str | None = None
    drop: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _a_rule_says_which_rows_are_replaced(self) -> ReplayRequest:
        if self.rule is not None and self.corrected is None and not self.drop:
            raise ValueError("a rule says which rows are replaced or dropped, but none are")
        return self


Arrival = ObjectsArrived | ScheduledStart | RerunRequest | ReplayRequest


def read_arrival(event: dict[str, Any]) -> Arrival:
    """Which of the known forms ``event`` has; raises InputError GH2001 for any other.

    >>> read_arrival({"pipeline": "airports"})
    ScheduledStart(pipeline='airports')
    """
    if "rerun_of" in event:
        return _rerun(event)
    if "replay_of" in event:
        return _replay(event)
    if event.get("detail-type") == "Object Created":
        return _from_event_bridge(event)
    if "Records" in event:
        return _from_notification(event)
    if isinstance(event.get("pipeline"), str) and event["pipeline"]:
        return ScheduledStart(pipeline=event["pipeline"])
    raise InputError("GH2001", f"the event has no known form; its fields are {sorted(event)}.", _FORMS)


def _rerun(event: dict[str, Any]) -> RerunRequest:
    stage: Any = event.get("from_stage") or "ingest"
    plan_uri = event.get("plan_uri")
    if stage not in get_args(FromStage) or not plan_uri or not event["rerun_of"]:
        found = {name: event.get(name) for name in ("rerun_of", "plan_uri", "from_stage")}
        stages = ", ".join(get_args(FromStage))
        raise InputError("GH2001", f"the rerun is not complete: {found}; stages are {stages}.", _FORMS)
    return RerunRequest(
        rerun_of=event["rerun_of"],
        plan_uri=plan_uri,
        from_stage=stage,
        allow_mass_delete=event.get("allow_mass_delete") is True,
    )


def _replay(event: dict[str, Any]) -> ReplayRequest:
    try:
        return ReplayRequest.model_validate(event)
    except ValidationError as error:
        wrong = sorted({str(one["loc"][0]) if one["loc"] else "rule" for one in error.errors()})
        raise InputError("GH2001", f"the replay is not complete or has wrong fields: {wrong}.", _FORMS) from error


def _from_event_bridge(event: dict[str, Any]) -> ObjectsArrived:
    try:
        detail = event["detail"]
        return ObjectsArrived(uris=(f"s3://{detail['bucket']['name']}/{detail['object']['key']}",))
    except (KeyError, TypeError) as error:
        raise InputError("GH2001", "the Object Created event names no bucket or no key.", _FORMS) from error


def _from_notification(event: dict[str, Any]) -> ObjectsArrived:
    try:
        stores = [record["s3"] for record in event["Records"]]
        uris = {f"s3://{s3['bucket']['name']}/{unquote_plus(s3['object']['key'])}" for s3 in stores}
    except (KeyError, TypeError) as error:
        raise InputError("GH2001", "a record of the notification names no bucket or no key.", _FORMS) from error
    if not uris:
        raise InputError("GH2001", "the notification has no records.", _FORMS)
    return ObjectsArrived(uris=tuple(sorted(uris)))
