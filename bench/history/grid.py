"""Which cells are measured: a set that fits into twenty minutes on two cores, and the whole grid."""

from __future__ import annotations

from collections.abc import Iterable

from bench.history.cell import Cell
from bench.history.scenarios import Size
from bench.history.systems import SYSTEMS

SPARK = ("ours_dv", "ours", "mack", "docs_merge")
ALL = tuple(SYSTEMS)
QUARTER, HALF, ONE, TWO, FOUR = 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000


def short() -> list[Cell]:
    """0.5M and 2M random, depth 8 beside depth 1, no change, CDC; ours, mack and Delta's MERGE."""
    return [
        *_cells(SPARK, "random", [Size(TWO)], warm=3),
        *_cells(SPARK, "random", [Size(HALF)]),
        *_cells(("ours_dv", "ours"), "random", [Size(HALF, "1")]),
        *_cells(("ours_dv", "ours", "mack"), "random", [Size(HALF, "8")]),
        *_cells(("ours_dv", "mack"), "repeat", [Size(HALF)]),
        *_cells(("ours_dv", "mack"), "confirm", [Size(HALF)]),
        *_cells(SPARK, "cdc", [Size(HALF)]),
    ]


def whole() -> list[Cell]:
    """Everything; the short set's cells first."""
    cells = [
        *short(),
        *_cells(ALL, "random", [Size(keys) for keys in (QUARTER, HALF, ONE)]),
        *_cells(ALL, "random", [Size(TWO)], warm=3),
        *_cells(("ours_dv", "ours", "mack", "delta_rs", "floor"), "random", [Size(FOUR)]),
        *_cells(ALL, "local", [Size(keys) for keys in (QUARTER, TWO)]),
        *_cells(ALL, "random", [Size(HALF, depth) for depth in ("1", "4", "8")]),
        *_cells(SPARK, "many", [Size(ONE)]),
        *(cell for name in ("repeat", "confirm", "new", "hundred", "cdc") for cell in _cells(ALL, name, [Size(HALF)])),
    ]
    return list({cell.name: cell for cell in cells}.values())


def _cells(systems: Iterable[str], scenario: str, sizes: list[Size], warm: int = 1) -> list[Cell]:
    return [Cell(system, scenario, size, warm) for size in sizes for system in systems]
