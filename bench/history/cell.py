"""One cell of the grid: one system, one scenario, one size; a fresh process, a first run and warm ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.history import data, reference
from bench.history.files import MEMORY, commits_after, copy_table, listing, newest_version, written
from bench.history.inputs import Inputs, Say
from bench.history.scenarios import SCENARIOS, Scenario, Size
from bench.history.systems import SYSTEMS
from bench.history.tables import Anew, Tables, digest_of, digest_of_data
from bench.history.worker import Failed, Worker


@dataclass(frozen=True)
class Cell:
    """What is measured; ``warm`` runs follow the first, each on a fresh copy of the table."""

    system: str
    scenario: str
    size: Size
    warm: int = 1

    @property
    def name(self) -> str:
        return f"{self.scenario}/{self.size.name}/{self.system}"


class Bench:
    """The work folder: data and tables to begin with stay there for the next run, what a run makes goes."""

    def __init__(self, work: Path, say: Say, anew: Anew = "never") -> None:
        self.work, self.say = work, say
        self.logs = work / "logs"
        self.inputs = Inputs(work / f"data-{digest_of_data()}", say)
        self.tables = Tables(work / "seeds", self.logs, self.inputs, say, anew)

    def run(self, cell: Cell) -> dict[str, Any]:
        """Measure a cell. That a system cannot do it is a result, too: then ``error`` says why."""
        scenario = SCENARIOS[cell.scenario]
        place = self.work / "runs" / cell.name.replace("/", "-")
        shutil.rmtree(place, ignore_errors=True)
        found: dict[str, Any] = {
            "system": cell.system, "scenario": cell.scenario, "size": asdict(cell.size),
            "source": digest_of(cell.system), "runs": [],
        }  # fmt: skip
        try:
            before = self.tables.before(cell.system, scenario, cell.size)
            found["load"] = self.tables.load(cell.system, cell.size)
            self._measure(cell, scenario, before, place, found)
        except Failed as error:
            # Results are for everybody: no folders of this machine.
            found["error"] = str(error).replace(str(self.work), "WORK")
            self.say(f"  failed: {error}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return found

    def _measure(self, cell: Cell, scenario: Scenario, before: Path, place: Path, found: dict[str, Any]) -> None:
        timed = scenario.timed(cell.size)
        batch, wanted = self.inputs.batch(timed, cell.size), self.inputs.wanted(scenario, cell.size)
        tables = [place / f"table{number}" for number in range(cell.warm + 1)]
        place.mkdir(parents=True)
        for table in tables:
            copy_table(before, table)
        with Worker(cell.system, place / "work", self.logs / f"{place.name}.log") as worker:
            found["start"] = worker.measured("start")
            worker.order("observe")
            for number, table in enumerate(tables):
                order = {"table": str(table), "batch": str(batch), "batch_id": timed.name}
                run = _watched(table, partial(worker.measured, "apply", **order))
                run["engine"] = worker.order("observe")["said"]
                found["runs"].append(run)
                self.say(f"  {'warm ' if number else 'first'} {line(run)}")
        for run, table in zip(found["runs"], tables, strict=True):
            run["wrong"] = asdict(self.check(cell.system, table, wanted))
        self.say(f"  {found['runs'][0]['wrong']['wrong']} wrong rows of {found['runs'][0]['wrong']['rows']}")

    def check(self, system: str, table: Path, wanted: Path) -> reference.Difference:
        """Read the table with DuckDB, as anybody would, and compare it with the right one."""
        known = SYSTEMS[system]
        start, end = known.columns
        source = f"delta_scan('{table}')" if known.table_format == "delta" else "found.history"
        columns = f"{data.KEY}, {', '.join(data.PAYLOAD)}, {start} AS effective_from, {end} AS effective_to"
        with data.connect() as connection:
            if known.table_format == "delta":
                data.read_delta(connection)
            else:
                connection.execute(f"ATTACH '{table / 'history.duckdb'}' AS found (READ_ONLY)")
            return reference.compare(connection, f"SELECT {columns} FROM {source}", wanted)


def _watched(table: Path, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A run, with what it did to the table's files and to its memory's."""
    folders = (table, table.with_name(table.name + MEMORY))
    before, versions = listing(*folders), [newest_version(folder) for folder in folders]
    run = apply()
    commits, memory = (asdict(commits_after(folder, was)) for folder, was in zip(folders, versions, strict=True))
    return {**run, "written": written(before, listing(*folders), table), "commits": commits, "memory_commits": memory}


def line(run: dict[str, Any]) -> str:
    """A run in one line, for people who watch."""
    sizes, commits, memory, engine = run["written"], run["commits"], run["memory_commits"], run["engine"]
    table = (sizes["data"] + sizes["vectors"] + sizes["log"]) / 1e6
    read, shuffled = (engine.get(name, 0) / 1e6 for name in ("input_bytes", "shuffle_bytes"))
    told = f"; {engine['jobs']} jobs, read {read:.1f} MB, shuffled {shuffled:.1f} MB" if engine else ""
    said = f"; {run['said']['strategy']}" if "strategy" in run["said"] else ""
    return (
        f"{run['wall']:6.2f} s {run['cpu']:6.2f} CPU s; wrote {table:.2f} MB + memory {sizes['memory'] / 1e6:.2f} MB; "
        f"commits {commits['commits']}+{memory['commits']}, files +{commits['added']} -{commits['removed']} "
        f"~{commits['masked']}; peak {run['peak_rss'] / 2**20:.0f} MiB{told}{said}"
    )
