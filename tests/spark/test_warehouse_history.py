"""A warehouse follows the Delta table of a history: late, repeated, deleted events, crashes, compaction, columns."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InfrastructureError, PublishError, QualityError, TableLockLost
from gluehouse.history import FileLock, LockPort, apply_batch
from gluehouse.history.delta import DeltaLocation
from gluehouse.quality.reconcile import sum_of
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.pipeline import PipelineSpec
from gluehouse.targets.reconcile import Judged
from gluehouse.targets.warehouse import Batch, follow
from tests.spark.ports import SPEC
from tests.spark.warehouses import Server

HISTORY = HistorySpec.model_validate(
    {"keys": "code", "sequence_by": "seen", "deletes": {"column": "op", "values": ["D"]}}
)
EVENTS = "code string, depth int, seen date, op string"
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
SHOWN = ("code", "depth", "effective_from", "effective_to", "is_current")


class Pair:
    """A history table, and the warehouse that is to follow it."""

    def __init__(self, spark: SparkSession, folder: Path, server: Server, lock: LockPort, history: HistorySpec) -> None:
        self.spark, self.server, self.lock, self.history = spark, server, lock, history
        self.folder, self.location = folder, str(folder / "ports")
        given = [{"target": "delta", "table": "curated.ports"}, server.target()]
        self.target = PipelineSpec.model_validate({**SPEC, "publish": given}).warehouse_targets[0]

    def apply(self, batch_id: str, *events: tuple[Any, ...], schema: str = EVENTS) -> None:
        """The history of record takes a batch; the warehouse does not yet."""
        rows = self.spark.createDataFrame(list(events), schema).coalesce(1)
        self.apply_rows(batch_id, rows)

    def apply_rows(self, batch_id: str, rows: DataFrame) -> None:
        apply_batch(self.spark, self.location, rows, self.history, batch_id, lock=self.lock)

    def follow(self, batch_id: str, judged: Judged | None = None, lock: LockPort | None = None) -> TableReport:
        batch = Batch(batch_id, LONG_AGO, lock or self.lock, str(self.folder / "export"), judged)
        return follow(self.server.warehouse, self.target, self.delta, self.history, batch).report

    @property
    def delta(self) -> DeltaLocation:
        return DeltaLocation(self.spark, self.location)

    def files(self) -> set[str]:
        """The data files of the newest version, by their paths."""
        self.delta.version()
        return {f"{self.location}/{entry.path()}" for entry in self.delta.every_file()}

    def agree(self, *names: str) -> bool:
        """Whether warehouse and Delta table show the same rows."""
        shown = names or (*SHOWN, "batch_id")
        rows = self.spark.read.format("delta").load(self.location).select(*shown).collect()
        assert self.server.rows(*shown) == sorted((tuple(row) for row in rows), key=str)
        return True

    def ledger(self) -> list[tuple[Any, ...]]:
        """Batches with their Delta version and the rows that came; none where there is no ledger yet."""
        if "gluehouse_batches" not in self.server.tables():
            return []
        found = self.server.rows("batch_id", "delta_version", "rows", table="curated.gluehouse_batches")
        return [row for row in found if row[0]]


@pytest.fixture
def pair(spark: SparkSession, tmp_path: Path, server: Server) -> Iterator[Pair]:
    with FileLock(tmp_path / "lock") as lock:
        yield Pair(spark, tmp_path, server, lock, HISTORY)


def day(number: int) -> date:
    return date(2024, 1, number)


def event(code: str | None, depth: int | None, on: int, op: str = "U") -> tuple[Any, ...]:
    return code, depth, day(on), op


def test_a_warehouse_is_loaded_whole_once_and_then_given_differences_alone(pair: Pair) -> None:
    pair.apply("b1", event("RTM", 24, 1), event("HAM", 15, 1), event("ANR", 17, 1))
    first = pair.follow("b1")
    assert (first.strategy, first.version_before, first.version_after) == ("load", None, 0)
    assert (first.rows_came, first.rows_went) == (3, 0)
    pair.apply("b2", event("HAM", 16, 5), event("LEH", 9, 5))
    second = pair.follow("b2")
    assert (second.strategy, second.version_before, second.version_after) == ("difference", 0, 1)
    assert (second.rows_came, second.rows_went) == (3, 1), "HAM's version closes, a new one opens, LEH comes"
    assert pair.agree()
    assert pair.ledger() == [("b1", 0, 3), ("b2", 1, 3)]


def test_late_repeated_and_deleted_events_leave_the_warehouse_with_what_the_history_shows(pair: Pair) -> None:
    batches = [
        [event("RTM", 24, 1), event("HAM", 15, 1)],
        [event("RTM", 25, 9)],
        [event("RTM", 20, 4), event("HAM", None, 6, "D")],  # late
        [event("RTM", 20, 4), event("HAM", None, 6, "D")],  # repeated
        [event("HAM", 15, 3), event("ANR", None, 2, "D")],  # confirms, and a delete before its insert
        [event("ANR", 17, 1), event("HAM", 18, 8)],  # the insert, late; and again after a gap
    ]
    for number, events in enumerate(batches):
        pair.apply(f"b{number}", *events)
        pair.follow(f"b{number}")
        assert pair.agree()
    assert [batch for batch, *_ in pair.ledger()] == [f"b{number}" for number in range(len(batches))]
    assert pair.follow("b3").strategy == "none"


def test_a_batch_that_is_published_twice_changes_nothing_in_the_warehouse(pair: Pair) -> None:
    pair.apply("b1", event("RTM", 24, 1))
    pair.follow("b1")
    told = pair.server.query(f"SELECT * FROM {pair.server.dialect.table('curated.gluehouse_batches')}")
    again = pair.follow("b1")
    assert (again.strategy, again.rows_came, again.version_before, again.version_after) == ("none", 0, 0, 0)
    assert pair.server.query(f"SELECT * FROM {pair.server.dialect.table('curated.gluehouse_batches')}") == told


def test_a_batch_that_the_warehouse_missed_is_in_the_next_one_or_in_its_own_rerun(pair: Pair) -> None:
    pair.apply("b1", event("RTM", 24, 1))
    pair.follow("b1")
    pair.apply("b2", event("RTM", 25, 9))  # killed between the two commits
    pair.apply("b3", event("RTM", 20, 4), event("HAM", 15, 1))
    caught_up = pair.follow("b3")
    assert (caught_up.version_before, caught_up.version_after) == (0, 2)
    assert pair.agree()
    pair.apply("b4", event("HAM", None, 6, "D"))  # killed again
    assert pair.follow("b2").version_after == 3, "an older batch that is run again brings the warehouse up to date too"
    assert pair.agree()
    assert pair.follow("b4").rows_came == 0


class Broken:
    """A warehouse whose connection breaks at one statement."""

    def __init__(self, server: Server, at: str) -> None:
        self.connection, self.at = server.connect(), at
        self.inner = self.connection.cursor()

    def cursor(self) -> Broken:
        return self

    def execute(self, sql: str, *parameters: Any) -> None:
        if sql.startswith(self.at):
            self.connection.close()
            raise ConnectionResetError("a row of it: RTM")
        self.inner.execute(sql, *parameters)

    def fetchall(self) -> Any:
        return self.inner.fetchall()

    def close(self) -> None:
        self.connection.close()


@pytest.mark.parametrize("at", ["DELETE FROM", "COMMIT"])
def test_a_crash_before_the_commit_leaves_the_warehouse_as_it_was_and_the_rerun_repairs_it(
    pair: Pair, server: Server, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.apply("b1", event("RTM", 24, 1))
    pair.follow("b1")
    before = server.rows(*SHOWN)
    pair.apply("b2", event("RTM", 25, 9))
    whole = Server(server.kind, lambda: Broken(server, at), server.dialect)
    monkeypatch.setattr(pair, "server", whole)
    with pytest.raises(PublishError, match="GH5002") as refused:
        pair.follow("b2")
    assert "row of it: RTM" not in "".join(traceback.format_exception(refused.value)), "no row's value"
    monkeypatch.setattr(pair, "server", server)
    assert server.rows(*SHOWN) == before
    pair.follow("b2")
    assert pair.agree()


def test_a_compaction_is_no_difference(pair: Pair) -> None:
    pair.apply("b1", event("RTM", 24, 1), event("HAM", 15, 1))
    pair.follow("b1")
    pair.apply("b2", event("ANR", 17, 2))
    pair.follow("b2")
    pair.spark.sql(f"OPTIMIZE {pair.delta.identifier}")
    compacted = pair.follow("b3")
    assert (compacted.strategy, compacted.rows_came, compacted.rows_went) == ("difference", 0, 0)
    assert (compacted.version_before, compacted.version_after) == (1, 2)
    assert pair.agree()


def test_a_version_whose_files_are_gone_is_loaded_whole(pair: Pair) -> None:
    pair.apply("b1", event("RTM", 24, 1), event("HAM", 15, 1))
    pair.follow("b1")
    before = pair.files()
    pair.apply("b2", event("RTM", 25, 9))
    # As VACUUM does it, without the jobs that look for them.
    for file in before - pair.files():
        Path(file.removeprefix("file:")).unlink()
    loaded = pair.follow("b2")
    assert (loaded.strategy, loaded.rows_came, loaded.rows_went) == ("load", 3, 2)
    assert pair.agree()


def test_deletion_vectors_are_considered(spark: SparkSession, tmp_path: Path, server: Server) -> None:
    history = HISTORY.model_copy(update={"deletion_vectors": True})
    with FileLock(tmp_path / "lock") as lock:
        pair = Pair(spark, tmp_path, server, lock, history)
        pair.apply("b1", *(event(f"P{n}", n, 1) for n in range(20)))
        pair.follow("b1")
        pair.apply("b2", event("P3", 99, 5))
        found = spark.sql(f"DESCRIBE HISTORY {pair.delta.identifier}").count()
        assert found == 2
        changed = pair.follow("b2")
        assert (changed.rows_came, changed.rows_went) == (2, 1)
        assert pair.agree()


def test_a_column_that_is_added_or_widened_reaches_the_warehouse(pair: Pair) -> None:
    schema = "code string, depth int, fee decimal(5,2), seen date, op string"
    pair.apply_rows("b1", rows_of(pair, [("RTM", 24, "1.50", day(1), "U"), ("HAM", 15, "2.50", day(1), "U")], schema))
    pair.follow("b1")
    wider = "code string, depth bigint, fee decimal(12,2), seen date, op string, berths int"
    given = [("RTM", 2**40, "123456.25", day(5), "U", 3)]
    pair.apply_rows("b2", rows_of(pair, given, wider))
    pair.follow("b2")
    assert pair.agree("code", "depth", "fee", "berths", "effective_from", "effective_to")
    assert pair.server.rows("depth", "berths")[0] == (1099511627776, 3)


def rows_of(pair: Pair, rows: list[tuple[Any, ...]], schema: str) -> DataFrame:
    fee = next(part.strip().split(" ")[1] for part in schema.replace(",2", ";2").split(",") if "fee" in part)
    texts = pair.spark.createDataFrame(rows, schema.replace(fee.replace(";2", ",2"), "string"))
    return texts.withColumn("fee", F.col("fee").cast(fee.replace(";2", ",2"))).coalesce(1)


def test_a_table_of_another_shape_is_refused_without_a_change(pair: Pair, server: Server) -> None:
    server.run(f"CREATE TABLE {server.dialect.table('curated.ports')} ({server.dialect.quote('depth')} DATE)")
    pair.apply("b1", event("RTM", 24, 1))
    with pytest.raises(PublishError, match=r"GH5001: .*depth is DATE") as refused:
        pair.follow("b1")
    assert "drop the table" in refused.value.hint
    assert pair.ledger() == []


def test_a_table_that_was_dropped_or_belongs_to_another_history_is_loaded_whole(pair: Pair, server: Server) -> None:
    pair.apply("b1", event("RTM", 24, 1))
    pair.follow("b1")
    server.run(f"DROP TABLE {server.dialect.table('curated.ports')}")
    assert pair.follow("b1").strategy == "load"
    pair.location += "_anew"
    pair.apply("b1", event("HAM", 15, 1))
    assert pair.follow("b1").strategy == "load", "version 0 of another table is not the version that is shown"
    assert pair.agree()


def test_rows_that_others_changed_are_found_and_nothing_is_committed(pair: Pair, server: Server) -> None:
    home, code = server.dialect.table("curated.ports"), server.dialect.quote("code")
    pair.apply("b1", event("RTM", 24, 1), event("HAM", 15, 1))
    pair.follow("b1")
    pair.apply("b2", event("RTM", 25, 9))
    server.run(f"DELETE FROM {home} WHERE {code} = 'RTM'")
    with pytest.raises(QualityError, match=r"GH3002: .*0 rows went .*expected 1"):
        pair.follow("b2")
    assert [row[0] for row in server.rows("code")] == ["HAM"]
    assert [batch for batch, *_ in pair.ledger()] == ["b1"]


def test_keys_whose_versions_break_an_invariant_are_refused(pair: Pair, server: Server) -> None:
    home, quote = server.dialect.table("curated.ports"), server.dialect.quote
    to, start, current = quote("effective_to"), quote("effective_from"), quote("is_current")
    pair.apply("b1", event("RTM", 24, 1), event("RTM", 25, 5))
    pair.follow("b1")
    pair.apply("b2", event("RTM", 26, 9))
    for change, told in (
        (f"{to} = NULL, {current} = TRUE", "1 versions overlapping"),
        (f"{to} = {start}, {current} = FALSE", "1 versions inverted"),
        (f"{to} = '2024-01-05', {current} = TRUE", "1 versions with a wrong is_current"),
    ):
        server.run(f"UPDATE {home} SET {change} WHERE {start} = '2024-01-01'")
        with pytest.raises(QualityError, match=f"GH3002: .*{told}"):
            pair.follow("b2")
    assert [batch for batch, *_ in pair.ledger()] == ["b1"]
    server.run(f"UPDATE {home} SET {current} = FALSE WHERE {start} = '2024-01-01'")
    pair.follow("b2")
    assert pair.agree()


def test_the_sums_of_what_came_are_those_that_spark_sent(pair: Pair, server: Server) -> None:
    pair.apply("b1", event("RTM", 24, 1), event("HAM", None, 1))
    judged = Judged(2, {"depth": 24}, {"depth": sum_of("depth", "int")})
    assert pair.follow("b1", judged).rows_came == 2


def test_the_unknown_member_is_no_version_without_a_key(spark: SparkSession, tmp_path: Path, server: Server) -> None:
    surrogate = {"kind": "bigint", "column": "port_sk", "unknown_member": True}
    history = HistorySpec.model_validate({**HISTORY.model_dump(exclude_none=True), "surrogate_key": surrogate})
    with FileLock(tmp_path / "lock") as lock:
        pair = Pair(spark, tmp_path, server, lock, history)
        for number, events in enumerate(([event("RTM", 24, 1)], [event("RTM", 25, 9)])):
            pair.apply(f"b{number}", *events)
            pair.follow(f"b{number}")
        assert pair.agree(*SHOWN, "port_sk")


class Lost:
    def check(self, min_seconds_left: float = 30.0) -> None:
        raise TableLockLost("GH6002", "gone.", "")


def test_a_run_whose_lock_is_gone_commits_nothing(pair: Pair, server: Server) -> None:
    pair.apply("b1", event("RTM", 24, 1))
    with pytest.raises(TableLockLost):
        pair.follow("b1", lock=Lost())
    assert pair.ledger() == []
    assert pair.follow("b1").strategy == "load"


def test_a_warehouse_that_is_not_reached_is_tried_again(pair: Pair) -> None:
    class OperationalError(Exception): ...

    def nobody() -> Any:
        raise OperationalError("password hunter2 of host db1")

    pair.apply("b1", event("RTM", 24, 1))
    pair.server = Server(pair.server.kind, nobody, pair.server.dialect)
    with pytest.raises(InfrastructureError, match=r"GH9001: .*connecting failed") as refused:
        pair.follow("b1")
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))
