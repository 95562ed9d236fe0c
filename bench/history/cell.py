"""One cell of the grid: one system, one scenario, one size; a fresh process, a first run and warm ones."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from duckdb_extension_delta import __file__ as extension_package

from bench.history import data, reference
from bench.history.files import commits_after, copy_table, listing, newest_version, written
from bench.history.scenarios import SCENARIOS, Scenario, Size
from bench.history.systems import columns_of
from bench.history.worker import ROOT, Failed, Worker

Say = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """What is measured; ``warm`` runs follow the first."""

    system: str
    scenario: str
    size: Size
    warm: int = 1

    @property
    def name(self) -> str:
        return f"{self.scenario} {self.size.name} {self.size.changes} {self.system}"


class Bench:
    """The work folder: data and seeds stay there for the next run, tables of a run go."""

    def __init__(self, work: Path, say: Say, reseed: bool = False) -> None:
        self.work, self.say, self.reseed = work, say, reseed
        self.logs = work / "logs"

    def run(self, cell: Cell) -> dict[str, Any]:
        """Measure a cell. A system that cannot do it is a result, too: then ``error`` says why."""
        scenario = SCENARIOS[cell.scenario]
        place = self.work / "runs" / cell.name.replace(" ", "-")
        shutil.rmtree(place, ignore_errors=True)
        found: dict[str, Any] = {
            "system": cell.system,
            "scenario": cell.scenario,
            "size": asdict(cell.size),
            "runs": [],
        }
        try:
            start = self._start_table(cell, scenario)
            self._measure(cell, scenario, start, place, found)
        except Failed as error:
            found["error"] = str(error)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return found

    def _measure(self, cell: Cell, scenario: Scenario, start: Path, place: Path, found: dict[str, Any]) -> None:
        timed = scenario.timed(cell.size)
        batch = self.batch(timed, cell.size)
        wanted = self.wanted(scenario, cell.size)
        tables = [place / f"table{number}" for number in range(cell.warm + 1)]
        place.mkdir(parents=True)
        for table in tables:
            copy_table(start, table)
        with Worker(cell.system, place / "work", self.logs / f"{cell.name.replace(' ', '-')}.log") as worker:
            found["start"] = worker.measured("start")
            worker.order("observe")
            for number, table in enumerate(tables):
                folders = (table, table.with_name(table.name + "__memory"))
                before, version = listing(*folders), [newest_version(folder) for folder in folders]
                run = worker.measured(
                    "apply", table=str(table), batch=str(batch), batch_id=scenario.timed(cell.size).name
                )
                run["written"] = written(before, listing(*folders), table)
                run["commits"], run["memory_commits"] = (
                    asdict(commits_after(folder, was)) for folder, was in zip(folders, version, strict=True)
                )
                run["engine"] = worker.order("observe")["said"]
                run["table"] = str(table)
                found["runs"].append(run)
                self.say(f"  {'first' if number == 0 else 'warm '} {_line(run)}")
        for run in found["runs"]:
            difference = self.check(cell.system, Path(run.pop("table")), wanted)
            run["wrong"] = asdict(difference)
            self.say(f"  {difference.wrong} wrong rows of {difference.rows}")

    def check(self, system: str, table: Path, wanted: Path) -> reference.Difference:
        """Read the table with DuckDB, as anybody would, and compare it with the reference."""
        connection = data.connect()
        extension = next(Path(extension_package).parent.glob("extensions/*/delta.duckdb_extension"))
        connection.load_extension(str(extension))
        start, end = columns_of(system)
        columns = f"id, {', '.join(data.PAYLOAD)}, {start} AS effective_from, {end} AS effective_to"
        return reference.compare(connection, f"SELECT {columns} FROM delta_scan('{table}')", wanted)

    def _start_table(self, cell: Cell, scenario: Scenario) -> Path:
        """The table as it is before the measured batch, made once and kept."""
        before = scenario.before(cell.size)
        seeds = self.work / "seeds"
        seed = seeds / f"{cell.system}-{cell.size.name}"
        self._made(
            seed,
            cell.system,
            lambda worker, table: worker.measured(
                "create", table=str(table), events=str(self.events(cell.size)), versions=str(self.versions(cell.size))
            ),
        )
        if not before:
            return seed / "table"
        names = "-".join(batch.name for batch in before)
        after = seeds / f"{cell.system}-{cell.size.name}-{cell.size.changes}-after-{names}"

        def apply_all(worker: Worker, table: Path) -> dict[str, Any]:
            copy_table(seed / "table", table)
            for batch in before:
                file = self.batch(batch, cell.size)
                told = worker.measured("apply", table=str(table), batch=str(file), batch_id=batch.name)
            return told

        self._made(after, cell.system, apply_all)
        return after / "table"

    def _made(self, folder: Path, system: str, make: Callable[[Worker, Path], dict[str, Any]]) -> None:
        done, digest = folder / "made.json", engine_digest()
        if done.exists() and not self.reseed:
            if json.loads(done.read_text())["engine"] != digest and system.startswith("ours"):
                self.say(f"  {folder.name} was made by another state of the engine; --reseed makes it anew")
            return
        self.say(f"  making {folder.name} ...")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with Worker(system, folder / "work", self.logs / f"{folder.name}.log") as worker:
            worker.order("start")
            told = make(worker, folder / "table")
        shutil.rmtree(folder / "work", ignore_errors=True)
        done.write_text(json.dumps({"engine": digest, "load": told}))
        self.say(f"  made {folder.name}: {told['wall']:.1f} s, {told['cpu']:.1f} CPU s")

    def events(self, size: Size) -> Path:
        return self._data(f"events-{size.name}", lambda: data.base_events(size.keys, size.depth))

    def versions(self, size: Size) -> Path:
        events = self.events(size)
        return self._data(f"versions-{size.name}", lambda: reference.versions(f"FROM read_parquet('{events}')"))

    def batch(self, batch: Any, size: Size) -> Path:
        return self._data(f"batch-{batch.name}-{size.name}-{size.changes}", lambda: batch.events)

    def wanted(self, scenario: Scenario, size: Size) -> Path:
        """The reference: all events that the table has seen, the measured batch's too."""
        files = [self.events(size), *(self.batch(one, size) for one in [*scenario.before(size), scenario.timed(size)])]
        names = ", ".join(f"'{file}'" for file in files)
        return self._data(
            f"wanted-{scenario.name}-{size.name}-{size.changes}",
            lambda: reference.versions(f"FROM read_parquet([{names}])"),
        )

    def _data(self, name: str, query: Callable[[], str]) -> Path:
        file = self.work / "data" / f"{name}.parquet"
        if not file.exists():
            self.say(f"  data: {name}")
            with data.connect() as connection:
                data.write(connection, query(), file)
        return file


def engine_digest() -> str:
    """Sixteen hex digits over the engine's source: which state of it made a seed or a result."""
    total = hashlib.sha256()
    for file in sorted((ROOT / "lib/gluehouse/history").glob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()[:16]


def _line(run: dict[str, Any]) -> str:
    sizes = run["written"]
    table = (sizes["data"] + sizes["vectors"] + sizes["log"]) / 1e6
    commits, memory = run["commits"], run["memory_commits"]
    engine = run["engine"]
    told = f"; {engine['jobs']} jobs, shuffled {engine['shuffle_bytes'] / 1e6:.1f} MB" if engine else ""
    said = f"; {run['said']['strategy']}" if "strategy" in run["said"] else ""
    return (
        f"{run['wall']:6.2f} s {run['cpu']:6.2f} CPU s; wrote {table:.2f} MB + memory {sizes['memory'] / 1e6:.2f} MB; "
        f"commits {commits['commits']}+{memory['commits']}, files +{commits['added']} -{commits['removed']} "
        f"~{commits['masked']}; peak {run['peak_rss'] / 2**20:.0f} MiB{told}{said}"
    )
