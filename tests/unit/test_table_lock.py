"""The lock of a table on DynamoDB: one owner, an expiry, a token that only rises."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from gluehouse.aws.run_locks import own_lock
from gluehouse.aws.table_lock import DynamoTableLock, LockKeeper, acquire_all, release_all, tables_held_by
from gluehouse.cli import place
from gluehouse.errors import ConfigError, InfrastructureError, TableLockHeld, TableLockLost
from gluehouse.history.versions import VersionColumns
from gluehouse.spec.environment import Environment

Make = Callable[..., DynamoTableLock]


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lock(stack: Any, clock: Clock) -> Make:
    def make(owner: str = "one", table: str = "curated.airports", seconds: int = 900) -> DynamoTableLock:
        return DynamoTableLock(stack.outputs["LockTable"], table, owner, seconds, clock=clock)

    return make


def test_a_second_owner_is_told_who_holds_it_and_for_how_long(lock: Make, clock: Clock) -> None:
    lock().acquire()
    clock.now += 300
    with pytest.raises(TableLockHeld, match=r"GH6001: run one holds the lock of curated.airports for 600 s more"):
        lock("two").acquire()


def test_the_token_rises_with_every_new_owner_and_never_falls(lock: Make, clock: Clock) -> None:
    first = lock().acquire()
    assert lock().acquire() == first  # the same owner again, as when a Lambda is retried
    lock().release()
    second = lock("two").acquire()
    clock.now += 901
    third = lock("three").acquire()
    assert (second, third) == (first + 1, first + 2)


def test_an_expired_lock_is_taken_over_and_its_old_owner_finds_out(lock: Make, clock: Clock) -> None:
    old = lock()
    old.acquire()
    clock.now += 901
    lock("two").acquire()
    for use in (old.check, old.renew, lock().attach):
        with pytest.raises(TableLockLost, match="GH6002"):
            use()
    assert old.release() is False
    with pytest.raises(TableLockHeld):
        lock("three").acquire()


def test_an_owner_that_lost_it_and_has_it_again_cannot_go_on_with_its_old_token(lock: Make, clock: Clock) -> None:
    old = lock()
    old.acquire()
    clock.now += 901
    lock("two").acquire()
    lock("two").release()
    lock().acquire()
    for use in (old.check, old.renew):
        with pytest.raises(TableLockLost):
            use()


def test_a_job_attaches_to_the_lock_its_state_machine_took_and_checks_what_is_left_of_it(
    lock: Make, clock: Clock
) -> None:
    taken = lock().acquire()
    clock.now += 800
    job = lock()
    assert job.attach() == taken
    clock.now += 850
    job.check(min_seconds_left=50)
    with pytest.raises(TableLockLost, match="50 seconds of it are left, and 60 are needed"):
        job.check(min_seconds_left=60)
    job.renew()
    job.check(min_seconds_left=900)


def test_a_check_without_attaching_first_asks_the_table(lock: Make) -> None:
    with pytest.raises(TableLockLost):
        lock().check()
    lock().acquire()
    lock().check()


def test_releasing_what_nobody_holds_is_harmless(lock: Make) -> None:
    assert lock().release() is False
    lock().acquire()
    assert (lock().release(), lock().release()) == (True, False)


def test_all_locks_are_taken_in_the_order_of_their_names_or_none_is(lock: Make, stack: Any) -> None:
    tables = ["curated.c", "curated.a", "curated.b"]
    assert list(acquire_all(lock(table=table) for table in tables)) == sorted(tables)
    with pytest.raises(TableLockHeld, match=r"curated\.a"):
        acquire_all(lock("two", table) for table in ["curated.b", "curated.a", "curated.0"])
    client = boto3.client("dynamodb")
    assert tables_held_by(client, stack.outputs["LockTable"], "two") == []
    assert tables_held_by(client, stack.outputs["LockTable"], "one") == sorted(tables)
    assert release_all(lock(table=table) for table in tables) == tables


def test_of_many_owners_at_once_exactly_one_gets_it(lock: Make) -> None:
    def won(owner: str) -> bool:
        try:
            lock(owner).acquire()
        except TableLockHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(won, (f"run-{number}" for number in range(16)))) == 1


def test_a_keeper_renews_while_the_job_works_and_no_longer(lock: Make, clock: Clock) -> None:
    lock().acquire()
    held = lock()
    with LockKeeper(held, every=0.01):
        clock.now += 800
        until = clock.now + 900
        give_up = time.monotonic() + 5
        while held.expires_at < until and time.monotonic() < give_up:
            time.sleep(0.01)
    assert held.expires_at == until
    clock.now += 100
    time.sleep(0.05)
    assert held.expires_at == until


def test_a_keeper_tells_a_lost_lock_and_stops(lock: Make, clock: Clock) -> None:
    lock().acquire()
    with LockKeeper(lock(), every=0.01) as keeper:
        clock.now += 901
        # Taken over between two renewals, if the keeper is asleep; else it has just renewed, and we wait once more.
        give_up = time.monotonic() + 5
        while keeper.lost is None and time.monotonic() < give_up:
            clock.now += 901
            try:
                lock("two").acquire()
            except TableLockHeld:
                continue
            time.sleep(0.02)
    assert keeper.lost is not None


def test_a_keeper_outlives_a_passing_fault(lock: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lock().acquire()
    held, tries = lock(), []

    def throttled() -> None:
        tries.append(1)
        raise InfrastructureError("GH9001", "throttled")

    monkeypatch.setattr(held, "renew", throttled)
    with LockKeeper(held, every=0.01) as keeper:
        give_up = time.monotonic() + 5
        while len(tries) < 3 and time.monotonic() < give_up:
            time.sleep(0.01)
    assert (keeper.lost, len(tries) >= 3) == (None, True)


def test_the_lambda_takes_and_frees_the_locks_of_a_run(stack: Any, handler: Any) -> None:
    call = handler("table_lock").handler
    event = {"tables": ["curated.b", "curated.a"], "owner": "run-1"}
    assert call({**event, "action": "acquire"}) == {"tokens": {"curated.a": 1, "curated.b": 1}}
    with pytest.raises(TableLockHeld):
        call({**event, "action": "acquire", "owner": "run-2"})
    assert call({**event, "action": "release", "owner": "run-2"}) == {"released": []}
    assert call({**event, "action": "release"}) == {"released": ["curated.b", "curated.a"]}


def test_a_repair_takes_the_lock_of_the_table_that_runs_write_and_gives_it_back(stack: Any, lock: Make) -> None:
    environment = Environment.from_json(stack.outputs["Environment"])
    uri = f"{environment.curated}/curated/airports"
    assert place._location(uri, environment) == (uri, "curated.airports")
    assert place._location("curated.airports", environment) == (uri, "curated.airports")
    there: Any = None  # no Spark: the lock is asked for by the table's name alone
    for location, table, named in ((uri, "curated.airports", "curated.airports"), ("s3://x/dim", None, "s3://x/dim")):
        columns = VersionColumns(keys=("k",))
        with place.Place(there, location, columns, 0, None, table, environment).locked() as held:
            held.check()
            with pytest.raises(TableLockHeld, match=r"run repair-"):
                DynamoTableLock(stack.outputs["LockTable"], named, "a run").acquire()
        assert DynamoTableLock(stack.outputs["LockTable"], named, "a run").acquire() == 2


def test_a_repair_waits_for_no_run_that_has_the_lock(stack: Any) -> None:
    environment = Environment.from_json(stack.outputs["Environment"])
    DynamoTableLock(stack.outputs["LockTable"], "curated.airports", "run-1").acquire()
    with pytest.raises(TableLockHeld, match="GH6001: run run-1 holds"), own_lock(environment, "curated.airports", "me"):
        pass
    without = environment.model_copy(update={"lock_table": None})
    with pytest.raises(ConfigError, match="GH1012"), own_lock(without, "curated.airports", "me"):
        pass
