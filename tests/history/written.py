"""A history that each profile has written once, for the other one to go on with: ``written/<profile>.zip``.

Those are made anew, should the form of the tables ever change for good, by the Python of each profile:
``PYTHONPATH=lib .venv/bin/python tests/history/written.py``, and the same with ``.cache/glue-6.0/bin/python``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from conftest import make_session
from pyspark.sql import DataFrame, SparkSession

from gluehouse.history import HistoryResult, apply_batch
from gluehouse.spec.history import HistorySpec
from gluehouse_local.setup.profile import profile_of_spark

FOLDER = Path(__file__).parent / "written"
SPEC = HistorySpec(
    keys=["k", "n"],
    sequence_by="s",
    deletes={"column": "op", "values": ["D"]},
    untracked=["u"],
    surrogate_key={"kind": "hash128", "column": "sk"},
)
# Key, operation, value, untracked value, day.
Event = tuple[str, str, str, str, int]
ONE: list[Event] = [
    ("x", "U", "A", "p", 1),
    ("y", "U", "A", "p", 1),
    ("z", "U", "A", "p", 1),
    ("\u00fc", "U", "B", "p", 1),
]
TWO: list[Event] = [("x", "U", "B", "p", 5), ("y", "U", "A", "q", 5), ("z", "D", "A", "p", 4), ("w", "D", "A", "p", 9)]


def batch(spark: SparkSession, events: list[Event]) -> DataFrame:
    """The events, with columns of every type that tell an A from a B by their finest parts alone."""
    values = ", ".join(str(event) for event in events)
    return spark.sql(f"""
        SELECT k, CAST('0.0000001' AS DECIMAL(30,10)) AS n, op, v, u, timestamp_seconds(day * 86400L) AS s,
               IF(v = 'A', DOUBLE('NaN'), -DOUBLE(0)) AS f, CAST(1.1 AS FLOAT) AS g, X'00ff' AS raw,
               CAST(IF(v = 'A', '0.0000001', '0.00000011') AS DECIMAL(38,18)) AS d, DATE'1583-01-01' AS born,
               named_struct('a', 7S, 'b', array(CAST('1.10' AS DECIMAL(20,10)), NULL),
                            'at', TIMESTAMP'1883-11-18 12:03:58.000001Z') AS st,
               map('b', CAST(NULL AS INT), 'a', IF(v = 'A', 1, 2)) AS m
        FROM VALUES {values} AS events(k, op, v, u, day)
    """)


def apply(spark: SparkSession, path: Path, events: list[Event], name: str) -> HistoryResult:
    payload = ["v", "u", "f", "g", "raw", "d", "born", "st", "m"]
    return apply_batch(spark, str(path), batch(spark, events), SPEC, name, payload=payload)


def pack(folder: Path, target: Path) -> None:
    """Zip the tables in the folder, without their lock and what Hadoop keeps beside each file of a local disk."""
    with ZipFile(target, "w", ZIP_DEFLATED) as zipped:
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".json", ".crc", ".parquet") and not file.name.startswith("."):
                zipped.write(file, file.relative_to(folder))


def main() -> None:
    spark = make_session("written")
    profile = profile_of_spark(spark.version)
    assert profile is not None
    with tempfile.TemporaryDirectory() as folder:
        for name, events in (("one", ONE), ("two", TWO)):
            apply(spark, Path(folder) / "t", events, name)
        FOLDER.mkdir(exist_ok=True)
        pack(Path(folder), FOLDER / f"{profile.name}.zip")
    spark.stop()


if __name__ == "__main__":
    main()
