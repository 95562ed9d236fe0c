"""Lambda functions as processes of the Lambda environment: boto3 and the deployed zip, nothing of ours beside it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import select
import subprocess
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from gluehouse_local.environments import Environments
from gluehouse_local.glue_environment import container_variables
from gluehouse_local.reaper import Guard, end_group

_BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
_SHAPING = ("FunctionArn", "Handler", "Runtime", "MemorySize", "Environment")
_RESERVED = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def _unpacked(code: bytes, store: Path) -> Path:
    """The zip's content as a directory, unpacked once for each content."""
    target = store / hashlib.sha256(code).hexdigest()[:24]
    if not target.exists():
        making = store / f"{target.name}.{os.getpid()}.{threading.get_ident()}"
        zipfile.ZipFile(io.BytesIO(code)).extractall(making)
        with contextlib.suppress(OSError):  # another invocation was first
            making.rename(target)
    return target


class Worker:
    """One execution environment: a process that serves one event at a time."""

    def __init__(self, config: dict[str, Any], code: Path, places: Environments, endpoint: str, log: Path) -> None:
        self._log, self._buffer = log, b""
        log.parent.mkdir(parents=True, exist_ok=True)
        mine, theirs = os.pipe()
        given = (config.get("Environment") or {}).get("Variables") or {}
        variables = {
            **container_variables(endpoint),
            **{key: str(value) for key, value in given.items() if key not in _RESERVED},
            "PATH": f"{places.lambda_python.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(code),
            "LAMBDA_TASK_ROOT": str(code),
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'python3.11')}",
        }
        command = [str(places.lambda_python), "-P", "-s", str(_BOOTSTRAP), str(theirs), str(code), config["Handler"]]
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=code,
                env=variables,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                pass_fds=(theirs,),
                start_new_session=True,
            )
        os.close(theirs)
        self._answers = mine

    def invoke(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to one event. Raises TimeoutError after ``seconds`` and EOFError when the process ended."""
        assert self.process.stdin is not None
        start = self._log.stat().st_size
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise EOFError from error
        answer = self._read(time.monotonic() + seconds)
        with self._log.open("rb") as stream:
            stream.seek(start)
            answer["log"] = stream.read().decode(errors="replace")
        return answer

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        end_group(self.process, grace=0.3)
        os.close(self._answers)


class LambdaRuntime:
    """The warm workers of all functions, as many as run at once; new code or settings take new workers."""

    def __init__(self, places: Environments, endpoint: str, state: Path, guard: Guard) -> None:
        self._places, self._endpoint, self._guard = places, endpoint, guard
        self._code, self._logs = state / "lambda", state / "logs" / "lambda"
        self._idle: dict[str, list[tuple[str, Worker]]] = {}
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._code.mkdir(parents=True, exist_ok=True)

    def invoke(self, function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """Run the function; MiniStack's result: ``body`` and, for an error, ``error``; ``log`` is what it wrote."""
        config, code = function.get("config") or function, function.get("code_zip")
        if not code:
            return _error("Runtime.InvalidEntrypoint", "The function has no code")
        seconds = float(config.get("Timeout") or 3)
        shape = json.dumps([config.get(name) for name in _SHAPING], sort_keys=True, default=str)
        key = hashlib.sha256(shape.encode() + code).hexdigest()
        worker = self._take(key, config, code)
        message = {
            "event": event,
            "request_id": request_id,
            "function_name": config["FunctionName"],
            "arn": config.get("FunctionArn", ""),
            "memory": config.get("MemorySize", 128),
            "seconds": seconds,
        }
        about = f"RequestId: {request_id} Error:"
        try:
            answer = worker.invoke(message, seconds)
        except TimeoutError:
            self._drop(worker)
            return _error("Sandbox.Timedout", f"{about} Task timed out after {seconds:.2f} seconds")
        except EOFError:
            self._drop(worker)
            return _error("Runtime.ExitError", f"{about} Runtime exited with an error")
        with self._lock:
            self._idle.setdefault(config["FunctionName"], []).append((key, worker))
        return answer

    def _take(self, key: str, config: dict[str, Any], code: bytes) -> Worker:
        with self._lock:
            idle = self._idle.pop(config["FunctionName"], [])
            fit = [worker for its_key, worker in idle if its_key == key]
            self._idle[config["FunctionName"]] = [(key, worker) for worker in fit[1:]]
        for its_key, worker in idle:
            if its_key != key:
                self._drop(worker)
        if fit:
            return fit[0]
        log = self._logs / f"{config['FunctionName']}.log"
        worker = Worker(config, _unpacked(code, self._code), self._places, self._endpoint, log)
        self._guard.watch(worker.process.pid)
        with self._lock:
            self._all.add(worker)
        return worker

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.end()
        self._guard.forget(worker.process.pid)

    def end_all(self) -> None:
        """End every worker."""
        with self._lock:
            workers, self._idle = list(self._all), {}
        for worker in workers:
            self._drop(worker)


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"body": {"errorType": kind, "errorMessage": text}, "error": True, "log": text}


def install(lambda_service: Any, runtime: LambdaRuntime) -> None:
    """Let MiniStack's ``lambda_svc`` run Python functions here; it keeps their logs, limits and configurations."""
    others = lambda_service._execute_function_warm

    def execute(function: dict[str, Any], event: Any, request_id: str) -> Any:
        config = function.get("config") or function
        if not str(config.get("Runtime", "")).startswith("python"):
            return others(function, event, request_id)
        return runtime.invoke(function, event, request_id)

    lambda_service._execute_function_warm = execute
