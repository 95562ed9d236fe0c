"""The end of an execution as EventBridge tells it, and whether the definition's error handler had its say."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gluehouse.errors import code_of
from gluehouse.spec.failure import Failure


class EndedExecution(BaseModel):
    """The detail of a "Step Functions Execution Status Change" event; its name is the run's id."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    execution_arn: str = Field(alias="executionArn")
    run_id: str = Field(alias="name")
    status: Literal["FAILED", "ABORTED", "TIMED_OUT"]
    error: str | None = None
    cause: str | None = None

    @property
    def was_handled(self) -> bool:
        """Only the definition's Fail state ends an execution with a code of ours, after its handler."""
        return self.status == "FAILED" and code_of(self.error or "") is not None

    def failure(self) -> Failure:
        """What to report of an execution that ended where no Catch sees it."""
        why = {
            "ABORTED": ("GH8010", "the execution was aborted by somebody."),
            "TIMED_OUT": ("GH8011", "the execution took longer than the definition allows."),
            "FAILED": (
                "GH8012",
                f"the execution ended outside its error handler with {self.error or 'no error name'}.",
            ),
        }
        code, message = why[self.status]
        hint = "Look at the execution; then run the batch again with `gluehouse rerun`."
        return Failure(state=f"execution {self.status}", code=code, message=message, hint=hint)


def ended_execution(event: dict[str, Any]) -> EndedExecution:
    return EndedExecution.model_validate(event["detail"])
