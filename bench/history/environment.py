"""The benchmark's own Python: peers that the product never installs, exactly pinned, in ``.cache/bench``."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "lib"))

from gluehouse_local.setup import pythons, stamp  # noqa: E402
from gluehouse_local.setup.main import Checkout  # noqa: E402
from gluehouse_local.setup.progress import Progress  # noqa: E402

VENV = ROOT / ".cache/bench"
PINS = ROOT / "requirements/bench.txt"


def is_ours() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def set_up() -> Path:
    """Make the environment where it is missing or was made from other pins; its python.

    Needs what ``make setup`` makes (jars, Java, the wheel of PySpark). Raises SetupError GH7002 to GH7009.
    """
    at = Checkout(ROOT)
    at.java()
    python, made_from = VENV / "bin/python", stamp.digest("1", str(VENV.resolve()), PINS)
    made = VENV / ".stamp"
    with (ROOT / ".cache/bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.matches(made, made_from) and os.access(python, os.X_OK):
            return python
        progress, began = Progress(), time.monotonic()
        progress.line("the benchmark's environment (.cache/bench), a minute or two the first time ...")
        stamp.remove(made)
        log = ROOT / ".cache/bench.log"
        pythons.install(pythons.create(VENV), PINS, log, progress, at.wheels)
        stamp.write(made, made_from)
        progress.line(f"the benchmark's environment: done in {time.monotonic() - began:.0f} s")
    return python


def go_there(arguments: list[str]) -> None:
    """Replace this process by the same command in the benchmark's environment."""
    python = str(set_up())
    path = os.pathsep.join((str(ROOT), str(ROOT / "lib")))
    os.execve(python, [python, "-m", "bench.history", *arguments], {**os.environ, "PYTHONPATH": path})  # noqa: S606
