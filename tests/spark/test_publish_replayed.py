"""A plain table takes a replay in the place of what it replaces, or refuses it and stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gluehouse.errors import InputError
from gluehouse.history import FileLock, LockPort
from gluehouse.history.delta import DeltaLocation
from gluehouse.spec.pipeline import DeltaTarget
from gluehouse.targets.delivery import Delivery
from gluehouse.targets.delta import Published, publish_plain
from gluehouse.targets.reconcile import Judged
from gluehouse_local import lake

Rows = list[tuple[str, int, str]]
OLD: Rows = [("a", 1, "x"), ("b", 2, "y")]
GOOD_OF_ONE: Rows = [("c", 3, "x"), ("d", 4, "y")]
ALL_OF_ONE: Rows = [*GOOD_OF_ONE, ("e", 5, "x")]
NEW: Rows = [("f", 6, "y")]
LONG_AGO, LATER = datetime(2024, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
FORGETS = "delta.setTransactionRetentionDuration"


class Table:
    """A table without history, of one mode, and what is published into it."""

    def __init__(self, spark: SparkSession, location: str, lock: LockPort) -> None:
        self.spark, self.location, self.lock, self.fields = spark, location, lock, {"mode": "append"}

    def has(self, **fields: Any) -> Table:
        self.fields = {**self.fields, **fields}
        return self

    def publish(self, batch: str, rows: Rows, asked_at: datetime = LONG_AGO, replays: str | None = None) -> Published:
        target = DeltaTarget.model_validate({"target": "delta", "table": "curated.t", **self.fields})
        frame = self.spark.createDataFrame(rows, "k string, n bigint, day string").coalesce(1)
        delivery = Delivery(target.table, batch, asked_at, replays)
        return publish_plain(self.spark, target, self.location, frame, delivery, self.lock, Judged(len(rows)))

    def replay(self, rows: Rows = ALL_OF_ONE, batch: str = "again", asked_at: datetime = LONG_AGO) -> Published:
        return self.publish(batch, rows, asked_at, replays="one")

    def refuses(self, code: str) -> str:
        """The message with which a replay is refused, and nothing of it is there."""
        before = self.rows(), DeltaLocation(self.spark, self.location).version()
        with pytest.raises(InputError, match=code) as refused:
            self.replay()
        assert (self.rows(), DeltaLocation(self.spark, self.location).version()) == before
        return refused.value.message

    def sql(self, statement: str) -> None:
        self.spark.sql(statement.replace("TABLE_", f"delta.`{self.location}`"))

    def rows(self) -> Rows:
        found = self.spark.read.format("delta").load(self.location).collect()
        return sorted((row.k, row.n, row.day) for row in found)

    def checkpointed(self) -> None:
        """Its log as a reader finds it once old commits are cleaned up: a checkpoint, and no checksum."""
        at = DeltaLocation(self.spark, self.location)
        at.log.checkpoint()
        newest = f"{at.version():020}.json"
        for file in (Path(self.location) / "_delta_log").iterdir():
            if file.suffix in (".crc", ".json") and file.name != newest:
                file.unlink()
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> Iterator[Table]:
    with FileLock(tmp_path / "lock") as lock:
        yield Table(spark, str(tmp_path / "t"), lock)


def three(table: Table, one: Rows = GOOD_OF_ONE) -> Table:
    for batch, rows in (("old", OLD), ("one", one), ("new", NEW)):
        table.publish(batch, rows)
    return table


@pytest.mark.parametrize("partition_by", [[], ["day"]])
def test_the_files_of_a_batch_are_known_when_the_log_is_a_checkpoint(table: Table, partition_by: list[str]) -> None:
    three(table.has(partition_by=partition_by)).checkpointed()
    table.replay()
    assert table.rows() == sorted([*OLD, *ALL_OF_ONE, *NEW])
    assert lake.rows(Path(table.location), "SELECT count(*) AS n FROM t") == [{"n": 6}], "other readers see it too"
    table.replay(GOOD_OF_ONE, "once more")
    assert table.rows() == sorted([*OLD, *GOOD_OF_ONE, *NEW])
    table.replay([], "of none")
    assert table.rows() == sorted([*OLD, *NEW])


def test_rows_that_others_lost_do_not_matter(table: Table) -> None:
    three(table)
    table.sql("ALTER TABLE TABLE_ SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    table.sql("DELETE FROM TABLE_ WHERE k = 'a'")
    table.replay()
    assert table.rows() == sorted([OLD[1], *ALL_OF_ONE, *NEW])


@pytest.mark.parametrize(
    "statement",
    [
        "OPTIMIZE TABLE_",
        "DELETE FROM TABLE_ WHERE k = 'c'",
        "DELETE FROM TABLE_ WHERE k IN ('c', 'd')",
        "UPDATE TABLE_ SET n = 7 WHERE k = 'd'",
        "RESTORE TABLE TABLE_ TO VERSION AS OF 0",
    ],
)
def test_a_batch_whose_files_were_rewritten_or_are_gone_is_not_replaced(table: Table, statement: str) -> None:
    three(table).sql(statement)
    assert "not the 2 that were published" in table.refuses("GH2054")


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_batch_with_a_row_marked_as_gone_in_a_deletion_vector_is_not_replaced(table: Table, mode: str) -> None:
    table.has(mode=mode).publish("one", GOOD_OF_ONE)
    table.sql("ALTER TABLE TABLE_ SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    table.sql("DELETE FROM TABLE_ WHERE k = 'c'")
    assert "has 1 rows" in table.refuses("GH2054")


def test_a_batch_without_a_row_has_no_files_to_lose(table: Table) -> None:
    three(table, one=[]).sql("OPTIMIZE TABLE_")
    table.replay()
    assert table.rows() == sorted([*OLD, *ALL_OF_ONE, *NEW])


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_batch_whose_rows_nobody_counted_is_not_replaced(table: Table, mode: str) -> None:
    table.publish("old", OLD)
    written = table.spark.createDataFrame(GOOD_OF_ONE, "k string, n bigint, day string").write.format("delta")
    written.mode(mode).option("txnAppId", "curated.t/one").option("txnVersion", 1).save(table.location)
    assert "earlier release" in table.has(mode=mode).refuses("GH2054")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("delta.enableChangeDataFeed", "true", "Delta's own writer"),
        ("delta.appendOnly", "true", "take rows away"),
        (FORGETS, "interval 1 days", "forgets its batches"),
    ],
)
def test_a_table_that_cannot_take_rows_back_refuses_a_replay(table: Table, name: str, value: str, told: str) -> None:
    three(table).sql(f"ALTER TABLE TABLE_ SET TBLPROPERTIES ('{name}' = '{value}')")
    assert told in table.refuses("GH2054")


def test_a_batch_that_was_never_published_is_added_by_its_replay_and_never_again(table: Table) -> None:
    table.publish("old", OLD)
    assert table.replay().report.strategy == "append"
    table.publish("one", GOOD_OF_ONE)
    assert table.rows() == sorted([*OLD, *ALL_OF_ONE])


@pytest.mark.parametrize("statement", ["SELECT 1", "OPTIMIZE TABLE_"])
def test_a_table_that_still_shows_the_batch_is_replaced(table: Table, statement: str) -> None:
    table.has(mode="overwrite").publish("old", OLD)
    table.publish("one", GOOD_OF_ONE)
    table.sql(statement)
    table.replay()
    assert table.rows() == ALL_OF_ONE
    table.replay(GOOD_OF_ONE, "once more")
    assert table.rows() == GOOD_OF_ONE


@pytest.mark.parametrize(("one", "new"), [(GOOD_OF_ONE, NEW), ([], []), (GOOD_OF_ONE, [])])
def test_a_table_that_shows_a_newer_batch_is_not_replaced(table: Table, one: Rows, new: Rows) -> None:
    table.has(mode="overwrite").publish("one", one)
    table.publish("new", new)
    assert "shows batch new" in table.refuses("GH2055")


def test_a_table_that_was_restored_to_another_batch_is_not_replaced(table: Table) -> None:
    table.has(mode="overwrite").publish("old", OLD)
    table.publish("one", GOOD_OF_ONE)
    table.sql("RESTORE TABLE TABLE_ TO VERSION AS OF 0")
    assert "shows batch old" in table.refuses("GH2055")


def test_a_batch_that_was_never_published_replaces_only_what_was_there_before_it_came(table: Table) -> None:
    table.has(mode="overwrite").publish("old", OLD)
    assert "shows batch old" in table.refuses("GH2055")
    table.replay(asked_at=LATER)
    assert table.rows() == ALL_OF_ONE
    table.publish("one", GOOD_OF_ONE)
    assert table.rows() == ALL_OF_ONE


def test_a_delivery_that_was_asked_for_earlier_does_not_replace_a_newer_one(table: Table) -> None:
    table.has(mode="overwrite").publish("old", OLD, LONG_AGO)
    table.publish("new", NEW, LATER)
    table.checkpointed()
    with pytest.raises(
        InputError, match=r"GH2056: curated\.t shows a delivery that was asked for at 2999-01-01T00:00:00"
    ):
        table.publish("failed then", GOOD_OF_ONE, LONG_AGO)
    table.publish("old", OLD, LONG_AGO)
    assert table.rows() == NEW
    table.publish("empty", [], LATER)
    with pytest.raises(InputError, match="GH2056"):
        table.publish("failed then", GOOD_OF_ONE, LONG_AGO)
    table.has(mode="append").publish("failed then", GOOD_OF_ONE, LONG_AGO)
    assert table.rows() == GOOD_OF_ONE


def test_a_replay_leaves_the_table_as_new_as_it_was(table: Table) -> None:
    table.has(mode="overwrite").publish("one", GOOD_OF_ONE, LATER)
    table.replay(asked_at=LONG_AGO)
    with pytest.raises(InputError, match="GH2056"):
        table.publish("failed then", OLD, LONG_AGO)
    assert table.rows() == ALL_OF_ONE


def test_a_table_that_deltas_own_writer_must_keep_up_is_not_replaced_by_an_older_delivery_either(table: Table) -> None:
    table.has(mode="overwrite").publish("new", NEW, LATER)
    table.sql("ALTER TABLE TABLE_ SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    with pytest.raises(InputError, match="GH2056"):
        table.publish("failed then", GOOD_OF_ONE, LONG_AGO)
    assert table.rows() == NEW
