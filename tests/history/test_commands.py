"""``gluehouse history`` on real tables: what it prints, and with which exit code it ends."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import small_frame
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.cli.main import commands
from gluehouse.errors import ConfigError, TableLockHeld
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.lock import lock_beside

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "id int, region string, v string, effective_time timestamp, end_time timestamp, is_current boolean"
KEYS = ("--layout", "mack", "--keys", "id,region")


def at(day: int | None, hour: int = 0) -> dt.datetime | None:
    return None if day is None else dt.datetime(2024, 1, day, hour)


def run(*words: str) -> Result:
    ended = CliRunner().invoke(commands, ["history", *words])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two keys; one was deleted on day 3 and came back on day 5, both at eight."""
    path = str(tmp_path_factory.mktemp("whole") / "dim")
    rows = [
        (1, "EU", "a", at(1, 8), at(3, 8), False), (1, "EU", "b,\n", at(5, 8), None, True),
        (1, "US", None, at(1, 8), None, True),
    ]  # fmt: skip
    small_frame(spark, rows, SCHEMA).write.format("delta").save(path)
    return path


def test_a_gap_is_a_violation_by_exit_code_1_and_none_where_deletes_are_allowed(whole: str) -> None:
    found = run("check", whole, *KEYS)
    assert found.exit_code == 1
    assert "  unexplained_gap          1\n" in found.output
    assert "1   EU      2024-01-03T08:00:00Z  2024-01-05T08:00:00Z\n" in found.output
    assert "b," not in found.output
    fine = run("check", whole, *KEYS, "--deletes-allowed", "--format", "json")
    told = json.loads(fine.output)
    assert (fine.exit_code, set(told["violations"].values()), told["examples"], told["version"]) == (0, {0}, [], 0)


def test_a_gap_is_explained_by_a_log_of_deletes_as_parquet_or_delta(
    spark: SparkSession, whole: str, tmp_path: Path
) -> None:
    log = small_frame(spark, [(1, "EU", at(3, 8))], "id int, region string, deleted_at timestamp")
    log.write.parquet(str(tmp_path / "log"))
    log.where("id = 2").write.format("delta").save(str(tmp_path / "none"))
    told = ("--events-time", "deleted_at")
    assert run("check", whole, *KEYS, "--events", str(tmp_path / "log"), *told).exit_code == 0
    assert run("check", whole, *KEYS, "--events", str(tmp_path / "none"), *told).exit_code == 1


def test_as_of_prints_what_held_at_an_instant_of_any_zone(whole: str) -> None:
    def held(*words: str) -> list[str]:
        return [
            json.loads(line)["region"]
            for line in run("as-of", whole, *words, *KEYS, "--format", "json").output.splitlines()
        ]

    assert held("2024-01-01T07:59:59.999999Z") == []
    assert held("2024-01-01T08:00:00Z") == ["EU", "US"]
    assert held("2024-01-03T09:00:00+01:00") == ["US"]
    assert held("2024-01-05T08:00:00") == ["EU", "US"]
    assert held("2024-02-01", "--where", "v IS NOT NULL") == ["EU"]
    assert held("2024-02-01", "--limit", "1") == ["EU"]


