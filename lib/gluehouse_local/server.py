"""Starts and stops the laptop's AWS: a context manager for tests and programs, and a server that stays."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from gluehouse.errors import SetupError
from gluehouse_local import clients
from gluehouse_local.environments import CHECKOUT, Environments
from gluehouse_local.service import STATUS_PATH, Settings

DEFAULT_STATE = CHECKOUT / ".cache" / "state"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not see 127.0.0.1

_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "PIP_", "HTTP", "NO_PROXY", "SSL_CERT", "REQUESTS_CA")


def _server_environment() -> dict[str, str]:
    """What the server inherits: no AWS profile or key, and none of the emulator's own settings."""
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(_INHERITED)}
    return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def is_running(state: Path) -> bool:
    """Whether a server holds the lock of this state directory."""
    try:
        with (state / "server.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


class LocalAws:
    """The laptop's AWS on one state directory.

    As a context manager the server ends with this process, however that ends. ``start(detached=True)`` leaves it
    running for later commands, which find it by its state directory. The state directory keeps ``logs/``,
    and ``s3/<account>/<bucket>/<key>`` (the objects as plain files) until the next start.
    """

    def __init__(
        self,
        state_dir: Path = DEFAULT_STATE,
        environments: Environments | None = None,
        port: int = 0,
        minute: float = 60.0,
        wait_scale: float = 1.0,
    ) -> None:
        self.state = Path(state_dir).resolve()
        self._environments, self._port = environments, port
        self._minute, self._wait_scale = minute, wait_scale
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None

    def __enter__(self) -> LocalAws:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL of every service. Raises SetupError GH7201 when no server runs on this state directory."""
        about = self._about()
        if about is None or not is_running(self.state):
            raise SetupError("GH7201", f"no local AWS runs on {self.state}.", "Run 'python -m gluehouse_local start'.")
        return str(about["endpoint"])

    def _about(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.state / "server.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found

    def start(self, detached: bool = False) -> str:
        """Start the server and answer its endpoint once it serves.

        Raises SetupError: GH7101, GH7102 something is missing, GH7202 it did not come up, GH7203 one runs already.
        """
        if is_running(self.state):
            raise SetupError(
                "GH7203", f"a local AWS runs on {self.state} already.", "Run 'python -m gluehouse_local stop' first."
            )
        places = self._environments or Environments.of_checkout()
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "server.json").unlink(missing_ok=True)
        theirs = None
        if not detached:
            theirs, self._lifeline = os.pipe()
        settings = Settings(self.state, places, self._port, self._minute, self._wait_scale, theirs)
        with (self.state / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gluehouse_local.service", settings.to_json()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_server_environment(),
                pass_fds=(theirs,) if theirs is not None else (),
                start_new_session=True,
            )
        if theirs is not None:
            os.close(theirs)
        return self._wait_until_it_serves(self._process)

    def _wait_until_it_serves(self, process: subprocess.Popen[bytes], seconds: float = 60.0) -> str:
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up and process.poll() is None:
            about = self._about()
            if about:
                self.status()
                return str(about["endpoint"])
            time.sleep(0.05)
        self.stop()
        tail = (self.state / "server.log").read_text(errors="replace").strip().splitlines()
        raise SetupError(
            "GH7202",
            f"the local AWS did not start: {tail[-1] if tail else 'it said nothing'}",
            f"Read {self.state / 'server.log'}; if the port is taken, choose another or none.",
        )

    def stop(self) -> None:
        """End the server and everything it started; nothing happens when none runs."""
        about = self._about()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        elif about and is_running(self.state):
            os.kill(int(about["pid"]), signal.SIGTERM)
        self._wait_until_it_is_gone(int(about["pid"]) if about else None)

    def _wait_until_it_is_gone(self, pid: int | None) -> None:
        if self._process is not None:
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        give_up = time.monotonic() + 30
        while is_running(self.state):
            if time.monotonic() > give_up and pid:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def reset(self) -> None:
        """Forget everything: executions and runs are ended, buckets, tables, stacks are gone; the endpoint stays."""
        _DIRECT.open(f"{self.endpoint}/_ministack/reset", data=b"", timeout=60).close()

    def status(self) -> dict[str, Any]:
        """``pid``, ``endpoint`` and ``runs`` (Glue JobRuns, the newest first)."""
        endpoint = self.endpoint
        with _DIRECT.open(endpoint + STATUS_PATH, timeout=60) as answer:
            return {"endpoint": endpoint, **json.load(answer)}

    def client(self, service: str) -> Any:
        """A boto3 client of this server."""
        return clients.client(service, self.endpoint)

    def run_log(self, run_id: str) -> Path:
        """The file with everything that a Glue run's driver and script printed."""
        return self.state / "logs" / "glue" / f"{run_id}.log"

    def object_path(self, uri: str, account: str = "000000000000") -> Path:
        """The file or directory where an ``s3://bucket/key`` lies on this disk, for tools that read files."""
        return self.state / "s3" / account / uri.removeprefix("s3://")
