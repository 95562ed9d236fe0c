"""A system's process, seen from outside: started fresh, ordered about, measured, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from bench.history.tree import Usage, peak_memory, usage

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """The system refused an order or died of it."""


class Worker:
    """One fresh process (and with Spark one fresh Java) of a system; its own output goes to ``log``."""

    def __init__(self, system: str, work: Path, log: Path, child: str = "bench.history.child") -> None:
        self.system, self.work, self.log, self.child = system, work, log, child

    def __enter__(self) -> Worker:
        self.work.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join((str(ROOT), str(ROOT / "lib")))
        variables = {**os.environ, "PYTHONPATH": path, "TZ": "UTC", "SPARK_LOCAL_DIRS": str(self.work),
                     "SPARK_LOCAL_IP": "127.0.0.1"}  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.child, self.system],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.work,
                env=variables,
                text=True,
                start_new_session=True,
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        family = [self.process.pid, *(one.pid for one in _children(self.process.pid))]
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in family[1:]:
            _end(pid)

    def order(self, do: str, **what: Any) -> dict[str, Any]:
        """Have something done and wait for it. Raises Failed with what the system said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **what}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed(f"the process ended with {self.process.wait()}; its output is in {self.log}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise Failed(answer["error"])
        return answer

    def measured(self, do: str, **what: Any) -> dict[str, Any]:
        """Have something done; seconds, CPU seconds, bytes through read and write calls, peak memory of the tree."""
        before = self.usage()
        with peak_memory(self.process.pid) as peak:
            answer = self.order(do, **what)
        spent = self.usage().minus(before)
        return {
            "wall": round(answer["seconds"], 3),
            "cpu": round(spent.cpu, 2),
            "read_calls": spent.read,
            "write_calls": spent.written,
            "peak_rss": peak.rss,
            "said": answer["said"],
        }

    def usage(self) -> Usage:
        return usage(self.process.pid)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(timeout=10)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
