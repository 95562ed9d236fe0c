"""The benchmark's data, its reference and how it measures. No Spark, and no timing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.history import data, reference
from bench.history.cell import Bench, Cell
from bench.history.files import commits_after, copy_table, listing, newest_version, written
from bench.history.scenarios import SCENARIOS, Size
from bench.history.tree import peak_memory, usage
from bench.history.worker import Failed, Worker

SMALL = Size(2_000, "half", 80)


def events(*rows: tuple[int, int, str, str | None]) -> str:
    """Events (key, day, operation, note) as SQL; NULL in the other payload columns."""
    others = ", ".join(f"NULL AS {name}" for name in data.PAYLOAD if name != "note")
    values = ", ".join(
        f"({key}, {day}, '{op}', {'NULL' if note is None else repr(note)})" for key, day, op, note in rows
    )
    time = "TIMESTAMPTZ '2024-01-01' + day * INTERVAL 1 DAY AS updated_at"
    return f"SELECT id, {others}, note, {time}, op FROM (VALUES {values}) v(id, day, op, note)"


def table(query: str) -> list[tuple[Any, ...]]:
    """key, note, day from, day to."""
    with data.connect() as connection:
        days = [f"date_diff('day', TIMESTAMPTZ '2024-01-01', {name})" for name in ("effective_from", "effective_to")]
        return connection.execute(f"SELECT id, note, {', '.join(days)} FROM ({query}) ORDER BY ALL").fetchall()


# --- The reference


def test_the_reference_folds_late_repeated_and_confirming_events_in_the_order_of_their_times() -> None:
    told = events((1, 5, "U", "A"), (1, 3, "U", "B"), (1, 1, "U", "A"), (1, 5, "U", "A"), (1, 7, "U", "A"))
    assert table(reference.versions(told)) == [(1, "A", 1, 3), (1, "A", 5, None), (1, "B", 3, 5)]


def test_the_reference_closes_at_a_delete_opens_after_it_and_forgets_a_delete_of_nothing() -> None:
    told = events((1, 1, "D", None), (1, 2, "U", "A"), (1, 4, "D", "A"), (1, 5, "D", "A"), (1, 6, "U", "A"))
    assert table(reference.versions(told)) == [(1, "A", 2, 4), (1, "A", 6, None)]


def test_in_the_reference_a_delete_wins_over_an_upsert_at_its_time_and_null_is_a_value() -> None:
    told = events((1, 1, "U", "A"), (1, 2, "U", None), (1, 3, "U", "B"), (1, 3, "D", None))
    assert table(reference.versions(told)) == [(1, "A", 1, 2), (1, None, 2, 3)]


@pytest.mark.parametrize(
    ("found", "wrong", "extra", "missing"),
    [
        (((1, 1, "U", "A"), (1, 2, "U", "B")), 0, 0, 0),
        (((1, 1, "U", "A"),), 2, 1, 2),  # the second version lacks, and the first has no end
        (((1, 1, "U", "A"), (1, 2, "U", "C")), 1, 1, 1),
        (((1, 1, "U", "A"), (1, 2, "U", "B"), (2, 1, "U", "A")), 1, 1, 0),
    ],
)
def test_wrong_rows_are_counted_once_a_key_and_start(
    tmp_path: Path, found: Any, wrong: int, extra: int, missing: int
) -> None:
    with data.connect() as connection:
        right = reference.versions(events((1, 1, "U", "A"), (1, 2, "U", "B")))
        data.write(connection, right, tmp_path / "wanted.parquet")
        seen = reference.compare(connection, reference.versions(events(*found)), tmp_path / "wanted.parquet")
    assert (seen.wrong, seen.extra, seen.missing) == (wrong, extra, missing)


def test_a_row_that_stands_twice_is_a_wrong_row(tmp_path: Path) -> None:
    with data.connect() as connection:
        right = reference.versions(events((1, 1, "U", "A")))
        data.write(connection, right, tmp_path / "wanted.parquet")
        twice = f"({right}) UNION ALL ({right})"
        assert reference.compare(connection, twice, tmp_path / "wanted.parquet").wrong == 1


# --- The data


def test_every_change_alters_one_group_of_columns_and_is_a_change() -> None:
    with data.connect() as connection:
        groups = [f"({' OR '.join(f'a.{n} IS DISTINCT FROM b.{n}' for n in group)})::INT" for group in data.GROUPS]
        base = data.base_events(300, "6")
        numbered = f"SELECT *, row_number() OVER (PARTITION BY id ORDER BY updated_at) AS n FROM ({base})"
        altered = connection.execute(
            f"WITH e AS ({numbered}) SELECT DISTINCT {' + '.join(groups)} "
            "FROM e a JOIN e b ON a.id = b.id AND b.n = a.n + 1"
        ).fetchall()
        nulls = connection.execute(f"SELECT count(*) FROM ({numbered}) WHERE note IS NULL").fetchone()
    assert altered == [(1,)]
    assert nulls is not None
    assert 0 < nulls[0] < 1800 / 4


@pytest.mark.parametrize(("depth", "rows"), [("1", 100), ("half", 150), ("8", 800)])
def test_a_table_has_as_many_versions_as_its_depth_says(depth: str, rows: int) -> None:
    assert len(table(reference.versions(data.base_events(100, depth)))) == rows


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_batch_has_the_size_that_it_says_and_the_same_rows_every_time(name: str) -> None:
    batch = SCENARIOS[name].timed(SMALL)
    with data.connect() as connection:
        first, second = (connection.execute(batch.events).fetchall() for _ in range(2))
    wanted = {"hundred": 100, "many": 5 * SMALL.changes}.get(name, SMALL.changes)
    assert first == second
    assert abs(len(first) - wanted) <= (wanted // 5 if name == "cdc" else 0)


def test_the_cdc_batch_has_several_events_a_key_repeats_deletes_and_late_ones() -> None:
    batch, base = SCENARIOS["cdc"].timed(SMALL).events, data.base_events(SMALL.keys, SMALL.depth)
    with data.connect() as connection:

        def count(query: str) -> int:
            found = connection.execute(query).fetchone()
            return int(found[0]) if found else 0

        repeats = count(f"SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM ({batch}))) FROM ({batch})")
        deletes = count(f"SELECT count(*) FROM ({batch}) WHERE op = 'D'")
        several = count(
            f"SELECT count(*) FROM (SELECT id FROM ({batch}) GROUP BY id HAVING count(DISTINCT updated_at) > 1)"
        )
        late = count(
            f"SELECT count(*) FROM ({batch}) b JOIN (SELECT id, max(updated_at) AS newest FROM ({base}) GROUP BY id) n "
            "ON b.id = n.id AND b.updated_at < n.newest"
        )
    assert min(repeats, deletes, several, late) > 0


# --- Measuring


def test_the_cpu_of_children_that_are_gone_counts() -> None:
    # The system counts in ticks of 10 ms, and may lose the ends of some.
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('done', flush=True); input()"
    )
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with peak_memory(process.pid, every=0.01) as peak:
            spent = usage(process.pid)
            while not peak.rss:
                pass
        process.stdin.close()
    assert spent.cpu >= 0.3
    assert peak.rss > 2**20


def log(table: Path, version: int, *actions: dict[str, Any]) -> None:
    (table / "_delta_log").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(action) for action in actions]
    (table / "_delta_log" / f"{version:020}.json").write_text("\n".join(lines), "utf-8")


def test_commits_are_counted_with_new_removed_and_masked_files(tmp_path: Path) -> None:
    log(
        tmp_path,
        0,
        {"add": {"path": "a"}},
        {"commitInfo": {"operation": "WRITE", "operationParameters": {"mode": "Append"}}},
    )
    log(
        tmp_path, 1, {"add": {"path": "b"}}, {"add": {"path": "c"}}, {"remove": {"path": "a"}},
        {"add": {"path": "d"}}, {"remove": {"path": "d"}}, {"commitInfo": {"operation": "MERGE"}},
    )  # fmt: skip
    assert newest_version(tmp_path) == 1
    assert newest_version(tmp_path / "none") == -1
    found = commits_after(tmp_path, 0)
    assert (found.commits, found.added, found.removed, found.masked, found.operations) == (1, 2, 1, 1, ("MERGE",))
    assert commits_after(tmp_path, -1).operations == ("WRITE Append", "MERGE")
    assert commits_after(tmp_path, 1).commits == 0


def test_a_copied_table_shares_its_data_and_nothing_else_and_what_is_written_to_it_is_told_apart(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "table", tmp_path / "runs" / "copy"
    log(source, 0, {"add": {"path": "a.parquet"}})
    (source / "a.parquet").write_text("data")
    (tmp_path / "table__memory").mkdir()
    (tmp_path / "table__memory" / "m.parquet").write_text("memory")
    copy_table(source, target)
    before = listing(target, target.with_name("copy__memory"))
    log(target, 0, {"add": {"path": "other"}})
    (target / "b.parquet").write_text("12345")
    (target / "v.bin").write_text("123")
    (tmp_path / "runs" / "copy__memory" / "n.parquet").write_text("1234567")
    after = listing(target, target.with_name("copy__memory"))
    assert (source / "a.parquet").samefile(target / "a.parquet")
    assert "a.parquet" in (source / "_delta_log" / f"{0:020}.json").read_text()
    log_size = (target / "_delta_log" / f"{0:020}.json").stat().st_size
    assert written(before, after, target) == {"data": 5, "vectors": 3, "log": log_size, "memory": 7}


def test_a_cell_is_measured_in_a_process_of_its_own_and_checked(tmp_path: Path) -> None:
    found = Bench(tmp_path, lambda _: None).run(Cell("floor", "random", SMALL))
    assert "error" not in found
    assert [run["wrong"]["wrong"] for run in found["runs"]] == [0, 0]
    assert [run["wrong"]["rows"] for run in found["runs"]] == [3_080, 3_080]
    for run in found["runs"]:
        # The system counts CPU in ticks of 10 ms: a warm run of so few rows can take less than one.
        assert (run["wall"] > 0, run["cpu"] >= 0, run["peak_rss"] > 2**20, run["written"]["data"] > 0) == (True,) * 4
    assert found["start"]["cpu"] > 0
    assert not list((tmp_path / "runs").iterdir())


def test_rows_that_a_system_gets_wrong_are_found(tmp_path: Path) -> None:
    found = Bench(tmp_path, lambda _: None).run(Cell("floor", "cdc", SMALL, warm=0))
    assert found["runs"][0]["wrong"]["wrong"] > 0


def test_a_failed_cell_says_why_without_a_folder_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "seeds" / "floor-2000-half").mkdir(parents=True)
    (tmp_path / "seeds" / "floor-2000-half" / "made.json").write_text('{"source": "", "cost": {}}')
    (tmp_path / "seeds" / "floor-2000-half" / "table").mkdir()
    found = Bench(tmp_path, lambda _: None).run(Cell("floor", "random", SMALL))
    assert found["error"].startswith("CatalogException: Catalog Error: Table with name history does not exist!")
    assert str(tmp_path) not in json.dumps(found)
    assert found["runs"] == []


def test_an_order_that_fails_is_told_and_the_process_lives_on(tmp_path: Path) -> None:
    with Worker("floor", tmp_path / "work", tmp_path / "log") as worker:
        with pytest.raises(Failed, match=r"IOException: .*none\.parquet"):
            worker.order("apply", table=str(tmp_path / "table"), batch="none.parquet", batch_id="b")
        assert worker.order("start")["ok"]
