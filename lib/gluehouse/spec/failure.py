"""What went wrong, read from what Step Functions hands over: an error name and a cause.

Every failed Glue run has the same error name; its cause is the run as JSON, and the stable code stands at the
head of the run's ErrorMessage. A Lambda's cause is JSON with its exception's text. Texts without a code are
never passed on whole: an engine's message can quote a row.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from gluehouse.errors import code_of, is_retriable

MAX_RETURNS = 2
"""How often a failed state is gone back to, for an infrastructure error."""

STAGE_STATES = (
    "IngestAndValidate",
    "TransformLambda",
    "TransformSpark",
    "TransformSql",
    "ValidateOutput",
    "Publish",
    "RunFused",
)
"""The states that can be gone back to: each repeats without harm for the same batch."""

_REFUSED = ("Glue.EntityNotFound", "Glue.InvalidInput", "Glue.AccessDenied", "Lambda.ResourceNotFound")
_BUSY = re.compile(
    r"(Glue|Lambda|S3|SNS|EventBridge)\.(SdkClient|ConcurrentRunsExceeded|ResourceNumberLimitExceeded|Throttling"
    r"|TooManyRequests|SlowDown|InternalService|InternalError|OperationTimeout|Service|AWSGlue|AWSLambda|S3"
    r"|Internal|ClientExecutionTimeout)(Exception|Error)"
)
_DIED = re.compile(
    r"exit code|exit status|[Cc]ontainer .*(killed|lost)|[Ee]xecutor.*lost|[Ii]nternal service|signal"
    r"|OutOfMemory|[Rr]untime exited|[Ss]park context.*(stopped|shut)"
)
# Glue's job insights put this before the message of a job that was started without our template.
_INSIGHT = re.compile(r"^(Error Category: [^;]*; )?(Failed Line Number: \d+; )?")
_NAME = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (\[[A-Z][A-Z0-9_.]*\]))?")


class Failure(BaseModel):
    """One failure: the state it happened in, a stable code, what it was, what to do, and the log to read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str
    code: str
    message: str
    hint: str = ""
    log: str = ""

    def may_return(self, attempts: dict[str, int]) -> bool:
        """Whether to go back to the failed state: an infrastructure error of a stage, at most twice."""
        return is_retriable(self.code) and self.state in STAGE_STATES and attempts.get(self.state, 0) < MAX_RETURNS


def read_failure(state: str, error: str, cause: str, job_log: str = "/aws-glue/jobs") -> Failure:
    """The failure behind a state's error name and cause; ``job_log`` is the group with a stream for each Glue run.

    >>> run = '{"JobRunState": "FAILED", "ErrorMessage": "ConfigError: GH1001: no such pipeline"}'
    >>> read_failure("Publish", "States.TaskFailed", run).code
    'GH1001'
    """
    detail = _parsed(cause)
    if "JobRunState" in detail:
        return _glue_run(state, detail, f"{job_log} {detail.get('Id', '')}".strip())
    if error == "States.Timeout":
        return _timed_out(state)
    if "errorMessage" in detail or error.startswith(("Sandbox.", "Runtime.")):
        return _lambda(state, error, str(detail.get("errorMessage") or cause))
    return _service(state, error, cause)


def _parsed(cause: str) -> dict[str, Any]:
    try:
        value = json.loads(cause)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _glue_run(state: str, run: dict[str, Any], log: str) -> Failure:
    text, run_state = _INSIGHT.sub("", str(run.get("ErrorMessage") or "")), run["JobRunState"]
    name = f"{run.get('JobName', 'a job')} ({run.get('Id', 'no id')})"
    if code_of(text):
        return _coded(state, text, log)
    if run_state == "TIMEOUT":
        return _timed_out(state, log)
    if run_state == "STOPPED":
        return Failure(state=state, code="GH8006", message=f"the Glue run of {name} was stopped by somebody.", log=log)
    if not text or _DIED.search(text):
        message = f"the Glue run of {name} died ({run_state}) without an error of its own."
        return Failure(
            state=state, code="GH9000", message=message, hint="Read its log; give it larger workers.", log=log
        )
    return _uncoded(state, text, f"the Glue run of {name}", log)


def _lambda(state: str, error: str, text: str) -> Failure:
    if code_of(text):
        return _coded(state, text, "")
    if "timed out" in text or error == "Sandbox.Timedout":
        return _timed_out(state)
    if error.startswith("Runtime.") and _DIED.search(text):
        return Failure(state=state, code="GH9000", message="the Lambda's process died.", hint="Give it more memory.")
    return _uncoded(state, f"{error}: " + text, "the Lambda")


def _service(state: str, error: str, cause: str) -> Failure:
    if state == "ReadManifest" and "NoSuchKey" in error:
        message = "the stage's run succeeded, but there is no manifest of it."
        return Failure(state=state, code="GH8003", message=message, hint="Deploy definition and jobs of one release.")
    if error.startswith(_REFUSED):
        message = f"{error}: {cause[:300]}"
        return Failure(state=state, code="GH1020", message=message, hint="Deploy deploy/template.yaml again.")
    if _BUSY.match(error):
        return Failure(
            state=state,
            code="GH9002",
            message=f"{error}: {cause[:300]}",
            hint="The service was busy; rerun later.",
        )
    return _uncoded(state, error, "the state")


def _coded(state: str, text: str, log: str) -> Failure:
    code = code_of(text) or ""
    message, _, hint = text[text.index(code) + len(code) :].lstrip(": ").partition(" What to do: ")
    return Failure(state=state, code=code, message=message, hint=hint, log=log)


def _timed_out(state: str, log: str = "") -> Failure:
    hint = "Look for skew or a hang in the log; raise the job's Timeout if the batch is simply large."
    return Failure(state=state, code="GH8002", message="it took longer than it may.", hint=hint, log=log)


def _uncoded(state: str, text: str, who: str, log: str = "") -> Failure:
    named = _NAME.match(text)
    what = " ".join(part for part in named.groups() if part) if named else "an error"
    hint = "Read the log; the text is not repeated here, because it can quote a row."
    return Failure(state=state, code="GH8001", message=f"{who} failed with {what}.", hint=hint, log=log)
