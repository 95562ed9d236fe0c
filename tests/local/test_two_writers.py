"""Two processes and one history table on S3: they take turns, and who has lost the lock commits nothing."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from gluehouse_local import lake
from gluehouse_local.environments import CHECKOUT
from gluehouse_local.server import LocalAws
from gluehouse_local.spark_settings import DUMMY_KEY, SHORT_RUN
from tests.local.glue_jobs import wait_for

pytestmark = pytest.mark.spark
LOCKS = "locks"
A_LEASE = 901.0


class Writer:
    """One of the processes: takes orders, and is heard."""

    def __init__(self, endpoint: str, log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.local.history_writer", LOCKS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
            cwd=CHECKOUT,
            start_new_session=True,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": DUMMY_KEY,
                "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
                "PYTHONPATH": str(CHECKOUT / "lib"),
                "PYSPARK_SUBMIT_ARGS": f"--driver-memory 1g --driver-java-options '{SHORT_RUN}' pyspark-shell",
            },
        )
        self._heard: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._heard.put(json.loads(line))
        self._heard.put(None)

    def order(self, table: Lake, batch_id: str, rows: list[Any], owner: str | None = None, **more: Any) -> None:
        assert self._process.stdin is not None
        told = {"location": table.location, "owner": owner or f"run-{batch_id}", "batch_id": batch_id, "rows": rows}
        self._process.stdin.write(json.dumps({**told, **more}) + "\n")
        self._process.stdin.flush()

    def says(self, last: str, seconds: float = 120.0) -> dict[str, dict[str, Any]]:
        """What is heard up to that event, by event."""
        heard: dict[str, dict[str, Any]] = {}
        while last not in heard:
            said = self._heard.get(timeout=seconds)
            assert said is not None, self._log.read_text(errors="replace")[-3000:]
            heard[said["event"]] = said
        return heard

    def awaits_its_stop(self) -> None:
        """Until the process and its Spark are stopped, both."""
        driver = psutil.Process(self._process.pid)
        # Java starts small programs of its own (Hadoop's chmod): one that ended just then stays a zombie, and one that
        # is just being started keeps its starter from being stopped. Neither writes tables.
        spark = [child for child in driver.children(recursive=True) if "java" in child.name()]
        assert spark, [child.name() for child in driver.children(recursive=True)]
        for one in (driver, *spark[:1]):
            wait_for(lambda one=one: one.status() not in {psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING})

    def wake(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Lake:
    """A history table on the local S3, looked at from outside, and the locks."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.location = f"s3://lake/{name}"
        self._path, self._database = aws.object_path(self.location), aws.client("dynamodb")
        aws.client("s3").create_bucket(Bucket="lake")
        self._database.create_table(
            TableName=LOCKS,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "table_name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "table_name", "KeyType": "HASH"}],
        )

    def rows(self) -> list[tuple[Any, ...]]:
        sql = "SELECT k, v, effective_from, effective_to FROM t ORDER BY k, effective_from"
        return [tuple(row.values()) for row in lake.rows(self._path, sql)]

    def batches(self) -> list[str]:
        """The batches of the table's commits, one a commit."""
        log = sorted((self._path / "_delta_log").glob("[0-9]" * 20 + ".json"))
        commits = [[json.loads(line) for line in file.read_text().splitlines()] for file in log]
        named = [[entry["txn"]["appId"] for entry in entries if "txn" in entry] for entries in commits]
        return [",".join(names).removeprefix("gluehouse/") for names in named]

    def files(self) -> set[Path]:
        """The data files that are there, those of no commit too; also memory's."""
        return {
            file for file in self._path.parent.glob(f"{self._path.name}*/**/*.parquet") if ".meta." not in file.name
        }

    def lock(self) -> dict[str, Any]:
        item = self._database.get_item(TableName=LOCKS, Key={"table_name": {"S": self.location}})["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}


@pytest.fixture(scope="module")
def writers(server: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Writer, Writer]]:
    logs = tmp_path_factory.mktemp("writers")
    both = (Writer(server.endpoint, logs / "one.log"), Writer(server.endpoint, logs / "two.log"))
    try:
        for writer in both:
            writer.says("ready")
        yield both
    finally:
        for writer in both:
            writer.end()


@pytest.fixture
def table(aws: LocalAws, tmp_path: Path) -> Lake:
    # The processes outlive a test, and Delta knows a table by its place.
    return Lake(aws, tmp_path.name)


