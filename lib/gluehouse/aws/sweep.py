"""After an execution that ended badly: what its own error handler could not do is done here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gluehouse.aws.outcome import Recorder
from gluehouse.aws.table_lock import DynamoTableLock, release_all, tables_held_by
from gluehouse.errors import ConfigError
from gluehouse.spec.ended import EndedExecution
from gluehouse.spec.notice import Notice, RunRef


@dataclass(frozen=True)
class Sweeper:
    """``send(notice)`` answers the ways that failed, in words (``executions.send_failure``)."""

    recorder: Recorder
    locks: Any
    send: Callable[[Notice], list[str]]

    def sweep(self, ended: EndedExecution, now: datetime) -> dict[str, Any]:
        """Free the run's locks; record and alert if nobody has. What was done, as counts and names.

        An execution that its handler ended is only relieved of locks that it still owns. Swept again, a
        run is not alerted again.
        """
        run = self.recorder.known(self._run(ended))
        freed = self._free(run.run_id)
        row = self.recorder.ledger.find(run.pipeline, run.batch_id or run.run_id)
        # A redelivered run that skipped owns no row; a batch taken over since belongs to the other run.
        mine = row is not None and row.run_id == run.run_id
        finished = row is not None and mine and row.status != "RUNNING"
        if not mine or (finished and ended.was_handled):
            return {"run_id": run.run_id, "freed": freed, "alerted": False}
        notice = self.recorder.failure(run, ended.failure(), now)
        first = self.recorder.ledger.first_sweep(run.pipeline, run.batch_id or run.run_id, run.run_id, now)
        unsent = self.send(notice) if first else []
        if unsent:
            self.recorder.unsent(run, "; ".join(unsent))
        return {"run_id": run.run_id, "freed": freed, "alerted": first and not unsent}

    def _run(self, ended: EndedExecution) -> RunRef:
        environment = self.recorder.environment
        return RunRef(
            environment=environment.name,
            pipeline="_unplanned",
            run_id=ended.run_id,
            batch_id="",
            execution_arn=ended.execution_arn,
            where=environment.run_uri("_unplanned", ended.run_id),
        )

    def _free(self, run_id: str) -> list[str]:
        lock_table = self.recorder.environment.lock_table
        if lock_table is None:
            raise ConfigError("GH1012", "the environment names no lock table.", "Deploy deploy/template.yaml again.")
        held = tables_held_by(self.locks, lock_table, run_id)
        return release_all(DynamoTableLock(lock_table, table, run_id, client=self.locks) for table in held)
