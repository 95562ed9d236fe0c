"""A process that is killed at any point of a batch has changed nothing that can be seen, or all of it.

What a killed process leaves are the files that it had written by then. So each step of a batch is tried by putting the
files of an uninterrupted run in place, in the order in which they came, up to that step; and at a few steps a process
with a Spark of its own is really killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import small_frame
from pyspark.sql import SparkSession

from gluehouse.history import HistoryResult, apply_batch, compact_memory, compaction, read_history
from gluehouse.history.check import check_history
from gluehouse.history.delta import DeltaLocation
from gluehouse.history.memory import Memory
from gluehouse.history.session import options
from gluehouse.spec.history import HistorySpec

SPEC = HistorySpec(
    keys="k",
    sequence_by="s",
    untracked=["u"],
    deletes={"column": "op", "values": ["D"]},
    surrogate_key={"kind": "bigint", "column": "sk"},
)
SCHEMA = "k string, op string, v int, u string, s int"
WIDER = SCHEMA.replace("v int", "v bigint")
EVERY_SECOND = {"spark.databricks.delta.properties.defaults.checkpointInterval": "2"}
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """Batches that are there, the one that is killed and how it is written. All of them write memory too."""

    strategy: str
    there: list[Rows]
    batch: Rows
    spec: HistorySpec = SPEC
    schema: str = SCHEMA
    settings: dict[str, str] = field(default_factory=dict)
    compacts: bool = False

    def apply(self, spark: SparkSession, folder: Path, batch_id: str = "killed") -> HistoryResult:
        return self._apply(spark, folder, self.batch, self.schema, batch_id)

    def prepare(self, spark: SparkSession, folder: Path) -> None:
        folder.mkdir()
        for number, rows in enumerate(self.there):
            self._apply(spark, folder, rows, SCHEMA, f"b{number}")

    def _apply(self, spark: SparkSession, folder: Path, rows: Rows, schema: str, batch_id: str) -> HistoryResult:
        with pytest.MonkeyPatch.context() as patch, options(spark, **self.settings):
            if self.compacts:
                patch.setattr(compaction, "FILES", 1)
            return apply_batch(spark, str(folder / "t"), small_frame(spark, rows, schema), self.spec, batch_id)


TEN = [(f"x{number}", "U", 1, "1", 1) for number in range(10)]
CHANGES = [("x0", "U", 1, "2", 4), ("x0", "U", 2, "3", 6), ("x1", "D", None, None, 5), ("y", "U", 1, "1", 3)]
CASES = {
    "create": Case("create", [], [*TEN[:2], *CHANGES[:2]]),
    "mark": Case(
        "mark", [TEN, [("z", "U", 1, "1", 1)]], CHANGES, SPEC.model_copy(update={"deletion_vectors": True}), SCHEMA,
        EVERY_SECOND,
    ),
    "rewrite_files": Case("rewrite_files", [TEN[:3]], CHANGES, compacts=True),
    "rewrite": Case("rewrite", [TEN[:3], [("x2", "U", 1, "5", 9)]], CHANGES, schema=WIDER),
}  # fmt: skip


@dataclass(frozen=True)
class Whole:
    """A case's table without its last batch, with it, and the files that came with it, in their order."""

    case: Case
    before: Path
    after: Path
    files: list[Path]
    shown_before: list[str]
    shown_after: list[str]
    remembered: list[str]


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Whole]:
    made: dict[str, Whole] = {}

    def run(name: str) -> Whole:
        if name not in made:
            made[name] = _run(spark, tmp_path_factory.mktemp("whole"), CASES[name])
        return made[name]

    return run


def _run(spark: SparkSession, folder: Path, case: Case) -> Whole:
    before, after = folder / "before", folder / "after"
    case.prepare(spark, before)
    shutil.copytree(before, after)
    there = {file: file.stat().st_ctime_ns for file in _files(after)}
    assert case.apply(spark, after).strategy == case.strategy
    new = [file for file in _files(after) if there.get(file) != file.stat().st_ctime_ns]
    # A file gets its ctime when it is closed or renamed. Within one tick of the clock a log comes after its data.
    new.sort(key=lambda file: (file.stat().st_ctime_ns, _is_log(file), file.name.startswith(".")))
    files = [file.relative_to(after) for file in new]
    seen_before, seen_after = shown(spark, before), shown(spark, after)
    return Whole(case, before, after, files, seen_before, seen_after, remembered(spark, case, after))


