"""The lock of a table: one writer at a time, whatever dies. An owner, an expiry and a token that only rises.

The state machine takes the locks of a run; the jobs of that run attach to them, keep them alive and check
them right before they commit. The owner is the run's id, so nobody frees another run's lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import boto3
from botocore.exceptions import ClientError

from gluehouse.aws.faults import code_of_fault, passing_faults
from gluehouse.errors import InfrastructureError, TableLockHeld, TableLockLost


class DynamoTableLock:
    """The lock of ``table`` for ``owner``, ``seconds`` long from each ``acquire`` and ``renew``.

    Item: ``table_name`` (key), ``owner`` (absent: free), ``token`` (never reset), ``expires_at`` (epoch s).
    """

    def __init__(
        self, lock_table: str, table: str, owner: str, seconds: int = 900,
        client: Any = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._client = boto3.client("dynamodb") if client is None else client
        self._lock_table, self.table, self.owner = lock_table, table, owner
        self.seconds, self._clock = seconds, clock
        self.token: int | None = None
        self.expires_at = 0.0

    def acquire(self) -> int:
        """Take the lock, or keep it where this owner has it; the token rises only when the owner changes.

        Raises TableLockHeld GH6001 while another owner's lock has not expired.
        """
        now = self._clock()
        kept = self._update("#owner = :me", now, {})
        taken = kept or self._update(
            "attribute_not_exists(#owner) OR expires_at < :now", now, {":now": _number(now)}, rise=1
        )
        if taken is None:
            raise self._held(now)
        return self._hold(taken)

    def attach(self) -> int:
        """Join the lock that the state machine took for this owner, and renew it; the token.

        Raises TableLockLost GH6002 where the lock is not this owner's.
        """
        kept = self._update("#owner = :me", self._clock(), {})
        if kept is None:
            raise self._lost("it belongs to somebody else, or to nobody")
        return self._hold(kept)

    def renew(self) -> None:
        """Hold it ``seconds`` longer; raises TableLockLost GH6002 where it was taken over since."""
        if self.token is None:
            self.attach()
            return
        kept = self._update("#owner = :me AND #token = :token", self._clock(), {":token": _number(self.token)})
        if kept is None:
            self.expires_at = 0.0
            raise self._lost("another run has taken it over")
        self._hold(kept)

    def check(self, min_seconds_left: float = 60.0) -> None:
        """Ask the table itself, right before a commit: still ours, by token, and for long enough?

        Raises TableLockLost GH6002 where it is not.
        """
        if self.token is None:
            self.attach()
        item = self._read()
        if _text(item, "owner") != self.owner or int(_text(item, "token") or 0) != self.token:
            raise self._lost("another run has taken it over")
        left = float(_text(item, "expires_at") or 0) - self._clock()
        if left < min_seconds_left:
            raise self._lost(f"{left:.0f} seconds of it are left, and {min_seconds_left:.0f} are needed")

    def release(self) -> bool:
        """Free the lock if this owner has it; the token stays. Whether it was freed."""
        try:
            with passing_faults(f"releasing the lock of {self.table}"):
                self._client.update_item(
                    TableName=self._lock_table,
                    Key={"table_name": {"S": self.table}},
                    UpdateExpression="REMOVE #owner SET expires_at = :never",
                    ConditionExpression="#owner = :me",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":me": {"S": self.owner}, ":never": {"N": "0"}},
                )
        except ClientError as error:
            if code_of_fault(error) == "ConditionalCheckFailedException":
                return False
            raise
        self.token, self.expires_at = None, 0.0
        return True

    def _update(self, condition: str, now: float, values: dict[str, Any], rise: int = 0) -> dict[str, Any] | None:
        try:
            with passing_faults(f"locking {self.table}"):
                answer = self._client.update_item(
                    TableName=self._lock_table,
                    Key={"table_name": {"S": self.table}},
                    UpdateExpression="SET #owner = :me, expires_at = :until ADD #token :rise",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#owner": "owner", "#token": "token"},
                    ExpressionAttributeValues={
                        ":me": {"S": self.owner},
                        ":until": _number(now + self.seconds),
                        ":rise": _number(rise),
                        **values,
                    },
                    ReturnValues="ALL_NEW",
                )
        except ClientError as error:
            if code_of_fault(error) == "ConditionalCheckFailedException":
                return None
            raise
        attributes: dict[str, Any] = answer["Attributes"]
        return attributes

    def _hold(self, item: dict[str, Any]) -> int:
        self.token, self.expires_at = int(_text(item, "token")), float(_text(item, "expires_at"))
        return self.token

    def _read(self) -> dict[str, Any]:
        with passing_faults(f"reading the lock of {self.table}"):
            answer = self._client.get_item(
                TableName=self._lock_table, Key={"table_name": {"S": self.table}}, ConsistentRead=True
            )
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _held(self, now: float) -> TableLockHeld:
        item = self._read()
        left = float(_text(item, "expires_at") or 0) - now
        return TableLockHeld(
            "GH6001",
            f"run {_text(item, 'owner') or 'unknown'} holds the lock of {self.table} for {left:.0f} s more.",
            "Wait for that run; a dead run's lock expires, and the sweep of executions frees it sooner.",
        )

    def _lost(self, why: str) -> TableLockLost:
        return TableLockLost(
            "GH6002",
            f"run {self.owner} lost the lock of {self.table}: {why}.",
            "Nothing more is committed by this run; run the batch again.",
        )


def acquire_all(locks: Iterable[DynamoTableLock]) -> dict[str, int]:
    """Take every lock, in the order of the tables' names, or none: table -> token.

    Raises TableLockHeld of the first that is held, with those taken before it given back, so that nobody
    waits for a run that is itself waiting.
    """
    taken: list[DynamoTableLock] = []
    try:
        for lock in sorted(locks, key=lambda lock: lock.table):
            lock.acquire()
            taken.append(lock)
    except BaseException:
        release_all(taken)
        raise
    return {lock.table: lock.token or 0 for lock in taken}


def release_all(locks: Iterable[DynamoTableLock]) -> list[str]:
    """Free those that their owner has; the names of the tables freed."""
    return [lock.table for lock in locks if lock.release()]


def tables_held_by(client: Any, lock_table: str, owner: str) -> list[str]:
    """The tables whose lock ``owner`` has. Reads the whole lock table, which has one small item a table."""
    held: list[str] = []
    with passing_faults("reading the locks"):
        pages = client.get_paginator("scan").paginate(
            TableName=lock_table,
            ConsistentRead=True,
            FilterExpression="#owner = :me",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":me": {"S": owner}},
        )
        for page in pages:
            held += [_text(item, "table_name") for item in page["Items"]]
    return sorted(held)


class LockKeeper:
    """Keeps a lock alive while a job works: attaches on entry, renews every third of its life in a thread.

    A lock that is lost ends the renewing and is told by ``lost`` and by the lock's own ``check``; a passing
    fault is met by the next try, of which there are two before the lock can expire.
    """

    def __init__(self, lock: DynamoTableLock, every: float | None = None) -> None:
        self._lock, self._every = lock, lock.seconds / 3 if every is None else every
        self._stop = threading.Event()
        self.lost: TableLockLost | None = None
        self._thread = threading.Thread(target=self._renew_until_stopped, name=f"keep {lock.table}", daemon=True)

    def __enter__(self) -> LockKeeper:
        self._lock.attach()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._lock.renew()
            except TableLockLost as lost:
                self.lost = lost
                return
            except InfrastructureError:
                continue


def _number(value: float) -> dict[str, str]:
    return {"N": f"{value:.3f}" if isinstance(value, float) else str(value)}


def _text(item: dict[str, Any], name: str) -> str:
    return str(next(iter(item[name].values()))) if name in item else ""
