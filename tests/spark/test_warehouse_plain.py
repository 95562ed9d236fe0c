"""Tables of warehouses without a history, and whole runs that publish to warehouses: once, as judged, or not at all."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyspark.sql import DataFrame, SparkSession

from gluehouse.errors import ConfigError, InputError, PublishError, QualityError
from gluehouse.history import FileLock, LockPort
from gluehouse.quality.reconcile import sum_of
from gluehouse.spec.manifest import TableReport
from gluehouse.spec.pipeline import PipelineSpec
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused, run_stage
from gluehouse.targets.reconcile import Judged
from gluehouse.targets.warehouse import Batch, publish_plain
from tests.spark.ports import CONTRACT, SPEC, compiled, context_of, landed
from tests.spark.warehouses import Server

FIRST = [("a", 1), ("b", 2), ("c", None)]
LONG_AGO, LATER = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
Publish = Callable[..., TableReport]


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[LockPort]:
    with FileLock(tmp_path / "lock") as held:
        yield held


@pytest.fixture
def publish(spark: SparkSession, tmp_path: Path, server: Server, lock: LockPort) -> Publish:
    """Publish rows of (k string, n bigint), or a frame, as a batch to the table ``curated.ports``."""

    def batch(
        name: str,
        rows: list[tuple[Any, ...]] | DataFrame,
        judged: Judged | None = None,
        asked_at: datetime = LONG_AGO,
        **how: Any,
    ) -> TableReport:
        frame = spark.createDataFrame(rows, "k string, n bigint").coalesce(1) if isinstance(rows, list) else rows
        spec = PipelineSpec.model_validate({**SPEC, "history": None, "publish": [server.target(**how)]})
        given = Batch(name, asked_at, lock, str(tmp_path / "exports/ports"), judged)
        return publish_plain(server.warehouse, spec.warehouse_targets[0], frame, given).report

    return batch


def summed(rows: int, total: float) -> Judged:
    return Judged(rows, {"n": total}, {"n": sum_of("n", "bigint")})


def test_a_batch_replaces_or_extends_the_table_once_and_leaves_no_files(
    publish: Publish, server: Server, tmp_path: Path
) -> None:
    first = publish("b1", FIRST, summed(3, 3))
    assert (first.table, first.strategy, first.rows_came, first.rows_went) == (
        f"{server.kind}:curated.ports",
        "overwrite",
        3,
        0,
    )
    assert server.rows("k", "n") == sorted(FIRST, key=str)
    more = publish("b2", [("d", 5)], summed(1, 5), mode="append")
    assert (more.strategy, more.rows_came, more.rows_went) == ("append", 1, 0)
    assert publish("b2", [("d", 5)], mode="append").strategy == "none"
    assert len(server.rows("k")) == 4
    replaced = publish("b3", [("e", 7)], summed(1, 7))
    assert (replaced.rows_came, replaced.rows_went) == (1, 4)
    assert server.rows("k", "n") == [("e", 7)]
    assert not (tmp_path / "exports/ports").exists()


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_what_is_not_what_the_gate_judged_is_never_visible(publish: Publish, server: Server, mode: str) -> None:
    publish("b1", FIRST)
    for judged, told in ((Judged(2), "found 1 rows to come"), (summed(1, 8), "found 9 for sum.n., expected 8")):
        with pytest.raises(QualityError, match=f"GH3002: .*{told}"):
            publish("b2", [("z", 9)], judged, mode=mode)
    assert server.rows("k", "n") == sorted(FIRST, key=str)
    publish("b2", [("z", 9)], summed(1, 9), mode=mode)
    assert ("z", 9) in server.rows("k", "n"), "the batch can be published once it is right"


def test_a_delivery_that_was_asked_for_earlier_does_not_replace_a_newer_one(publish: Publish, server: Server) -> None:
    publish("old", FIRST, asked_at=LONG_AGO)
    publish("new", [("z", 9)], asked_at=LATER)
    with pytest.raises(InputError, match=f"GH2056: {server.kind}:curated.ports shows"):
        publish("failed then", FIRST, asked_at=LONG_AGO)
    assert publish("old", FIRST, asked_at=LONG_AGO).strategy == "none"
    assert server.rows("k", "n") == [("z", 9)]
    publish("failed then", FIRST, asked_at=LONG_AGO, mode="append")
    assert len(server.rows("k")) == 4


def test_rows_that_get_lost_on_the_way_are_missed(
    publish: Publish, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("b1", FIRST)
    kind = type(server.dialect)
    monkeypatch.setattr(kind, "load", lambda self, execute, export: None)
    with pytest.raises(QualityError, match="GH3002: found 0 rows to come and 0 to go"):
        publish("b2", [("z", 9)])
    assert server.rows("k", "n") == sorted(FIRST, key=str)


def test_every_type_of_a_contract_arrives_as_it_is(spark: SparkSession, publish: Publish, server: Server) -> None:
    schema = (
        "s string, b boolean, i tinyint, j smallint, l int, f float, d double, m decimal(12,2), day date, "
        "at timestamp, x binary"
    )
    at, before = datetime(2024, 2, 29, 3, 4, 5, 678901, tzinfo=UTC), date(1066, 10, 14)
    row = ('it\'s 100%\n\\ "é"', True, 1, 2, 3, 1.5, 2.25, Decimal("1234567890.12"), before, at, bytearray(b"\x00a"))
    publish("b1", spark.createDataFrame([row, tuple([None] * 11)], schema).coalesce(1))
    names = ["s", "b", "i", "j", "l", "f", "d", "m", "day", "at"]
    stored = [found for found in server.rows(*names) if found[0] is not None]
    assert stored == [(*row[:9], at.replace(tzinfo=None))]
    assert {bytes(found[0]) for found in server.rows("x") if found[0] is not None} == {b"\x00a"}
    assert (None,) * 10 in server.rows(*names)


def test_a_new_column_is_added_and_one_that_does_not_fit_is_refused(
    spark: SparkSession, publish: Publish, server: Server
) -> None:
    publish("b1", FIRST)
    publish("b2", spark.createDataFrame([("d", 5, 1.5)], "k string, n int, m double").coalesce(1), mode="append")
    assert server.rows("k", "m") == [("a", None), ("b", None), ("c", None), ("d", 1.5)]
    with pytest.raises(PublishError, match=r"GH5001: .*n is "):
        publish("b3", spark.createDataFrame([("d", "5")], "k string, n string"), mode="append")
    with pytest.raises(PublishError, match=r"GH5001: .*\['tags'\]"):
        publish("b3", spark.createDataFrame([("d", ["5"])], "k string, tags array<string>"))
    assert len(server.rows("k")) == 4


def test_a_value_that_a_warehouse_refuses_is_in_no_error(spark: SparkSession, publish: Publish, server: Server) -> None:
    column = f"{server.dialect.quote('k')} {server.dialect.type_of('text')} NOT NULL"
    server.run(f"CREATE TABLE {server.dialect.table('curated.ports')} ({column})")
    value = uuid4().hex
    with pytest.raises(PublishError, match=r"GH5002: .*INSERT INTO failed") as refused:
        publish("b1", spark.createDataFrame([(value,), (None,)], "k string").coalesce(1))
    assert value not in "".join(traceback.format_exception(refused.value))
    assert server.rows("k") == []


# ---- whole runs

GOOD = "code,depth\nRTM,24\nHAM,15.5\nANR,17\n"
Make = Callable[..., StageContext]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path, server: Server, lock: FileLock) -> Make:
    """A run of the ports' pipeline that publishes to Delta and to the warehouse."""

    def context(day: int, text: str = GOOD, **changes: Any) -> StageContext:
        targets = [*SPEC["publish"], server.target()]
        pipeline = compiled({**SPEC, "publish": targets, **changes}, CONTRACT)
        file = landed(tmp_path, f"ports/2024-01-{day:02}.csv", text)
        return context_of(spark, tmp_path, pipeline, file, lock, warehouses=lambda target: server.warehouse)

    return context


