"""Shows what was delivered: a queue beside the stack that every alert and event is also sent to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from gluehouse_local.server import LocalAws


@dataclass(frozen=True)
class Delivery:
    """One message: an SNS notification (``origin`` is its topic's ARN) or an event (its source), ``about`` its subject
    or detail-type, ``body`` its text parsed as JSON where it is JSON."""

    origin: str
    about: str
    body: Any


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _delivery(text: str) -> Delivery:
    message = json.loads(text)
    if "TopicArn" in message:
        return Delivery(message["TopicArn"], message.get("Subject") or "", _parsed(message["Message"]))
    return Delivery(message["source"], message["detail-type"], message["detail"])


class Inbox:
    """A queue subscribed to ``topics`` (ARNs) and to the events that ``pattern`` matches on the default bus."""

    def __init__(
        self, aws: LocalAws, topics: list[str], pattern: dict[str, Any] | None = None, name: str = "inbox"
    ) -> None:
        self._sqs = aws.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = asked["Attributes"]["QueueArn"]
        for topic in topics:
            aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        if pattern:
            events = aws.client("events")
            events.put_rule(Name=name, EventPattern=json.dumps(pattern))
            events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": queue}])

    def take(self) -> list[Delivery]:
        """What arrived since the last call, oldest first; it is taken out."""
        taken: list[Delivery] = []
        while True:
            got = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
            if not got:
                return taken
            for message in got:
                taken.append(_delivery(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def wait(self, count: int = 1, seconds: float = 10.0) -> list[Delivery]:
        """At least ``count`` deliveries, or those that came within ``seconds``."""
        taken, give_up = self.take(), time.monotonic() + seconds
        while len(taken) < count and time.monotonic() < give_up:
            time.sleep(0.1)
            taken += self.take()
        return taken
