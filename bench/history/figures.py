"""One measured cell as the figures that people compare: the first run's, the last warm one's, and the worst."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figures:
    """CPU and wall in seconds, sizes in bytes. ``warm`` figures are those of the last run; None without one.

    ``written``: all files that the batch wrote, memory's part in ``memory``. ``wrong``: the largest of any run.
    """

    system: str
    scenario: str
    keys: int
    depth: str
    cpu: float
    wall: float
    warm_cpu: float | None
    warm_wall: float | None
    written: int
    memory: int
    read: int | None
    added: int
    removed: int
    masked: int
    commits: int
    memory_commits: int
    peak: int
    jobs: int | None
    strategy: str
    wrong: int
    rows: int


def figures(cell: Mapping[str, Any]) -> Figures | None:
    """None for a system that could not do it."""
    if "error" in cell or not cell["runs"]:
        return None
    first, last = cell["runs"][0], cell["runs"][-1]
    warm = last if len(cell["runs"]) > 1 else None
    worst = max((run["wrong"] for run in cell["runs"]), key=lambda wrong: int(wrong["wrong"]))
    native = cell["system"] == "floor"
    return Figures(
        system=cell["system"],
        scenario=cell["scenario"],
        keys=cell["size"]["keys"],
        depth=cell["size"]["depth"],
        cpu=first["cpu"],
        wall=first["wall"],
        warm_cpu=warm["cpu"] if warm else None,
        warm_wall=warm["wall"] if warm else None,
        # A database file changes in place, so its size says nothing of what was written.
        written=first["write_calls"] or 0 if native else sum(first["written"].values()),
        memory=first["written"]["memory"],
        read=last["read_calls"],
        added=first["commits"]["added"],
        removed=first["commits"]["removed"],
        masked=first["commits"]["masked"],
        commits=first["commits"]["commits"],
        memory_commits=first["memory_commits"]["commits"],
        peak=max(run["peak_rss"] for run in cell["runs"]),
        jobs=first["engine"].get("jobs"),
        strategy=first["said"].get("strategy", ""),
        wrong=worst["wrong"],
        rows=worst["rows"],
    )


class Measured:
    """All cells' figures, to be asked for by what they are."""

    def __init__(self, cells: Mapping[str, Mapping[str, Any]]) -> None:
        self.cells = cells
        self._known = {
            (cell["system"], cell["scenario"], cell["size"]["keys"], cell["size"]["depth"]): figures(cell)
            for cell in cells.values()
        }

    def of(self, system: str, scenario: str, keys: int, depth: str = "half") -> Figures | None:
        """None where it was not measured, or failed."""
        return self._known.get((system, scenario, keys, depth))

    def all(self) -> list[Figures]:
        return [found for found in self._known.values() if found is not None]
