"""A pipeline that cleans, compares and protects, from a delivered file to its table: no row is lost, none is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes
from pyspark.sql import SparkSession

from gluehouse.errors import ConfigError
from gluehouse.frames.protect import hash_with
from gluehouse.history import FileLock
from gluehouse.spec.manifest import Manifest
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused, run_stage
from tests.spark.ports import compiled, context_of, landed

SALT = b"a salt of at least thirty-two bytes"
CONTRACT: dict[str, Any] = {
    "contract": "sales.v1",
    "columns": [
        {"name": "buyer", "type": "string", "nullable": False, "pii": "direct", "protect": {"how": "hash"}},
        {"name": "town", "type": "string"},
        {"name": "net", "type": "decimal(8,2)"},
        {"name": "at", "type": "date", "nullable": False},
    ],
    "keys": ["buyer"],
    "row_rules": [{"rule": "between", "column": "net", "min": 0}],
    "quarantine_limit": 0.5,
}
SPEC: dict[str, Any] = {
    "pipeline": "sales",
    "source": {"kind": "file", "format": "csv", "prefix": "sales/", "mode": "changes", "csv": {"delimiter": ";"}},
    "cleanse": {
        "texts": {"trim": "ends"},
        "columns": {
            "town": {"trim": "all", "case": "title", "default": "Unknown"},
            "net": {"replace": [{"pattern": ",", "to": "."}]},
        },
        "deduplicate": {"keys": ["buyer"], "order_by": ["at"]},
    },
    "contract": "sales.v1",
    "process": {"engine": "glue_pyspark"},
    "history": {"type": 2, "keys": ["buyer"], "sequence_by": ["at"]},
    "publish": [{"target": "delta", "table": "curated.sales"}],
}
DELIVERED = """buyer;town;net;at
 Ada ;new  YORK;1,50;2024-01-02
Ada;;1,40;2024-01-01
Bob;;2,00;2024-01-01
Bob;;2,00;2024-01-01
Eve;paris;-1,00;2024-01-01
Joe;rome;3,00;2024-01-01
"""

Make = Callable[..., StageContext]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    lock = FileLock(tmp_path / "sales.lock")

    def context(text: str = DELIVERED, rules: list[dict[str, Any]] | None = None, salted: bool = True) -> StageContext:
        pipeline = compiled(SPEC, {**CONTRACT, "row_rules": [*CONTRACT["row_rules"], *(rules or ())]})
        file = landed(tmp_path, "sales/one.csv", text)
        salt = (lambda: SecretBytes(SALT)) if salted else None
        return context_of(spark, tmp_path, pipeline, file, lock, salt=salt)

    with lock:
        yield context


def ingest(context: StageContext) -> Manifest:
    return run_stage(context, "ingest", lambda _manifest: None)


def name_of(text: str) -> str:
    return str(hash_with(SALT)(text))


def test_rows_are_cleaned_repeats_dropped_and_the_counts_add_up(make: Make) -> None:
    context = make()
    first, again = ingest(context), ingest(context)
    assert first.counts == again.counts
    counts = first.counts
    assert (counts.rows_in, counts.good, counts.quarantined, counts.deduplicated) == (6, 3, 1, 2)
    staged = context.spark.read.parquet(first.outputs["staging"]).where("_rejected = 'false'").collect()
    assert {(row.buyer, row.town, str(row.net), str(row["at"])) for row in staged} == {
        (name_of("Ada"), "New York", "1.50", "2024-01-02"),
        (name_of("Bob"), "Unknown", "2.00", "2024-01-01"),
        (name_of("Joe"), "Rome", "3.00", "2024-01-01"),
    }
    assert set(staged[0].asDict()) == {
        "buyer", "town", "net", "at", "_violations", "_raw", "_source_object", "_rejected",
    }  # fmt: skip


def test_a_protected_key_is_the_same_in_table_and_quarantine_and_its_text_is_nowhere(
    make: Make, tmp_path: Path
) -> None:
    context = make()
    manifest = run_fused(context, lambda _manifest: None)
    assert (manifest.outcome, manifest.counts.deduplicated) == ("passed", 2)
    table = context.spark.read.format("delta").load(context.table_location("curated.sales"))
    assert {row.buyer for row in table.collect()} == {name_of(text) for text in ("Ada", "Bob", "Joe")}
    aside = context.spark.read.parquet(manifest.outputs["quarantine"]).collect()
    assert [(row.key.buyer, row.rules) for row in aside] == [(name_of("Eve"), ["between(net)"])]
    assert '"buyer":"***"' in aside[0].raw


def test_a_rule_of_reference_reads_the_published_table_and_is_refused_without_one(make: Make) -> None:
    rule = {"rule": "reference", "on": {"town": "name"}, "table": "curated.towns"}
    context = make(rules=[rule])
    with pytest.raises(ConfigError, match="there is no Delta table") as refused:
        ingest(context)
    assert refused.value.code == "GH1091"
    towns = context.spark.createDataFrame([("New York",), ("Unknown",)], "name string")
    towns.write.format("delta").save(context.table_location("curated.towns"))
    counts = ingest(context).counts
    assert (counts.good, counts.quarantined, counts.deduplicated) == (2, 2, 2)


@pytest.mark.parametrize("sql", ["nett > 0", "length(town)", "net >", "town > array(1)"])
def test_sql_that_is_no_condition_over_the_columns_is_refused_before_a_row_is_read(make: Make, sql: str) -> None:
    with pytest.raises(ConfigError, match="the row rule mine cannot be judged") as refused:
        ingest(make(rules=[{"rule": "expression", "name": "mine", "sql": sql}]))
    assert refused.value.code == "GH1092"


@pytest.mark.parametrize(
    ("sql", "thrown"),
    [
        ("to_number(town, '999') > 0", "SparkIllegalArgumentException"),
        ("element_at(array(1), length(town) - length(town)) > 0", "SparkRuntimeException"),
        ("size(sequence(0, length(town), -1)) > 0", "IllegalArgumentException"),
        ("town rlike '(' || town", "PatternSyntaxException"),
        ("regexp_extract(town, '(' || town, 1) = ''", "SparkRuntimeException"),
        ("make_date(cast(net * 10000000 AS int), 1, 1) > at", "SparkArithmeticException"),
        ("to_number('ten', '999') > net", "SparkIllegalArgumentException"),
    ],
)
def test_sql_that_throws_on_a_row_ends_the_run_by_a_code_that_names_the_rule(make: Make, sql: str, thrown: str) -> None:
    with pytest.raises(ConfigError, match=f"the row rule mine throws on a row .{thrown}.") as refused:
        ingest(make(rules=[{"rule": "expression", "name": "mine", "sql": sql}]))
    assert refused.value.code == "GH1093"
    assert (refused.value.__cause__, refused.value.__suppress_context__) == (None, True)
    assert "paris" not in str(refused.value).lower()


def test_without_a_salt_the_run_ends_before_a_row_is_read(make: Make) -> None:
    with pytest.raises(ConfigError) as refused:
        ingest(make(salted=False))
    assert refused.value.code == "GH1090"
