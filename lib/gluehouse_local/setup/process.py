"""Run a tool of the set-up, keep its output in a log, and show its progress."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def run_logged(
    command: Sequence[str], env: Mapping[str, str], log: Path, each_line: Callable[[str], None]
) -> tuple[int, str]:
    """Run to the end and return its exit code and whole output, which is also appended to the log.

    The child is ended with us: an interrupted set-up leaves no pip behind that goes on writing. Where we are killed and
    cannot end it, it holds the set-up's lock on (close_fds=False lets it inherit that file), so the next one waits.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n")
        with subprocess.Popen(
            command, env=dict(env), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, close_fds=False,
        ) as child:  # fmt: skip
            try:
                for line in child.stdout or ():
                    file.write(line)
                    said.append(line)
                    each_line(line.strip())
            except BaseException:
                child.kill()
                raise
    return child.returncode, "".join(said)
