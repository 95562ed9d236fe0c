"""A run over the grid: cell after cell into the results file, then the report beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.history.cell import Bench, Cell
from bench.history.chart import draw
from bench.history.figures import Measured
from bench.history.grid import short, whole
from bench.history.inputs import Say
from bench.history.report import report
from bench.history.results import Results
from bench.history.tables import digest_of
from bench.history.targets import targets


def run_all(bench: Bench, file: Path, full: bool, again: bool, only: str, say: Say) -> None:
    """Measure what is missing in ``file``, or everything ``again``."""
    results, began = Results(file), time.monotonic()
    cells = [cell for cell in (whole() if full else short()) if only in cell.name]
    missing = [cell for cell in cells if again or not _known(results, cell)]
    say(f"{len(missing)} of {len(cells)} cells to measure; results: {file}")
    for number, cell in enumerate(missing, start=1):
        load = os.getloadavg()[0]
        say(
            f"[{number}/{len(missing)}, {_minutes(began):.0f} min] {cell.name}"
            + (f", load {load:.1f}" if load > 2 else "")
        )
        results.add(cell.name, {**bench.run(cell), "load_before": round(load, 2)})
    publish(file, say)
    say(f"{len(missing)} cells in {_minutes(began):.1f} minutes")


def publish(file: Path, say: Say) -> None:
    """Write ``<file>.md`` and ``<file>.svg`` beside the results, and print the targets."""
    results = Results(file)
    measured = Measured(results.cells)
    file.with_suffix(".md").write_text(report(results.machine, results.cells), "utf-8")
    draw(measured, file.with_suffix(".svg"))
    words = {True: "reached    ", False: "NOT REACHED", None: "not measured"}
    for one in targets(measured):
        say(f"{words[one.reached]}  {one.title}: {one.found} (wanted: {one.wanted})")
    say(f"report: {file.with_suffix('.md')}")


def _minutes(began: float) -> float:
    return (time.monotonic() - began) / 60


def _known(results: Results, cell: Cell) -> bool:
    return results.has(cell.name, digest_of(cell.system), cell.warm)
