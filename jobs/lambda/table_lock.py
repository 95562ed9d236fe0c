"""Lambda of the states AcquireTableLock, ReleaseTableLock and ReleaseAfterFailure."""

from __future__ import annotations

from typing import Any

from gluehouse.aws import wiring
from gluehouse.aws.table_lock import acquire_all, release_all


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """``event``: {"action": "acquire" | "release", "tables": [database.table], "owner": run id}.

    Answers {"tokens": {table: token}} or {"released": [table]}; raises TableLockHeld: the state retries.
    """
    locks = wiring.locks(wiring.environment_of_lambda(), event["tables"], event["owner"])
    if event["action"] == "acquire":
        return {"tokens": acquire_all(locks)}
    return {"released": release_all(locks)}
