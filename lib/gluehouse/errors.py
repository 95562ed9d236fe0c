"""The errors of Gluehouse: one tree, each error with a stable code, a message and what to do about it.

The code stands at the head of the text, so that it is also at the head of a Glue run's ``ErrorMessage``
and of a Lambda's error, where the state machine reads it. Codes by their first digit:

====== ================ =========================================================
family class            meaning
====== ================ =========================================================
GH1    ConfigError      a pipeline, contract, environment or argument is wrong
GH2    InputError       what was delivered is not what the contract says
GH3    QualityError     a data set rule failed or could not be evaluated
GH4    HistoryRefused   the history engine refuses a batch (breaker, second snapshot)
GH5    PublishError     a target refused or disagreed; nothing was committed
GH6    LockError        the lock of a table is held by another run, or was lost
GH7    SetupError       this machine lacks something (Java, a port, disk, a registry)
GH8    Unexpected       a defect: please report it with its traceback
GH9    InfrastructureError  a service failed for a moment: the only kind worth retrying
====== ================ =========================================================
"""

from __future__ import annotations

import re

# Glue puts the exception's name before the text, and with job insights a category and a line before both.
_CODE_AT_HEAD = re.compile(r"^(?:Error Category: [^;]*; )?(?:Failed Line Number: \d+; )?(?:[\w.]+: )?(GH\d{4})\b")


class GluehouseError(Exception):
    """An error with a stable ``code``, what was found where (``message``) and what to do (``hint``)."""

    family = "GH8"

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        if not code.startswith(self.family):
            raise ValueError(f"{type(self).__name__} takes {self.family}xxx codes, not {code}")
        self.code, self.message, self.hint = code, message, hint
        super().__init__(f"{code}: {message}" + (f" What to do: {hint}" if hint else ""))

    def __reduce__(self) -> tuple[type[GluehouseError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class ConfigError(GluehouseError):
    family = "GH1"


class DataError(GluehouseError):
    """The data, not the machinery, is at fault: the stage records it as its outcome and the job succeeds."""


class InputError(DataError):
    family = "GH2"


class QualityError(DataError):
    family = "GH3"


class HistoryRefused(DataError):
    family = "GH4"


class PublishError(GluehouseError):
    family = "GH5"


class LockError(GluehouseError):
    family = "GH6"


class TableLockHeld(LockError):
    """Another run owns the table's lock; its wait is the state machine's Retry."""


class TableLockLost(LockError):
    """This run's lock expired or was taken over: it must not commit."""


class SetupError(GluehouseError):
    family = "GH7"


class Unexpected(GluehouseError):
    """A defect in Gluehouse or in a transform, wrapped so that it has a code."""


class InfrastructureError(GluehouseError):
    family = "GH9"


def code_of(error_message: str) -> str | None:
    """The stable code at the head of an error text, also behind what Glue prints before it.

    >>> code_of("Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 7; LockError: GH6001: held")
    'GH6001'
    >>> code_of("ConfigError: GH1001: pipeline airprots is unknown")
    'GH1001'
    >>> code_of("Command failed with exit code 137") is None
    True
    """
    found = _CODE_AT_HEAD.match(error_message)
    return found.group(1) if found else None


def is_retriable(code: str) -> bool:
    """Whether a second try can help: only infrastructure errors (GH9xxx).

    >>> is_retriable("GH9001"), is_retriable("GH2001")
    (True, False)
    """
    return code.startswith(InfrastructureError.family)