def test_of_prints_all_versions_of_a_key_in_each_form(whole: str) -> None:
    assert run("of", whole, "id=1,region=EU", *KEYS, "--format", "csv").output.splitlines() == [
        "id,region,v,effective_time,end_time,is_current",
        "1,EU,a,2024-01-01T08:00:00Z,2024-01-03T08:00:00Z,false",
        '1,EU,"b,',
        '",2024-01-05T08:00:00Z,,true',
    ]
    lines = run("of", whole, '{"id": 1, "region": "EU"}', *KEYS).output.splitlines()
    assert lines[2].split() == ["1", "EU", "b,\\n", "2024-01-05T08:00:00Z", "NULL", "true"]
    assert json.loads(run("of", whole, "1,US", *KEYS, "--format", "json").output) == {
        "id": 1, "region": "US", "v": None, "effective_time": "2024-01-01T08:00:00.000000Z", "end_time": None,
        "is_current": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["as-of", "{t}", "yesterday"], "GH1471: what was given for effective_time is no timestamp. "),
        (["of", "{t}", "1"], "GH1471: the key has the parts id, region; what was given has others."),
        (["of", "{t}", "x,EU"], "GH1471: what was given for id is no int."),
        (["as-of", "{t}", "2024-01-01", "--where", "w > 1"], "GH1475: --where is not understood: UNRESOLVED_COLUMN"),
        (["check", "{t}", "--current-column", "v"], "GH1470: v is string, not boolean."),
        (["check", "{t}", "--from-column", "since"], "GH1470: the table has no column since; "),
        (["check", "{t}x"], "GH1473: there is no Delta table at "),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_code(whole: str, words: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        run(*[word.replace("{t}", whole) for word in words], *KEYS)
    assert str(refused.value).startswith(told)


def test_times_and_keys_are_read_as_the_types_of_the_table(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("00:1", 3, "9.50", dt.date(2024, 1, 1)), ("00:1", 4, "10.25", dt.date(2024, 1, 1))]
    flat = small_frame(spark, rows, "k string, n long, d string, day date")
    order = F.struct("day", F.col("n").alias("part"))
    table = flat.select(
        "k",
        F.col("d").cast("decimal(6,2)").alias("d"),
        order.alias("effective_from"),
        F.when(F.col("n") == 3, F.struct("day", F.lit(4).cast("long").alias("part"))).alias("effective_to"),
        (F.col("n") == 4).alias("is_current"),
        F.lit(0).alias("loaded_at"),
    )
    path = str(tmp_path / "t")
    table.write.format("delta").save(path)

    def parts(*words: str) -> list[Any]:
        lines = run(*words[:-1], "--keys", words[-1], "--format", "json").output.splitlines()
        return [json.loads(line)["effective_from"]["part"] for line in lines]

    assert parts("as-of", path, "2024-01-01,3", "k") == [3]
    assert parts("as-of", path, "part=4,day=2024-01-01", "k") == [4]
    assert parts("as-of", path, "2023-12-31,9", "k") == []
    assert parts("of", path, "k=00:1", "k") == [3, 4]
    assert parts("of", path, "9.5", "d") == [3]
    with pytest.raises(ConfigError, match="GH1471"):
        parts("of", path, "9.505", "d")
    assert run("check", path, "--keys", "k").exit_code == 0


def test_a_repair_is_a_dry_run_unless_it_is_told_to_write_and_waits_for_no_other_writer(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "dim")
    rows = [(1, "EU", "a", at(1), None, True), (1, "EU", "b", at(3), None, True), (1, "EU", "b", at(3), None, True)]
    small_frame(spark, rows, SCHEMA).write.format("delta").save(path)
    dry = run("repair", path, *KEYS)
    assert "  1 changed: closed (" in dry.output
    assert "  1 moved out: exact_copy (" in dry.output
    assert "1   EU      2024-01-01T00:00:00Z  NULL          2024-01-03T00:00:00Z  closed current_flag\n" in dry.output
    assert dry.output.endswith("Nothing was written. --apply writes it.\n")
    with lock_beside(path), pytest.raises(TableLockHeld, match="GH6001"):
        run("repair", path, *KEYS, "--apply")
    assert DeltaLocation(spark, path).version() == 0
    done = json.loads(run("repair", path, *KEYS, "--apply", "--format", "json").output)
    assert (done["written"], done["version_after"], done["moved"]) == (True, 1, {"exact_copy": 1})
    assert run("check", path, *KEYS).exit_code == 0
    assert "Nothing to mend." in run("repair", path, *KEYS, "--apply").output


def test_a_table_in_storage_is_not_written_without_its_lock(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gluehouse.cli.place import Place
    from gluehouse.history.versions import PRESETS

    place = Place(spark, "s3://lake/curated/dim", PRESETS["mack"].named(["id"]), 0, None, None, None)
    with pytest.raises(ConfigError, match="GH1474"), place.locked():
        pass


def test_a_spark_without_delta_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from gluehouse.cli.main import main; main()"]
    words = ["history", "check", "/t", "--keys", "k", "--root", str(tmp_path), "--jars", str(tmp_path)]
    ended = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1][:40]) == (2, "GH7502: this Spark has no Delta Lake. Wh")
