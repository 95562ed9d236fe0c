"""Runs inside the Lambda environment: loads the handler, then answers one event a line. Standard library only.

Events arrive on standard input; answers leave on the descriptor named by the first argument, so that whatever the
handler prints cannot be taken for an answer. Errors carry the class name, as AWS reports them.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any


class Context:
    """The second argument of a handler."""

    def __init__(self, about: dict[str, Any], deadline: float) -> None:
        self.aws_request_id = about["request_id"]
        self.function_name = about["function_name"]
        self.function_version = "$LATEST"
        self.invoked_function_arn = about["arn"]
        self.memory_limit_in_mb = about["memory"]
        self.log_group_name = "/aws/lambda/" + about["function_name"]
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


def failure(error: BaseException, kind: str | None = None) -> dict[str, Any]:
    trace = traceback.format_exception(type(error), error, error.__traceback__)
    sys.stderr.write("[ERROR] " + "".join(trace))
    body = {"errorType": kind or type(error).__name__, "errorMessage": str(error), "stackTrace": trace}
    return {"body": body, "error": True}


def load(handler: str) -> tuple[Callable[..., Any] | None, dict[str, Any] | None]:
    module, _, function = handler.rpartition(".")
    try:
        return getattr(importlib.import_module(module.replace("/", ".")), function), None
    except ImportError as error:
        return None, failure(ImportError(f"Unable to import module '{module}': {error}"), "Runtime.ImportModuleError")
    except AttributeError as error:
        return None, failure(error, "Runtime.HandlerNotFound")
    except BaseException as error:
        return None, failure(error)


def main(descriptor: int, code: str, handler_name: str) -> None:
    answers = os.fdopen(descriptor, "w")
    sys.path.insert(0, code)
    sys.stdout = sys.stderr
    form = "[%(levelname)s]\t%(asctime)s\t%(name)s\t%(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=form)
    handler, broken = load(handler_name)
    for line in sys.stdin:
        about = json.loads(line)
        answer = broken
        if handler:
            try:
                result = handler(about["event"], Context(about, time.time() + about["seconds"]))
                answer = {"body": json.loads(json.dumps(result))}
            except TypeError as error:
                kind = "Runtime.MarshalError" if "JSON serializable" in str(error) else None
                answer = failure(error, kind)
            except Exception as error:
                answer = failure(error)
        sys.stderr.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
