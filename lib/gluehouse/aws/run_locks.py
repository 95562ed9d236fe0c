"""The locks of a run while one of its stages works: joined, kept alive, by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from gluehouse.aws.table_lock import DynamoTableLock, LockKeeper
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
            from gluehouse.history import FileLock

            places = {table: f"{environment.table_uri(*table.split('.'))}.lock" for table in plan.tables}
            yield {table: held.enter_context(FileLock(place)) for table, place in places.items()}
            return
        locks = {
            table: DynamoTableLock(environment.lock_table, table, plan.run_id, environment.lock_seconds)
            for table in plan.tables
        }
        for lock in locks.values():
            held.enter_context(LockKeeper(lock))
        yield locks
