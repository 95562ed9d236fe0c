"""The server process of the laptop's AWS: MiniStack with our shims in front, on 127.0.0.1 only.

MiniStack reads its settings from the environment when it is imported, so everything is imported here, in a process
of its own that lives as long as the server.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluehouse_local import glue_service, lambda_runtime, stepfunctions
from gluehouse_local.clients import client
from gluehouse_local.environments import Environments
from gluehouse_local.reaper import Guard

STATUS_PATH = "/_gluehouse/status"
_RESET_PATH = "/_ministack/reset"


@dataclass(frozen=True)
class Settings:
    """How a server runs: where its state is, which environments it uses, port 0 for any free one."""

    state: Path
    places: Environments
    port: int = 0
    minute: float = 60.0
    wait_scale: float = 1.0
    lifeline: int | None = None

    @classmethod
    def from_json(cls, text: str) -> Settings:
        values = json.loads(text)
        return cls(**{**values, "state": Path(values["state"]), "places": Environments.from_json(values["places"])})

    def to_json(self) -> str:
        return json.dumps({**self.__dict__, "state": str(self.state), "places": self.places.to_json()})


def _environment(port: int, settings: Settings) -> dict[str, str]:
    """MiniStack's settings: nothing beside the one port, no Docker, objects as plain files that outlive the server."""
    return {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "LOG_LEVEL": "WARNING",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(settings.state / "s3"),
        "SFN_WAIT_SCALE": str(settings.wait_scale),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


class LocalService:
    """MiniStack's application, ours in front of it, and the processes both start."""

    def __init__(self, settings: Settings, endpoint: str) -> None:
        from ministack import app
        from ministack.services import eventbridge, glue, lambda_svc, scheduler
        from ministack.services import stepfunctions as sfn
        from ministack.services.cloudformation import provisioners

        self.guard = Guard()
        s3 = client("s3", endpoint)
        self.glue = glue_service.GlueService(
            settings.places, glue._jobs.get, s3, settings.state, self.guard, settings.minute
        )
        self.lambdas = lambda_runtime.LambdaRuntime(settings.places, endpoint, settings.state, self.guard)
        glue_service.keep_job_settings(glue, provisioners)
        app.SERVICE_HANDLERS["glue"] = glue_service.http_handler(self.glue, app.SERVICE_HANDLERS["glue"])
        stepfunctions.install(sfn, app, self.glue)
        lambda_runtime.install(lambda_svc, self.lambdas)
        scheduler._SCHEDULE_TICK_INTERVAL = eventbridge._SCHEDULER_TICK_INTERVAL = 1  # seconds instead of ten
        self._app, self._sfn = app.app, sfn

    def end_children(self) -> None:
        """End executions, Glue runs and Lambda workers."""
        stepfunctions.end_all(self._sfn)
        self.glue.end_all()
        self.lambdas.end_all()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] == "http" and scope["path"] == STATUS_PATH:
            body = json.dumps({"pid": os.getpid(), "runs": self.glue.runs()}).encode()
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if scope["type"] == "http" and scope["path"] == _RESET_PATH:
            await asyncio.to_thread(self.end_children)
        await self._app(scope, receive, send)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(100)
    listener.setblocking(False)
    return listener


def _publish(state: Path, endpoint: str) -> None:
    """Say where the server is, only when it answers; written whole or not at all."""
    making = state / "server.json.new"
    making.write_text(json.dumps({"pid": os.getpid(), "endpoint": endpoint}))
    making.rename(state / "server.json")


async def _serve(settings: Settings, listener: socket.socket, service: LocalService, endpoint: str) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if settings.lifeline is not None:
        lifeline = settings.lifeline

        def wait_for_parent() -> None:
            os.read(lifeline, 1)  # answers when the parent closes its end, or is gone
            loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait_for_parent, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.shutdown_timeout = 5
    config.loglevel = "WARNING"
    _publish(settings.state, endpoint)
    await serve(service, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def run(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT, SIGHUP or the parent's end; then end every child and this process."""
    settings.state.mkdir(parents=True, exist_ok=True)
    lock = (settings.state / "server.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"a server is already running on {settings.state}")
    for old in ("s3", "work", "lambda", "logs"):
        shutil.rmtree(settings.state / old, ignore_errors=True)
    listener = _listen(settings.port)
    port = listener.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(_environment(port, settings))
    service = LocalService(settings, endpoint)
    try:
        asyncio.run(_serve(settings, listener, service, endpoint))
    except Exception:
        logging.getLogger(__name__).exception("the server ended with an error")
    finally:
        service.end_children()
        service.guard.close()
        (settings.state / "server.json").unlink(missing_ok=True)
        os._exit(0)  # tasks of executions may still wait in threads that nobody needs


if __name__ == "__main__":
    run(Settings.from_json(sys.argv[1]))
