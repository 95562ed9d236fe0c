"""Ends the processes of a server that died: a guard outside the server's process, told of every group it starts.

The server stops its own children; the guard is for the day the server is killed with SIGKILL. It reads lines
``+<process group>`` and ``-<process group>`` and, when the pipe closes, ends the groups that remain.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

_GUARD = r"""
import os, signal, sys, time
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        try:
            os.killpg(group, number)
        except OSError:
            pass
    if groups:
        time.sleep(1)
"""


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a zombie's group on macOS
        return False
    return True


def end_group(process: subprocess.Popen[bytes], grace: float = 3.0) -> None:
    """End a process that leads a session of its own, and its group: SIGTERM, then SIGKILL after ``grace`` seconds."""
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if process.poll() is not None and not group_is_alive(process.pid):
                return
            time.sleep(0.02)


class Guard:
    """The guard process, and the list it keeps for us."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def watch(self, group: int) -> None:
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}")

    def close(self) -> None:
        """Let the guard end what is left and go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
