"""``python -m bench.history``: see ``--help``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.history import environment
from bench.history.scenarios import SCENARIOS, Size
from bench.history.systems import MODULES

ROOT = Path(__file__).parents[2]


def say(text: str) -> None:
    print(text, flush=True)


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/bench-history", help="where data and tables lie")
    orders = parser.add_subparsers(dest="order", required=True)
    run = orders.add_parser("run", help="one system on one scenario")
    run.add_argument("--system", choices=sorted(MODULES), required=True)
    run.add_argument("--scenario", choices=sorted(SCENARIOS), default="random")
    run.add_argument("--keys", type=int, default=500_000)
    run.add_argument("--depth", default="half", help="versions a key has: a number, or half (every second key has two)")
    run.add_argument("--changes", type=int, default=20_000)
    run.add_argument("--warm", type=int, default=3, help="runs after the first, each on a fresh copy of the table")
    run.add_argument("--reseed", action="store_true", help="make the table to begin with anew")
    run.add_argument("--json", type=Path, help="also write all that was measured to this file")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    asked = arguments(argv)
    if not environment.is_ours():
        environment.go_there(argv)
    # Only its own environment has what the rest imports.
    from bench.history.cell import Bench, Cell

    bench = Bench(asked.work.resolve(), say, asked.reseed)
    cell = Cell(asked.system, asked.scenario, Size(asked.keys, asked.depth, asked.changes), asked.warm)
    say(cell.name)
    found = bench.run(cell)
    if "error" in found:
        say(f"  failed: {found['error']}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
