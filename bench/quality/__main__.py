"""What 10 row rules, 2 of uniqueness and a quarantine cost: ours, a plain write, PyDeequ alone, one pass a rule."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from bench.history.worker import Failed, Worker
from bench.quality.data import delivery
from bench.quality.report import report
from bench.quality.systems import SYSTEMS, TITLES

ROOT = Path(__file__).parents[2]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/bench-quality", help="where data lie")
    parser.add_argument("--results", type=Path, help="the results file; the report goes beside it (in the work folder)")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--warm", type=int, default=2, help="runs after the first")
    parser.add_argument("--only", action="append", choices=list(SYSTEMS), help="this system; may be repeated")
    asked = parser.parse_args(argv)
    work, file = asked.work.resolve(), (asked.results or asked.work / "quality.json").resolve()
    delivered = delivery(work, asked.rows)
    found: dict[str, list[dict[str, Any]]] = {}
    for system in asked.only or SYSTEMS:
        print(TITLES[system], flush=True)
        try:
            found[system] = measure(system, delivered, work, asked.warm)
        except Failed as problem:
            print(f"  failed: {problem}", flush=True)
            return 1
    told = {"rows": asked.rows, "bytes": delivered.stat().st_size, "runs": found}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    file.with_suffix(".md").write_text(report(found, asked.rows, delivered.stat().st_size), "utf-8")
    print(f"report: {file.with_suffix('.md')}")
    return 0


def measure(system: str, delivered: Path, work: Path, warm: int) -> list[dict[str, Any]]:
    """The first run in a fresh process and the warm ones after it. Raises Failed with what the system said."""
    runs, place = [], work / "runs" / system
    shutil.rmtree(place, ignore_errors=True)
    try:
        with Worker(system, place / "work", work / f"{system}.log", "bench.quality.child") as worker:
            worker.order("start")
            worker.order("observe")
            for number in range(warm + 1):
                out = place / f"out{number}"
                run = worker.measured("apply", table=str(out), batch=str(delivered), batch_id="one")
                run["engine"] = worker.order("observe")["said"]
                runs.append(run)
                engine = run["engine"]
                print(
                    f"  {run['wall']:6.2f} s {run['cpu']:6.2f} CPU s; read {engine['input_bytes'] / 1e6:.0f} MB, "
                    f"shuffled {engine['shuffle_bytes'] / 1e6:.0f} MB, {engine['jobs']} jobs; {run['said']}",
                    flush=True,
                )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return runs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
