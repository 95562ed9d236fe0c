"""The events that start a run, and the identity of what they deliver."""

from __future__ import annotations

from typing import Any

import pytest

from gluehouse.errors import InputError
from gluehouse.spec.arrival import ObjectsArrived, RerunRequest, ScheduledStart, read_arrival
from gluehouse.spec.plan import ObjectRef, batch_id_of


def created(key: str) -> dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
    }


def notified(*keys: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": key}}} for key in keys]}


def test_a_key_is_plain_in_an_event_and_url_encoded_in_a_notification() -> None:
    key = "a/b+c d%2F.csv"
    assert read_arrival(created(key)) == ObjectsArrived(uris=(f"s3://b/{key}",))
    assert read_arrival(notified("a/b%2Bc+d%252F.csv")) == ObjectsArrived(uris=(f"s3://b/{key}",))


def test_a_notification_of_one_object_twice_is_one_object() -> None:
    assert read_arrival(notified("2", "1", "2")) == ObjectsArrived(uris=("s3://b/1", "s3://b/2"))


def test_a_schedule_names_a_pipeline_and_a_rerun_a_run() -> None:
    assert read_arrival({"pipeline": "airports"}) == ScheduledStart(pipeline="airports")
    asked = {"rerun_of": "r1", "plan_uri": "s3://w/plan.json"}
    assert read_arrival(asked) == RerunRequest(rerun_of="r1", plan_uri="s3://w/plan.json", from_stage="ingest")
    assert read_arrival({**asked, "from_stage": "publish"}) == RerunRequest(**asked, from_stage="publish")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"pipeline": ""},
        {"pipeline": 3},
        {"Event": "s3:TestEvent", "Bucket": "b"},
        {"Records": []},
        {"Records": [{"s3": {}}]},
        {"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}}},
        {"rerun_of": "r1"},
        {"rerun_of": "r1", "plan_uri": "s3://w/plan.json", "from_stage": "gate"},
    ],
)
def test_any_other_form_is_refused_with_the_forms_that_are_read(event: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="GH2001") as refused:
        read_arrival(event)
    assert "rerun_of" in refused.value.hint


def test_the_batch_id_depends_on_pipeline_places_and_contents_and_on_no_order() -> None:
    one, two = (ObjectRef(uri=f"s3://b/{n}", size=1, etag=n) for n in "12")
    known = batch_id_of("airports", [one, two])
    assert known == batch_id_of("airports", [two, one])
    assert len(known) == 32
    changed = one.model_copy(update={"etag": "other"})
    others = [batch_id_of("airports", [one]), batch_id_of("airports", [changed, two]), batch_id_of("lakes", [one, two])]
    assert len({known, *others}) == 4
