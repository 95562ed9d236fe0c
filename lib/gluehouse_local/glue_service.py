"""The job-run part of the Glue API: StartJobRun, GetJobRun, GetJobRuns, BatchStopJobRun; the rest is MiniStack's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gluehouse_local import glue_arguments
from gluehouse_local.environments import Environments
from gluehouse_local.glue_environment import Launch, prepare
from gluehouse_local.glue_runner import GlueRun, new_run_id
from gluehouse_local.reaper import Guard

Handler = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]
# What CreateJob of MiniStack 1.5.33 forgets, kept here.
KEPT = ("ExecutionProperty", "ExecutionClass", "JobRunQueuingEnabled", "NotificationProperty", "JobMode")
_CAPACITY = ("WorkerType", "NumberOfWorkers", "MaxCapacity", "ExecutionClass")
_FROM_RUN_OR_JOB = ("Timeout", "SecurityConfiguration", *_CAPACITY)
_NUMBERS = ("Timeout", "NumberOfWorkers")
_STOPPABLE = ("STARTING", "RUNNING")


class GlueError(Exception):
    """An error of the Glue API: its ``code`` (ConcurrentRunsExceededException, ...) and text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class GlueService:
    """All runs of this server. ``jobs`` looks a definition up by name, in the caller's account and region."""

    def __init__(
        self,
        places: Environments,
        jobs: Callable[[str], dict[str, Any] | None],
        s3: Any,
        state: Path,
        guard: Guard,
        minute: float = 60.0,
    ) -> None:
        self._places, self._jobs, self._s3, self._guard, self._minute = places, jobs, s3, guard, minute
        self._logs, self._work = state / "logs" / "glue", state / "work"
        self._runs: dict[str, GlueRun] = {}
        self._lock = threading.Lock()

    def start(self, request: dict[str, Any]) -> GlueRun:
        """StartJobRun. Raises GlueError with the code that Glue answers."""
        name = request.get("JobName", "")
        job = self._jobs(name)
        if job is None:
            raise GlueError("EntityNotFoundException", f"Failed to start job run due to missing metadata: {name}")
        given = request.get("Arguments") or {}
        _check_arguments(given)
        with self._lock:
            self._check_concurrency(job)
            run = self._new_run(job, given, request)
            self._runs[run.record["Id"]] = run
        run.start()
        return run

    def _check_concurrency(self, job: dict[str, Any]) -> None:
        allowed = int((job.get("ExecutionProperty") or {}).get("MaxConcurrentRuns") or 1)
        live = sum(run.is_live for run in self._runs.values() if run.record["JobName"] == job["Name"])
        if live >= allowed:
            raise GlueError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job['Name']}")

    def _new_run(self, job: dict[str, Any], given: dict[str, str], request: dict[str, Any]) -> GlueRun:
        run_id, now = new_run_id(), time.time()
        arguments = glue_arguments.effective(
            job.get("DefaultArguments") or {}, given, job.get("NonOverridableArguments") or {}
        )
        chosen = {key: request.get(key, job.get(key)) for key in _FROM_RUN_OR_JOB}
        log = self._logs / f"{run_id}.log"
        record = {
            "Id": run_id,
            "Attempt": 0,
            "JobName": job["Name"],
            "JobMode": job.get("JobMode", "SCRIPT"),
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": "STARTING",
            "Arguments": given,
            "PredecessorRuns": [],
            "AllocatedCapacity": 0,
            "ExecutionTime": 0,
            "GlueVersion": job.get("GlueVersion") or "5.1",
            "LogGroupName": str(log),
            **{key: _as_glue_has_it(key, value) for key, value in chosen.items() if value not in (None, "")},
        }

        def start_with(work: Path, log: Path) -> Launch:
            return prepare(job, arguments, run_id, self._places, self._s3, work, log)

        return GlueRun(record, start_with, log, self._work / run_id, self._guard, self._minute)

    def get(self, job_name: str, run_id: str) -> GlueRun:
        run = self._runs.get(run_id)
        if run is None or run.record["JobName"] != job_name:
            raise GlueError("EntityNotFoundException", f"Job run {run_id} not found")
        return run

    def runs(self, job_name: str | None = None) -> list[dict[str, Any]]:
        """Records of all runs or of one job, the newest first as Glue lists them."""
        found = [run.record for run in self._runs.values() if job_name in (None, run.record["JobName"])]
        return sorted(found, key=lambda record: record["StartedOn"], reverse=True)

    def stop(self, job_name: str, run_ids: list[str]) -> dict[str, Any]:
        """BatchStopJobRun's answer: what was stopped and why the rest was not."""
        stopped, errors = [], []
        for run_id in run_ids:
            entry: dict[str, Any] = {"JobName": job_name, "JobRunId": run_id}
            try:
                run = self.get(job_name, run_id)
                state = run.record["JobRunState"]
                if state not in _STOPPABLE:
                    raise GlueError("InvalidInputException", f"Run {run_id} is in state {state}")
                run.stop()
                stopped.append(entry)
            except GlueError as error:
                errors.append({**entry, "ErrorDetail": {"ErrorCode": error.code, "ErrorMessage": str(error)}})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def end_all(self) -> None:
        """Stop every live run, wait for their processes to be gone, and forget all runs."""
        for run in list(self._runs.values()):
            run.stop()
        for run in list(self._runs.values()):
            run.done.wait(15)
        self._runs.clear()

    def answer(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one of the four actions. Raises GlueError."""
        name = request.get("JobName", "")
        if action == "StartJobRun":
            return {"JobRunId": self.start(request).record["Id"]}
        if action == "GetJobRun":
            return {"JobRun": self.get(name, request.get("RunId", "")).record}
        if action == "GetJobRuns":
            return {"JobRuns": self.runs(name)[: request.get("MaxResults") or None]}
        return self.stop(name, request.get("JobRunIds") or [])


ACTIONS = frozenset({"StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun"})


def _check_arguments(given: dict[str, Any]) -> None:
    for key, value in given.items():
        if not isinstance(value, str):
            raise GlueError("InvalidInputException", f"Argument {key} must be a string, found {type(value).__name__}")
        if key in glue_arguments.RESERVED:
            raise GlueError("InvalidInputException", f"Argument {key} is reserved by Glue")


def http_handler(service: GlueService, rest: Handler) -> Handler:
    """MiniStack's Glue handler with our four actions in front of it."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> tuple[int, dict[str, str], bytes]:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in ACTIONS:
            return await rest(method, path, headers, body, query)
        try:
            status, answer = 200, service.answer(action, json.loads(body or b"{}"))
        except GlueError as error:
            status, answer = 400, {"__type": error.code, "message": str(error), "Message": str(error)}
        return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    return handle


def _as_glue_has_it(setting: str, value: Any) -> Any:
    """CloudFormation hands numbers over as text; Glue has them as numbers."""
    return int(value) if setting in _NUMBERS else value


def keep_job_settings(glue: Any, provisioners: Any) -> None:
    """Make CreateJob, UpdateJob and CloudFormation's AWS::Glue::Job keep the settings in ``KEPT``.

    ``glue`` and ``provisioners`` are MiniStack's modules. The default Timeout becomes Glue 5's 480 minutes.
    """
    create, update = glue._create_job, glue._update_job

    def keep(name: str, values: dict[str, Any]) -> None:
        if name in glue._jobs:
            glue._jobs[name].update({key: values[key] for key in KEPT if key in values})

    def create_job(data: dict[str, Any]) -> Any:
        is_new = data.get("Name") not in glue._jobs
        answer = create({"Timeout": 480, **data})
        if is_new:
            keep(data.get("Name", ""), data)
        return answer

    def update_job(data: dict[str, Any]) -> Any:
        answer = update(data)
        keep(data.get("JobName", ""), data.get("JobUpdate") or {})
        return answer

    glue._create_job, glue._update_job = create_job, update_job
    provisioners._GLUE_JOB_DEFAULTS.update(
        Timeout=480,
        ExecutionProperty={"MaxConcurrentRuns": 1},
        ExecutionClass="STANDARD",
        JobRunQueuingEnabled=False,
        JobMode="SCRIPT",
        NotificationProperty={},
    )
