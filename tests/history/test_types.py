"""Columns of every type, with ANSI on and off, on a machine in any time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.history import apply_batch, read_history
from gluehouse.history.events import is_delete
from gluehouse.history.layout import layout_of
from gluehouse.history.session import options
from gluehouse.history.value import literal, portable
from gluehouse.spec.history import HistorySpec

# A flag column's values in SQL, those that mean a delete, and which of the values do.
FLAGS: list[tuple[list[str], list[Any], list[bool]]] = [
    (["'D'", "'U'", "'d'", "''", "NULL"], ["D"], [True, False, False, False, False]),
    (["'D'", "'1'", "'U'", "'true'", "NULL"], ["D", 1, True], [True, True, False, True, False]),
    (["1", "0", "-1", "NULL"], [1, "D"], [True, False, False, False]),
    (["1", "2", "NULL"], ["2"], [False, True, False]),
    (["true", "false", "NULL"], [True], [True, False, False]),
    (["true", "false", "NULL"], ["false"], [False, True, False]),
    (["1.00", "1.01", "NULL"], [1], [True, False, False]),
    (["1.5D", "2.0D", "DOUBLE('NaN')", "NULL"], [1.5, 2], [True, True, False, False]),
    (["DATE'9999-12-31'", "DATE'2024-01-01'", "NULL"], ["9999-12-31"], [True, False, False]),
]
SEQUENCES = [
    "7", "-1.50", "'Z\u00fcrich'", "X'00ff'", "true", "DOUBLE('NaN')", "DATE'1583-01-01'",
    "TIMESTAMP'2024-03-10 02:30:00.000001'", "TIMESTAMP_NTZ'2024-03-10 02:30:00.000001'",
    "named_struct('day', DATE'2024-03-10', 'at', TIMESTAMP_NTZ'2024-03-10 02:30:00', 'n', 7)",
]  # fmt: skip


@pytest.fixture(params=["false", "true"], ids=lambda ansi: f"ansi {ansi}")
def any_mode(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    with options(spark, spark__sql__ansi__enabled=request.param):
        yield spark


def test_a_delete_flag_has_values_of_any_type_in_a_column_of_any_type(any_mode: SparkSession) -> None:
    for given, values, expected in FLAGS:
        rows = any_mode.sql("SELECT 1 AS k, 1 AS s, explode(array(" + ", ".join(given) + ")) AS `the op`")
        spec = HistorySpec(keys="k", sequence_by="s", deletes={"column": "the op", "values": values})
        found = rows.select(is_delete(layout_of(spec, rows.schema, None))).collect()
        assert [row[0] for row in found] == expected, f"{values} in {given}"


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This Python process lives in New York, where half past two does not exist on 10 March 2024."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


def test_a_value_survives_its_way_through_the_driver_whatever_zone_that_lives_in(
    spark: SparkSession, in_new_york: None
) -> None:
    whole = spark.sql("SELECT " + ", ".join(f"{value} AS c{at}" for at, value in enumerate(SEQUENCES)))
    kinds = {field.name: field.dataType for field in whole.schema.fields}
    carried = whole.select(*[portable(F.col(name), kind).alias(name) for name, kind in kinds.items()]).collect()[0]
    back = [F.col(name).eqNullSafe(literal(carried[name], kind)) for name, kind in kinds.items()]
    assert dict(zip(SEQUENCES, whole.select(*back).collect()[0], strict=True)) == dict.fromkeys(SEQUENCES, True)


def test_text_is_compared_by_its_bytes_whatever_collation_a_batch_gives_it(spark: SparkSession, tmp_path: Path) -> None:
    text = "string COLLATE UTF8_LCASE" if spark.version.startswith("4.") else "string"
    spec = HistorySpec(keys="k", sequence_by="s")
    rows = [("x", "a", "1"), ("X", "a", "1"), ("x", "A", "2")]
    values = ", ".join(f"struct('{k}', '{v}', '{s}')" for k, v, s in rows)
    batch = spark.sql(f"SELECT inline(cast(array({values}) AS array<struct<k:{text}, v:{text}, s:{text}>>))")
    apply_batch(spark, str(tmp_path / "t"), batch, spec, "b")
    found = read_history(spark, str(tmp_path / "t"))
    assert [f.dataType.simpleString() for f in found.schema.fields[:3]] == ["string"] * 3
    assert sorted((r["k"], r["v"], r["effective_from"], r["effective_to"]) for r in found.collect()) == [
        ("X", "a", "1", None),
        ("x", "A", "2", None),
        ("x", "a", "1", "2"),
    ]
