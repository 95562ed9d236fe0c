"""A table that one Glue has written is continued by another, in both directions: an upgrade can be taken back."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from written import FOLDER, ONE, TWO, apply

from gluehouse.history import read_history
from gluehouse.history.check import check_history
from gluehouse.history.digest import digest128
from gluehouse_local.setup.profile import PROFILES


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_what_a_glue_wrote_is_known_to_the_next_and_takes_its_late_events(
    spark: SparkSession, tmp_path: Path, profile: str
) -> None:
    with ZipFile(FOLDER / f"{profile}.zip") as zipped:
        zipped.extractall(tmp_path)
    path = tmp_path / "t"
    again = apply(spark, path, TWO, "two")
    assert (again.why, again.version_after, again.memory_version) == ("this batch was applied before", 1, None)
    repeated = apply(spark, path, [*TWO, *ONE], "once more")
    assert (repeated.version_after, repeated.memory_version) == (1, None), "an exact repeat writes nothing anywhere"
    apply(spark, path, [("y", "U", "B", "r", 3), ("w", "U", "A", "p", 2), ("z", "U", "A", "p", 2)], "late")
    table = read_history(spark, str(path))
    assert check_history(table, ["k", "n"], "sk").collect() == []
    day = {name: F.floor(F.unix_seconds(f"effective_{name}") / 86400).alias(name) for name in ("from", "to")}
    found = table.select("k", "v", "u", "m", *day.values()).collect()
    assert sorted((r["k"], r["v"], r["u"], r["m"]["a"], r["from"], r["to"]) for r in found) == [
        ("w", "A", "p", 1, 2, 9),
        ("x", "A", "p", 1, 1, 5),
        ("x", "B", "p", 2, 5, None),
        ("y", "A", "p", 1, 1, 3),
        ("y", "A", "q", 1, 5, None),
        ("y", "B", "r", 2, 3, 5),
        ("z", "A", "p", 1, 1, 4),
        ("\u00fc", "B", "p", 2, 1, None),
    ]
    identity = [(name, F.col(name), table.schema[name].dataType) for name in ("k", "n", "effective_from")]
    assert table.where(F.col("sk") != digest128(identity)).count() == 0
