"""What a batch into a history table costs: ours and its peers. Without a word: the short set, under twenty minutes.

Driver memory, master and every Spark setting stand in bench/history/systems/spark.py, the same for all. The measuring
process is another one than the measured. A run that was stopped goes on where it was; what has not changed since it was
measured is not measured again, unless --again is given.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from pathlib import Path

from bench.history import environment
from bench.history.scenarios import SCENARIOS, Size
from bench.history.systems import SYSTEMS

ROOT = Path(__file__).parents[2]


def say(text: str) -> None:
    print(text, flush=True)


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/bench-history", help="where data and tables lie")
    parser.add_argument("--results", type=Path, help="the results file; the report goes beside it (in the work folder)")
    parser.add_argument("--full", action="store_true", help="the whole grid, some ninety minutes")
    parser.add_argument("--again", action="store_true", help="also measure again what was measured before")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cells with this in their name, as in cdc/")
    orders = parser.add_subparsers(dest="order")
    run = orders.add_parser("run", help="one system on one scenario; nothing is recorded")
    run.add_argument("--system", choices=list(SYSTEMS), required=True)
    run.add_argument("--scenario", choices=list(SCENARIOS), default="random")
    run.add_argument("--keys", type=int, default=500_000)
    run.add_argument("--depth", default="half", help="versions a key has: a number, or half (every second key has two)")
    run.add_argument("--changes", type=int, default=20_000)
    run.add_argument("--warm", type=int, default=3, help="runs after the first, each on a fresh copy of the table")
    run.add_argument("--reseed", action="store_true", help="make the table to begin with anew")
    run.add_argument("--json", type=Path, help="also write all that was measured to this file")
    orders.add_parser("report", help="only write the report of the results that there are")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    asked = arguments(argv)
    if not environment.is_ours():
        environment.go_there(argv)
    # Only its own environment has what these import.
    from bench.history.campaign import publish, run_all
    from bench.history.cell import Bench, Cell

    work = asked.work.resolve()
    results = (asked.results or work / "results" / "history.json").resolve()
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another benchmark works in {work}: wait for it, or name another folder with --work")
            return 2
        if asked.order == "run":
            cell = Cell(asked.system, asked.scenario, Size(asked.keys, asked.depth, asked.changes), asked.warm)
            say(cell.name)
            found = Bench(work, say, "always" if asked.reseed else "never").run(cell)
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
        elif asked.order == "report":
            publish(results, say)
        else:
            run_all(Bench(work, say, "stale"), results, asked.full, asked.again, asked.only, say)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