@pytest.mark.parametrize("name", ["create", "mark", "rewrite_files"])
def test_whatever_files_a_killed_batch_left_it_is_there_or_not_and_run_again_it_counts_once(
    spark: SparkSession, tmp_path: Path, whole: Callable[[str], Whole], name: str
) -> None:
    run = whole(name)
    steps = [number for number, file in enumerate(run.files) if _is_log(file)]
    assert [str(run.files[step]) for step in steps if run.files[step].suffix == ".json"] == _commits(run.case)
    for number, step in enumerate(steps):
        left = tmp_path / str(number)
        shutil.copytree(run.before, left)
        put(run, left, step)
        committed = Path("t/_delta_log", f"{len(run.case.there):020}.json") in run.files[:step]
        assert shown(spark, left) == (run.shown_after if committed else run.shown_before), run.files[step]
        run.case.apply(spark, left)
        assert shown(spark, left) == run.shown_after, run.files[step]
        assert remembered(spark, run.case, left) == run.remembered, run.files[step]
    again = run.case.apply(spark, left)
    assert (again.version_after, again.memory_version) == (again.version_before, None)
    assert broken(spark, left) == []


CHILD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path[:0] = sys.argv[3:]
    from conftest import make_session
    from test_killed import CASES

    spark = make_session("killed")
    print("ready", flush=True)
    CASES[sys.argv[2]].apply(spark, Path(sys.argv[1]))
    print("survived", flush=True)
    """
)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("create", "t/is_current=*/*.parquet"),
        ("mark", "t/deletion_vector_*.bin"),
        ("rewrite", "t/_delta_log/*2.json"),
        ("rewrite_files", "t__memory/_delta_log/*2.json"),
    ],
)
def test_a_process_that_is_killed_has_changed_nothing_that_is_seen_or_all_and_its_batch_counts_once(
    spark: SparkSession, tmp_path: Path, whole: Callable[[str], Whole], name: str, last: str
) -> None:
    run, left = whole(name), tmp_path / "left"
    shutil.copytree(run.before, left)
    here = Path(__file__).parent
    there = set(left.glob(last))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(left), name, str(here.parents[1] / "lib"), str(here)],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        give_up = time.monotonic() + 120
        while set(left.glob(last)) == there and time.monotonic() < give_up:
            time.sleep(0.001)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        said, _ = child.communicate()
    assert (child.returncode, said) == (-signal.SIGKILL, b"")
    assert set(left.glob(last)) > there, "it was killed after this file came"
    committed = (left / "t/_delta_log" / f"{len(run.case.there):020}.json").exists()
    assert shown(spark, left) == (run.shown_after if committed else run.shown_before)
    run.case.apply(spark, left)
    assert (shown(spark, left), remembered(spark, run.case, left)) == (run.shown_after, run.remembered)
    assert broken(spark, left) == []


def put(run: Whole, left: Path, step: int) -> None:
    """Files of the run up to that step, whole; of the next one a half, under the name that it has while it is written.

    The checksum that Hadoop keeps beside a file on a disk comes after the file: of the last log entry it is missing.
    """
    done = run.files[:step]
    entries = [file for file in done if _is_log(file)]
    late = {entry.with_name(f".{entry.name}.crc") for entry in entries[-1:]}
    for file in done:
        if file not in late:
            (left / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run.after / file, left / file)
    file = run.files[step]
    begun = left / file.with_name(f".{file.name}.0d1e.tmp")
    begun.parent.mkdir(parents=True, exist_ok=True)
    content = (run.after / file).read_bytes()
    begun.write_bytes(content[: len(content) // 2])


def shown(spark: SparkSession, folder: Path) -> list[str]:
    """The visible rows, but for the time when they were written; nothing where there is no table."""
    if DeltaLocation(spark, str(folder / "t")).version() is None:
        return []
    return sorted(map(str, read_history(spark, str(folder / "t")).drop("loaded_at").collect()))


def remembered(spark: SparkSession, case: Case, folder: Path) -> list[str]:
    """Memory's rows that count. A batch that was killed between its commit and memory's compaction leaves that to the
    next one."""
    if case.compacts:
        compact_memory(spark, str(folder / "t"), case.spec)
    committed = DeltaLocation(spark, str(folder / "t")).state().transactions
    rows = Memory(spark, str(folder / "t"), committed).stored()
    assert rows is not None
    return sorted(map(str, rows.drop("loaded_at").collect()))


def broken(spark: SparkSession, folder: Path) -> list[Any]:
    return check_history(read_history(spark, str(folder / "t")), ["k"], "sk").collect()


def _commits(case: Case) -> list[str]:
    """The log entries of the case's last batch, in their order."""
    number = len(case.there)
    entries = [f"{folder}/_delta_log/{number:020}.json" for folder in ("t__memory", "t")]
    if case.compacts:
        entries.append(f"t__memory/_delta_log/{number + 1:020}.json")
    return entries


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and not file.name.endswith("__lock")]


def _is_log(file: Path) -> bool:
    """Whether it is of a Delta log; checksums on the disk are not."""
    return file.parent.name == "_delta_log" and not file.name.startswith(".")