@pytest.fixture
def sleeper(writers: tuple[Writer, Writer]) -> Iterator[Writer]:
    """The first of them, awake again for the next test whatever became of this one."""
    yield writers[0]
    writers[0].wake()


def test_two_processes_that_write_a_table_at_once_take_turns_and_both_batches_count_once(
    writers: tuple[Writer, Writer], table: Lake
) -> None:
    batches = {
        "one": [("x", "U", "A", 1), ("x", "U", "C", 5), ("x", "U", "C", 6), ("y", "U", "A", 1)],
        "two": [("x", "U", "B", 3), ("x", "D", None, 7), ("z", "U", "A", 2)],
    }
    for writer, (batch_id, rows) in zip(writers, batches.items(), strict=True):
        writer.order(table, batch_id, rows)
    heard = dict(zip(batches, [writer.says("ended") for writer in writers], strict=True))
    first, second = sorted(heard, key=lambda batch_id: heard[batch_id]["holds"]["token"])
    assert "waits" not in heard[first]
    assert heard[second]["waits"]["why"].startswith(f"GH6001: run run-{first} holds the lock of {table.location}")
    assert [heard[batch_id]["holds"]["token"] for batch_id in (first, second)] == [1, 2]
    assert [heard[batch_id]["done"]["version"] for batch_id in (first, second)] == [0, 1]
    # Delta's default there keeps writers of one process apart, and no others: hence the lock.
    assert {one["done"]["log_store"] for one in heard.values()} == {"io.delta.storage.S3SingleDriverLogStore"}
    for again in (False, True):
        assert table.batches() == [first, second]
        assert table.rows() == [
            ("x", "A", 1, 3),
            ("x", "B", 3, 5),
            ("x", "C", 5, 7),
            ("y", "A", 1, None),
            ("z", "A", 2, None),
        ]
        assert "owner" not in table.lock()
        if not again:
            for writer, (batch_id, rows) in zip(writers, batches.items(), strict=True):
                writer.order(table, batch_id, rows)
            whys = [writer.says("ended")["done"]["why"] for writer in writers]
            assert whys == ["this batch was applied before"] * 2


@pytest.mark.parametrize(
    ("stop", "mine", "theirs", "why", "both"),
    [
        pytest.param(
            {"before": 2},
            [("x", "U", "B", 5), ("x", "U", "B", 6)],
            [("x", "U", "C", 4), ("x", "U", "C", 8)],
            "another run has taken it over",
            [("x", "A", 1, 4), ("x", "C", 4, 5), ("x", "B", 5, 8), ("x", "C", 8, None)],
            id="before it asks the lock for the table's commit",
        ),
        pytest.param(
            {"before": 1},
            [("x", "U", "A", 4)],
            [("x", "U", "B", 3)],
            "another run has taken it over",
            [("x", "A", 1, 3), ("x", "B", 3, 4), ("x", "A", 4, None)],
            id="before it asks the lock for the commit of memory alone",
        ),
        pytest.param(
            {"after": 1},
            [("z", "U", "A", 5)],
            [("z", "U", "B", 3)],
            "another writer committed before this batch could",
            [("x", "A", 1, None), ("z", "B", 3, 5), ("z", "A", 5, None)],
            id="between the lock's answer and the commit",
        ),
    ],
)
def test_a_process_whose_lock_was_taken_over_while_it_slept_commits_nothing_and_its_batch_run_again_counts(
    writers: tuple[Writer, Writer],
    sleeper: Writer,
    table: Lake,
    stop: dict[str, int],
    mine: list[Any],
    theirs: list[Any],
    why: str,
    both: list[tuple[Any, ...]],
) -> None:
    other = writers[1]
    other.order(table, "first", [("x", "U", "A", 1)])
    other.says("ended")
    there = table.files()
    sleeper.order(table, "mine", mine, owner="sleeper", **stop)
    sleeper.says("stops")
    sleeper.awaits_its_stop()
    assert table.files() > there, "what it is about to commit is written"
    other.order(table, "theirs", theirs, ahead=A_LEASE)
    assert other.says("ended")["holds"]["token"] == 3
    seen = table.rows()
    sleeper.wake()
    heard = sleeper.says("ended")
    assert heard["refused"]["why"].startswith("GH6002: ")
    assert why in heard["refused"]["why"]
    assert heard["ended"]["freed"] is False
    assert (table.batches(), table.rows()) == (["first", "theirs"], seen)
    sleeper.order(table, "mine", mine, owner="sleeper again")
    assert "done" in sleeper.says("ended")
    assert table.rows() == both
