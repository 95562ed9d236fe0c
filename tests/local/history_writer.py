"""Run as a program by tests: a process that writes history tables on S3 as a run does, whenever it is told to.

Argument: the DynamoDB table of the locks. It reads orders, one a line of JSON (``location``, ``owner``, ``batch_id``,
``rows``, and what else ``obey`` takes), and says in lines of JSON what happens.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.aws.table_lock import DynamoTableLock, LockKeeper
from gluehouse.cli.session import open_session
from gluehouse.errors import GluehouseError, TableLockHeld
from gluehouse.history import apply_batch
from gluehouse.spec.history import HistorySpec
from gluehouse_local.environments import CHECKOUT

SPEC = HistorySpec(keys="k", sequence_by="s", deletes={"column": "op", "values": ["D"]})
SCHEMA = "array<struct<k: string, op: string, v: string, s: int>>"


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


class StoppingLock:
    """A lock whose process is stopped, and its Spark with it, just before or just after the lock is asked."""

    def __init__(self, lock: DynamoTableLock, before: int | None, after: int | None) -> None:
        self._lock, self._before, self._after, self._asked = lock, before, after, 0

    def check(self, min_seconds_left: float = 60.0) -> None:
        self._asked += 1
        self._stop_if(self._asked == self._before)
        self._lock.check(min_seconds_left)
        self._stop_if(self._asked == self._after)

    def _stop_if(self, now: bool) -> None:
        if now:
            say("stops")
            os.killpg(0, signal.SIGSTOP)


def obey(
    spark: SparkSession, lock_table: str, location: str, owner: str, batch_id: str, rows: list[Any],
    ahead: float = 0.0, before: int | None = None, after: int | None = None,
) -> None:  # fmt: skip
    """Take the table's lock as the state machine does, waiting for it; apply a batch as a job does; free the lock.

    ``ahead``: by how many seconds this process's clock is; ``before``, ``after``: the time of asking at which to stop.
    """

    def lock() -> DynamoTableLock:
        return DynamoTableLock(lock_table, location, owner, clock=lambda: time.time() + ahead)

    taken, waits = lock(), False
    while taken.token is None:
        try:
            taken.acquire()
        except TableLockHeld as held:
            if not waits:
                say("waits", why=str(held))
            waits = True
            time.sleep(0.2)
    say("holds", token=taken.token)
    joined = lock()
    try:
        with LockKeeper(joined):
            asked = StoppingLock(joined, before, after)
            result = apply_batch(spark, location, frame(spark, rows), SPEC, batch_id, lock=asked)
        say("done", why=result.why, version=result.version_after, log_store=log_store(spark, location))
    except GluehouseError as error:
        say("refused", why=str(error))
    say("ended", freed=taken.release())


def frame(spark: SparkSession, rows: list[Any]) -> DataFrame:
    """Rows whose size Spark knows."""
    names = ("k", "op", "v", "s")
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
    return spark.range(0, 1, 1, 1).select(F.inline(F.from_json(F.lit(text), SCHEMA)))


def log_store(spark: SparkSession, location: str) -> str:
    """The class by which Delta writes the log of a table there."""
    jvm: Any = spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location)
    return str(log.store().getDelegate(log.logPath()).logStoreImpl().getClass().getName())


if __name__ == "__main__":
    session = open_session("s3://", CHECKOUT, None)
    session.conf.set("spark.databricks.delta.snapshotPartitions", "2")
    say("ready")
    for line in sys.stdin:
        obey(session, sys.argv[1], **json.loads(line))
