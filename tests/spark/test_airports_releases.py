"""Six real releases, delivered in another order than they were made: the table equals what plain Python computes."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from gluehouse.cli.compile import compile_all
from gluehouse.history import FileLock
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused
from gluehouse_local.stage import local_environment, plan_of
from tests import expected_airports as expected

CHECKOUT = Path(__file__).resolve().parents[2]
ORDER = (2, 0, 5, 1, 4, 3)


def test_releases_in_any_order_give_the_history_that_their_dates_say(spark: SparkSession, tmp_path: Path) -> None:
    pipeline = compile_all(CHECKOUT)["airports"]
    environment = local_environment(tmp_path)
    with FileLock(tmp_path / "airports.lock") as lock:
        for place in ORDER:
            context = StageContext(
                spark=spark,
                plan=plan_of(pipeline, environment, (expected.RELEASES[place],)),
                pipeline=pipeline,
                environment=environment,
                lock_for=lambda _table: lock,
            )
            assert run_fused(context, lambda _manifest: None).outcome == "passed"
    names = ("iata", *expected.COLUMNS, "effective_from", "effective_to")
    table = spark.read.format("delta").load(environment.table_uri("curated", "airports"))
    found = [tuple(row) for row in table.select(*names).collect()]
    wanted = expected.history(expected.RELEASES)
    assert len(found) == len(wanted)
    assert set(found) == wanted
