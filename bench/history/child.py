"""The process of one system: it reads one JSON order a line and answers with one JSON line. It measures nothing."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from bench.history.systems import named
from bench.history.systems.system import Seed, System


def obey(system: System, order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered (start, create, upgrade, apply, observe); the seconds it took and what the system said."""
    began = time.perf_counter()
    said: dict[str, Any] = {}
    match order["do"]:
        case "start":
            system.start()
        case "create":
            system.create(Path(order["table"]), Seed(Path(order["events"]), Path(order["versions"])))
        case "upgrade":
            system.upgrade(Path(order["table"]))
        case "apply":
            said = system.apply(Path(order["table"]), Path(order["batch"]), order["batch_id"])
        case "observe":
            said = system.observe()
        case other:
            raise ValueError(f"no such order: {other}")
    return {"ok": True, "seconds": time.perf_counter() - began, "said": said}


def serve(system: System, orders: TextIO, answers: TextIO) -> None:
    for line in orders:
        try:
            answer = obey(system, json.loads(line))
        except Exception as error:
            traceback.print_exc()
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}".strip()[:600]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    # What Java and libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(named(sys.argv[1]), sys.stdin, answers)
