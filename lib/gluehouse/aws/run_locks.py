"""The locks of a run while one of its stages works: joined, kept alive, by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from gluehouse.aws.table_lock import DynamoTableLock, LockKeeper
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment
from gluehouse.spec.plan import RunPlan

if TYPE_CHECKING:
    from gluehouse.history import LockPort


@contextmanager
def held_locks(environment: Environment, plan: RunPlan) -> Iterator[Mapping[str, LockPort]]:
    """Every stage keeps the run's locks alive, so that they outlive a long transform; publishing checks them.

    Without a lock table (debugging on local paths) the locks are files beside the tables. Raises TableLockLost
    where the run has a lock no more, TableLockHeld where another process has the file.
    """
    with ExitStack() as held:
        if environment.lock_table is None:
            # Here and not above: history loads Spark, which the Lambda that uses this module has not.
            from gluehouse.history.lock import lock_beside

            places = {table: environment.table_uri(*table.split(".")) for table in plan.tables}
            yield {table: held.enter_context(lock_beside(place)) for table, place in places.items()}
            return
        locks = {
            table: DynamoTableLock(environment.lock_table, table, plan.run_id, environment.lock_seconds)
            for table in plan.tables
        }
        for lock in locks.values():
            held.enter_context(LockKeeper(lock))
        yield locks


@contextmanager
def own_lock(environment: Environment, table: str, owner: str) -> Iterator[LockPort]:
    """The lock of one table for a command that is no run: taken, kept alive and given back.

    Raises ConfigError GH1012 where the environment has no lock table, TableLockHeld GH6001.
    """
    if environment.lock_table is None:
        raise ConfigError("GH1012", "the environment names no lock table.", "Deploy deploy/template.yaml again.")
    lock = DynamoTableLock(environment.lock_table, table, owner, environment.lock_seconds)
    lock.acquire()
    try:
        with LockKeeper(lock):
            yield lock
    finally:
        lock.release()
