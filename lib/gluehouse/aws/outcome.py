"""The end of a run, recorded: in the ledger, beside its manifests (``outcome.json``), and as a metric.

Recording never hides the first error: whoever calls keeps it, and what fails here is told apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gluehouse.aws import storage
from gluehouse.aws.ledger import DynamoLedger
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment
from gluehouse.spec.failure import Failure
from gluehouse.spec.ledger import UNPLANNED, LedgerRow, Published
from gluehouse.spec.notice import Look, Notice, RunRef, failure_notice, success_notice


@dataclass(frozen=True)
class Recorder:
    """Writes outcomes for one environment."""

    environment: Environment
    ledger: DynamoLedger

    def success(self, run: RunRef, manifest: dict[str, Any], now: datetime) -> Notice:
        """Record SUCCEEDED; raises LockError GH6003 if another run has taken the batch over."""
        self.ledger.succeed(run.pipeline, run.batch_id, run.run_id, now)
        self._write(
            run,
            {"status": "SUCCEEDED", "published": "yes", "manifest": manifest, "ended_at": now.isoformat()},
        )
        return success_notice(run, manifest)

    def failure(self, run: RunRef, failure: Failure, now: datetime) -> Notice:
        """Record FAILED; what was published before the failure stays published and is said."""
        run = self.known(run)
        published = self._published(run, failure.state)
        self.ledger.fail(run.pipeline, run.batch_id or run.run_id, run.run_id, now, failure.code, published)
        outcome = {
            "status": "FAILED",
            "published": published,
            "failure": failure.model_dump(),
            "ended_at": now.isoformat(),
        }
        self._write(run, outcome)
        look = Look(
            processed=self.environment.processed_uri(run.pipeline, run.batch_id),
            quarantine=f"{self.environment.quarantine}/{run.pipeline}",
        )
        return failure_notice(run, failure, published, look)

    def unsent(self, run: RunRef, unsent: str) -> None:
        """Remember a notice that was not sent, and raise the alarm by a metric in the log (CloudWatch EMF)."""
        print(_metric("NotificationFailed", self.environment.name, run))
        run = self.known(run)
        self.ledger.note_unsent(run.pipeline, run.batch_id or run.run_id, run.run_id, unsent)

    def known(self, run: RunRef) -> RunRef:
        """``run`` with the batch it has claimed. A run that failed before it had one is entered in the ledger
        under ``_unplanned``, so that the ledger knows of every failure."""
        if run.batch_id:
            return run
        row = self.ledger.of_run(run.run_id)
        if row is None:
            row = _unplanned(run)
            self.ledger.claim(row, replacing=None)
        batch_id = "" if row.pipeline == UNPLANNED else row.batch_id
        where = self.environment.run_uri(row.pipeline, run.run_id)
        return run.model_copy(update={"pipeline": row.pipeline, "batch_id": batch_id, "where": where})

    def _published(self, run: RunRef, state: str) -> Published:
        """From the manifests; unknown where a state that writes tables died without one."""
        if any((self._manifest(run, stage) or {}).get("published") for stage in ("publish", "fused")):
            return "yes"
        if state == "Publish":
            return "unknown"
        if state == "RunFused":
            return "unknown" if (self._manifest(run, "validate") or {}).get("outcome") == "passed" else "no"
        return "no"

    def _manifest(self, run: RunRef, stage: str) -> dict[str, Any] | None:
        try:
            manifest: dict[str, Any] = json.loads(
                storage.read_text(self.environment.manifest_uri(run.pipeline, run.run_id, stage))
            )
        except ConfigError:  # there is none: the stage has not ended
            return None
        return manifest

    def _write(self, run: RunRef, outcome: dict[str, Any]) -> None:
        text = json.dumps({**run.model_dump(), **outcome}, indent=1)
        storage.write_text(self.environment.outcome_uri(run.pipeline, run.run_id), text)


def _unplanned(run: RunRef) -> LedgerRow:
    return LedgerRow(
        pipeline=UNPLANNED,
        batch_id=run.run_id,
        status="RUNNING",
        run_id=run.run_id,
        execution_arn=run.execution_arn,
        started_at=datetime.now(UTC),
    )


def _metric(name: str, environment: str, run: RunRef) -> str:
    definition = {
        "Namespace": "Gluehouse",
        "Dimensions": [["Environment"]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    stamp = int(datetime.now(UTC).timestamp() * 1000)
    return json.dumps({
        "_aws": {"Timestamp": stamp, "CloudWatchMetrics": [definition]},
        "Environment": environment, name: 1, "pipeline": run.pipeline, "run_id": run.run_id,
    })  # fmt: skip
