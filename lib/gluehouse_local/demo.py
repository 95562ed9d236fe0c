"""``make demo``: real releases of real data through the shipped state machine, and then a broken one.

Everything runs as in AWS: the template is deployed, an object is dropped, its event starts the execution, the
jobs are spark-submit processes that see what Glue would give them.
"""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gluehouse.errors import SetupError
from gluehouse.spec.deployment import Deployment
from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Manifest
from gluehouse_local import demo_report as report
from gluehouse_local.deploy import deploy, publish_configuration, read_deployment
from gluehouse_local.environments import CHECKOUT
from gluehouse_local.inbox import Delivery, Inbox
from gluehouse_local.server import LocalAws
from gluehouse_local.watch import Execution, Executions

PIPELINE = "airports"
RELEASES = 3
STAGED = {PIPELINE: {"execution": "staged"}}


@click.command("demo")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=CHECKOUT / ".cache/demo", help="Where everything will lie."
)
def command(state_dir: Path) -> None:
    """Drop three releases and a broken one; show what became of them."""
    began = time.monotonic()
    with LocalAws(state_dir) as aws:
        report.heading("The laptop's AWS", f"{aws.endpoint}, state in {aws.state}")
        demo = Demo(aws)
        releases = _releases()[: RELEASES + 1]
        for place, release in enumerate(releases[:RELEASES]):
            if place == 1:
                demo.configure_fused()
            demo.drop(release.name, release.read_bytes())
        before = demo.version()
        demo.drop(releases[RELEASES].name, broken(releases[RELEASES].read_bytes()), broken=True)
        after, alerts = demo.version(), demo.alerts()
        report.gate(before, after, alerts)
        if after != before or not alerts:
            raise SetupError(
                "GH7404", "the gate did not hold, or nobody was told.", "That is a defect: please report it."
            )
        report.summary(demo.runs, demo.table, time.monotonic() - began)
        report.places(aws, demo.environment, demo.table)


class Demo:
    """One deployment and what was dropped into it."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._deployment: Deployment = read_deployment(CHECKOUT, "local")
        with _timed("deployed"):
            outputs = deploy(CHECKOUT, self._deployment, aws.client, report.note, STAGED)
        self.environment = Environment.from_json(outputs["Environment"])
        self._executions = Executions(aws.client("stepfunctions"), outputs["StateMachineArn"])
        topics = [arn for arn in (self.environment.alert_topic_arn, self.environment.success_topic_arn) if arn]
        self._inbox = Inbox(aws, topics, {"source": [{"prefix": "gluehouse"}]})
        self._received: list[Delivery] = []
        self.runs: list[tuple[str, Execution, list[Manifest]]] = []
        self.table = aws.object_path(self.environment.table_uri("curated", PIPELINE))

    def configure_fused(self) -> None:
        """From now on as the file says: all stages in one Glue run."""
        publish_configuration(CHECKOUT, self._deployment, self._aws.client)
        report.note("configuration published again: execution fused, four stages in one Glue run")

    def drop(self, name: str, content: bytes, broken: bool = False) -> None:
        """Put one object into the landing zone and follow what its event starts."""
        bucket = self.environment.landing.removeprefix("s3://")
        report.heading(f"Drop {name}", "with every tenth latitude broken" if broken else f"{len(content):,} bytes")
        self._aws.client("s3").put_object(Bucket=bucket, Key=f"{PIPELINE}/{name}", Body=content)
        execution = self._executions.follow(self._executions.next(), left=report.state)
        manifests = self._manifests(execution.run_id)
        self.runs.append((name, execution, manifests))
        report.execution(execution, manifests)
        expected = "FAILED" if broken else "SUCCEEDED"
        if execution.status != expected:
            raise SetupError(
                "GH7403",
                f"the execution of {name} ended {execution.status} where {expected} was due: {execution.error}",
                f"Read the logs in {self._aws.state / 'logs'}.",
            )

    def alerts(self) -> list[Delivery]:
        """The alerts received so far; a moment is given to the last."""
        self._received += self._inbox.wait(1, 5.0)
        return [d for d in self._received if d.origin == self.environment.alert_topic_arn]

    def version(self) -> int:
        """The newest commit of the curated table."""
        return max(int(commit.stem) for commit in (self.table / "_delta_log").glob("[0-9]" * 20 + ".json"))

    def _manifests(self, run_id: str) -> list[Manifest]:
        folder = self._aws.object_path(self.environment.run_uri(PIPELINE, run_id))
        stages = ("ingest", "process", "validate", "publish")
        files = [folder / f"{stage}.json" for stage in stages]
        return [Manifest.model_validate_json(file.read_text()) for file in files if file.is_file()]


def broken(content: bytes) -> bytes:
    """The release with every tenth latitude replaced by words."""
    lines = list(csv.reader(io.StringIO(gzip.decompress(content).decode("utf-8"))))
    place = lines[0].index("lat")
    for line in lines[10::10]:
        line[place] = "north of here"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return gzip.compress(text.getvalue().encode("utf-8"), mtime=0)


def _releases() -> list[Path]:
    return sorted((CHECKOUT / "examples/airports").glob("*.csv.gz"))


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    report.note(f"{what} in {time.monotonic() - began:.1f} s")
