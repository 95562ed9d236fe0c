"""Facts find the surrogate key of the version that held at their time, and keep their grain."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from conftest import small_frame
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.frames.split import Split
from gluehouse.history.dimension import dimension_key, dimension_key_step, missing_members, repoint

VERSIONS = "sk bigint, country string, code string, name string, effective_from date, effective_to date"
FACTS = "id int, land string, code string, day date"


def day(number: int | None) -> dt.date | None:
    return None if number is None else dt.date(2024, 1, number)


def table(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """(sk, country, code, name, from, to); current where it has no end, as history tables are."""
    made = [(*row[:4], day(row[4]), day(row[5])) for row in rows]
    return small_frame(spark, made, VERSIONS).selectExpr("*", "effective_to IS NULL AS is_current")


@pytest.fixture(scope="module")
def dimension(spark: SparkSession) -> DataFrame:
    """A thing that changed on the 10th, one that was away from the 5th to the 8th, and the unknown member."""
    return table(
        spark,
        (1, "TR", "a", "old", 3, 10),
        (2, "TR", "a", "new", 10, None),
        (3, "TR", "b", "x", 2, 5),
        (4, "TR", "b", "x", 8, None),
        (-1, None, None, None, None, None),
    )


def facts(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    return small_frame(spark, [(*row[:3], day(row[3])) for row in rows], FACTS)


ON = {"land": "country", "code": "code"}
ASKED = [
    (1, "TR", "a", 2),
    (2, "TR", "a", 3),
    (3, "TR", "a", 9),
    (4, "TR", "a", 10),
    (5, "TR", "b", 5),
    (6, "TR", "b", 8),
    (7, "GR", "a", 9),
    (8, None, "a", 9),
    (9, "TR", "a", None),
]


def keys(found: Any) -> dict[int, Any]:
    assert isinstance(found, DataFrame)
    rows = found.collect()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["sk"] for row in rows}


def test_a_fact_gets_the_key_of_the_version_at_its_time_from_its_start_up_to_its_end(
    spark: SparkSession, dimension: DataFrame
) -> None:
    asked = facts(spark, *ASKED)
    found = dimension_key(asked, dimension, ON, "sk", at="day")
    assert isinstance(found, DataFrame)
    assert found.columns == ["id", "land", "code", "day", "sk"]
    assert keys(found) == {1: -1, 2: 1, 3: 1, 4: 2, 5: -1, 6: 4, 7: -1, 8: -1, 9: -1}
    hours = asked.selectExpr("id", "land", "code", "CAST(day AS timestamp) + INTERVAL 23 HOURS AS day")
    assert keys(dimension_key(hours, dimension, ON, "sk", at="day")) == keys(found)


def test_a_fact_before_the_first_version_can_have_the_first_but_one_in_a_gap_has_none(
    spark: SparkSession, dimension: DataFrame
) -> None:
    found = dimension_key(facts(spark, *ASKED), dimension, ON, "sk", at="day", misses="null", before_first="earliest")
    assert keys(found) == {1: 1, 2: 1, 3: 1, 4: 2, 5: None, 6: 4, 7: None, 8: None, 9: None}


def test_without_a_time_it_is_the_current_version_and_a_miss_can_go_to_quarantine(
    spark: SparkSession, dimension: DataFrame
) -> None:
    found = dimension_key(facts(spark, *ASKED), dimension, ON, "sk", name="sk", misses="quarantine")
    assert isinstance(found, Split)
    assert keys(found.accepted) == {1: 2, 2: 2, 3: 2, 4: 2, 5: 4, 6: 4, 9: 2}
    rejected = found.rejected[0].collect()
    assert sorted(row["id"] for row in rejected) == [7, 8]
    assert {row["_violations"][0]["rule"] for row in rejected} == {"dimension_key(the dimension)"}


def test_the_unknown_member_of_a_hashed_key_is_a_text(spark: SparkSession, dimension: DataFrame) -> None:
    hashed = dimension.withColumn("sk", F.md5(F.col("sk").cast("string")))
    found = keys(dimension_key(facts(spark, (1, "GR", "a", 9)), hashed, ON, "sk", at="day"))
    assert found == {1: "f" * 32}


def test_overlapping_versions_fail_only_the_query_that_meets_them_and_never_multiply_facts(
    spark: SparkSession,
) -> None:
    broken = table(
        spark,
        (1, "TR", "a", "x", 1, 20),
        (2, "TR", "a", "x", 2, 3),
        (3, "TR", "a", "x", 5, None),
        (4, "GR", "a", "x", 1, 9),
    )
    fine = facts(spark, (1, "TR", "a", 1), (2, "TR", "a", 4), (3, "GR", "a", 4))
    assert keys(dimension_key(fine, broken, ON, "sk", at="day")) == {1: 1, 2: 1, 3: 4}
    for when in (2, 6, 20):
        asked = dimension_key(facts(spark, (1, "TR", "a", when)), broken, ON, "sk", at="day", table="lake.lands")
        assert isinstance(asked, DataFrame)
        if when == 20:
            assert keys(asked) == {1: 3}
            continue
        with pytest.raises(
            (Py4JJavaError, PySparkException),
            match=r"GH1026: lake\.lands has several rows for one key and time: country",
        ):
            asked.count()


def test_it_is_the_same_as_looking_at_every_version(spark: SparkSession) -> None:
    rng = random.Random(7)
    rows: list[tuple[Any, ...]] = []
    for code in map(str, range(40)):
        ends = sorted(rng.sample(range(1, 28), 6))
        for start, end in zip(ends, [*ends[1:], None], strict=True):
            if rng.random() < 0.8:
                rows.append((len(rows), "TR", code, "x", start, end))
    asked = [(number, "TR", str(rng.randrange(45)), rng.randint(1, 28)) for number in range(400)]
    expected = {}
    for number, _, code, at in asked:
        held = [r[0] for r in rows if r[2] == code and r[4] <= at and (r[5] is None or at < r[5])]
        expected[number] = held[0] if held else -1
    assert keys(dimension_key(facts(spark, *asked), table(spark, *rows), ON, "sk", at="day")) == expected


def test_large_facts_and_a_large_dimension_are_each_shuffled_once_and_joined_by_key(
    spark: SparkSession, dimension: DataFrame
) -> None:
    was = spark.conf.get("spark.sql.autoBroadcastJoinThreshold")
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    try:
        # Spread over partitions at random, as they come from files.
        many, known = facts(spark, *ASKED).repartition(3), dimension.repartition(3)
        found = dimension_key(many, known, ON, "sk", at="day", before_first="earliest")
        assert isinstance(found, DataFrame)
        plan = str(found._jdf.queryExecution().executedPlan().toString())
    finally:
        spark.conf.set("spark.sql.autoBroadcastJoinThreshold", str(was))
    assert plan.count("SortMergeJoin") == 1
    assert plan.count("Exchange hashpartitioning") == 2, plan
    assert plan.count("Sort [") == 2, "the order in which overlaps are looked for is the join's"


def test_what_is_missing_is_one_member_for_each_key_and_stretch_without_a_version(
    spark: SparkSession, dimension: DataFrame
) -> None:
    asked = facts(spark, *ASKED, (10, "TR", "b", 1), (11, "TR", "b", 6), (12, "TR", "a", 1), (13, "GR", "a", 20))
    found = missing_members(asked, dimension, ON, "day", "since")
    assert sorted((r["country"], r["code"], r["since"].day) for r in found.collect()) == [
        ("GR", "a", 9),
        ("TR", "a", 1),
        ("TR", "b", 1),
        ("TR", "b", 5),
    ]


def test_facts_follow_retired_keys_to_their_successors(spark: SparkSession) -> None:
    retired = small_frame(spark, [(5, 6), (7, None)], "retired bigint, successor bigint")
    before = small_frame(spark, [(5, 1), (5, 2), (7, 3), (8, 4), (None, 5)], "sk bigint, id int")
    found = repoint(before, retired, "sk")
    assert found.columns == ["sk", "id"]
    assert keys(found) == {1: 6, 2: 6, 3: -1, 4: 8, 5: None}
    assert keys(repoint(before, retired, "sk", gone="null")) == {1: 6, 2: 6, 3: None, 4: 8, 5: None}


def test_as_a_step_of_a_pipeline_it_reads_the_table_and_says_what_does_not_fit(
    spark: SparkSession, dimension: DataFrame, tmp_path: Any
) -> None:
    location = str(tmp_path / "t")
    dimension.write.format("delta").save(location)
    params = {"table": "lake.lands", "location": location, "on": ON, "key": "sk", "at": "day", "name": "land_sk"}
    asked = facts(spark, *ASKED)
    found = dimension_key_step(asked, params)
    assert isinstance(found, DataFrame)
    assert {row["id"]: row["land_sk"] for row in found.collect()}[3] == 1
    with pytest.raises(ConfigError, match=r"GH1023.*misses"):
        dimension_key_step(asked, {**params, "misses": "drop"})
    with pytest.raises(ConfigError, match=r"GH1023: the facts have a column Day already"):
        dimension_key_step(asked, {**params, "name": "Day"})
    with pytest.raises(ConfigError, match=r"GH1023: code is string, and effective_from of lake.lands date"):
        dimension_key_step(asked, {**params, "at": "code"})