def test_a_run_publishes_to_delta_first_and_the_warehouse_shows_the_same_history(make: Make, server: Server) -> None:
    run_fused(make(1), lambda _manifest: None)
    context = make(5, "code,depth\nRTM,24\nHAM,16\nLEH,9\n")
    manifest = run_fused(context, lambda _manifest: None)
    assert (manifest.outcome, manifest.published) == ("passed", True), manifest.problem
    assert [report.table for report in manifest.tables] == ["curated.ports", f"{server.kind}:curated.ports"]
    assert manifest.tables[1].version_after == manifest.tables[0].version_after
    names = ("code", "depth", "effective_from", "effective_to", "is_current", "batch_id")
    table = context.spark.read.format("delta").load(context.table_location("curated.ports")).select(*names)
    assert server.rows(*names) == sorted((tuple(row) for row in table.collect()), key=str)
    assert "curated.ports" in manifest.outputs
    again = run_stage(context, "publish", lambda _manifest: None)
    assert [report.version_after for report in again.tables] == [report.version_after for report in manifest.tables]
    assert again.tables[1].strategy == "none"


@pytest.mark.parametrize("with_history", [True, False])
def test_nothing_is_published_to_a_warehouse_when_a_rule_that_stops_fails(
    make: Make, server: Server, with_history: bool
) -> None:
    changes: dict[str, Any] = {} if with_history else {"history": None, "publish": [server.target()]}
    manifest = run_fused(make(1, quality={"rules": "Rules = [ RowCount > 1000 ]"}, **changes), lambda _manifest: None)
    assert (manifest.outcome, manifest.published, manifest.stage) == ("failed", False, "fused")
    assert manifest.problem is not None
    assert manifest.problem.code == "GH3001"
    assert server.tables() == set()


def test_a_stage_that_reaches_no_warehouse_says_so(
    spark: SparkSession, tmp_path: Path, lock: FileLock, server: Server
) -> None:
    pipeline = compiled({**SPEC, "history": None, "publish": [server.target()]}, CONTRACT)
    context = context_of(spark, tmp_path, pipeline, landed(tmp_path, "ports/2024-01-01.csv", GOOD), lock)
    with pytest.raises(ConfigError, match="GH1112"):
        context.warehouse_of(pipeline.spec.warehouse_targets[0])
