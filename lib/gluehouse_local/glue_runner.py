"""One Glue job run as one operating-system process, with Glue's states, limits and messages."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gluehouse.errors import SetupError
from gluehouse_local.artifacts import LaunchError
from gluehouse_local.glue_environment import Launch
from gluehouse_local.reaper import Guard, end_group

LIVE = frozenset({"STARTING", "RUNNING", "STOPPING"})
_TRACEBACK = "Traceback (most recent call last):\n"
_LOG_LINE = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d [A-Z]+ ")
_EXCEPTION = re.compile(r"^((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)(: .*)?$", re.DOTALL)
_MESSAGE_LIMIT = 2048


def new_run_id() -> str:
    return "jr_" + uuid.uuid4().hex + uuid.uuid4().hex


def error_message(log: str, exit_code: int) -> str:
    """What Glue shows as a failed run's ErrorMessage: the last traceback's exception without its module.

    >>> error_message("Traceback (most recent call last):\\n  File 'x'\\na.b.KeyError: 'k'\\n", 1)
    "KeyError: 'k'"
    >>> error_message("Killed\\n", 137)
    'Command failed with exit code 137'
    """
    _, found, tail = log.rpartition(_TRACEBACK)
    lines = tail.splitlines()
    start = next((at for at, line in enumerate(lines) if line and not line[0].isspace()), None)
    if not found or start is None:
        return f"Command failed with exit code {exit_code}"
    end = next((at for at in range(start, len(lines)) if _LOG_LINE.match(lines[at])), len(lines))
    text = "\n".join(lines[start:end]).strip()
    exception = _EXCEPTION.match(text)
    return (exception.group(2) + (exception.group(3) or "") if exception else text)[:_MESSAGE_LIMIT]


class GlueRun:
    """A run from STARTING to its end. ``record`` is its JobRun in Glue's shape, times in epoch seconds.

    ``prepare(work, log)`` answers how to start it; it may raise LaunchError or SetupError, which fail the run.
    ``log`` gets what driver and script print: spark-submit itself joins a script's stdout and stderr.
    ``minute`` is the length of a minute of ``Timeout`` in seconds, shortened by tests.
    """

    def __init__(
        self,
        record: dict[str, Any],
        prepare: Callable[[Path, Path], Launch],
        log: Path,
        work: Path,
        guard: Guard,
        minute: float = 60.0,
    ) -> None:
        self.record, self.done = record, threading.Event()
        self._prepare, self._work, self._guard = prepare, work, guard
        self._seconds = record["Timeout"] * minute
        self._stop, self._changing = threading.Event(), threading.Lock()
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)

    @property
    def is_live(self) -> bool:
        return self.record["JobRunState"] in LIVE

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.record["Id"][:12], daemon=True).start()

    def stop(self) -> None:
        """Ask the run to end; it is STOPPING until its processes are gone."""
        self._set("STOPPING")
        self._stop.set()

    def _set(self, state: str) -> None:
        """Change the state; an ended run keeps its own and a stopping one does not run again."""
        with self._changing:
            now = self.record["JobRunState"]
            if now in LIVE and not (now == "STOPPING" and state == "RUNNING"):
                self.record["JobRunState"] = state
                self.record["LastModifiedOn"] = time.time()

    def _run(self) -> None:
        try:
            state, message = self._launch_and_wait()
        except (LaunchError, SetupError) as error:
            state, message = "FAILED", str(error)
        except Exception as error:  # a defect of this runner must not leave a run RUNNING for ever
            state, message = "FAILED", f"LAUNCH ERROR | {type(error).__name__}: {error}"
        if self._stop.is_set():
            state, message = "STOPPED", ""
        self._finish(state, message)

    def _finish(self, state: str, message: str) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        if message:
            self.record["ErrorMessage"] = message
            with self.log.open("a") as log:
                log.write(f"\n[{state}] {message}\n")
        self.record["CompletedOn"] = time.time()
        self.record["ExecutionTime"] = round(self.record["CompletedOn"] - self.record["StartedOn"])
        self._set(state)
        self.done.set()

    def _launch_and_wait(self) -> tuple[str, str]:
        self._work.mkdir(parents=True)
        launch = self._prepare(self._work, self.log)
        if self._stop.is_set():
            return "STOPPED", ""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                launch.command,
                cwd=launch.directory,
                env=launch.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.watch(process.pid)
        self._set("RUNNING")
        try:
            return self._outcome(process)
        finally:
            end_group(process)
            self._guard.forget(process.pid)

    def _outcome(self, process: subprocess.Popen[bytes]) -> tuple[str, str]:
        give_up = time.monotonic() + self._seconds
        while process.poll() is None:
            if self._stop.wait(0.1):
                return "STOPPED", ""
            if time.monotonic() > give_up:
                return "TIMEOUT", "Job run reached its timeout and was ended"
        if process.returncode == 0:
            return "SUCCEEDED", ""
        code = process.returncode if process.returncode > 0 else 128 - process.returncode
        return "FAILED", error_message(self.log.read_text(errors="replace"), code)
