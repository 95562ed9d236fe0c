"""The results file: one JSON, written anew after each cell, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def machine() -> dict[str, Any]:
    """What the figures were measured on; no name of it."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text("utf-8").splitlines() if cpus.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
    }


class Results:
    """Cells by name in ``file``. Raises ValueError where the file's figures are another machine's."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.cells: dict[str, dict[str, Any]] = {}
        self.machine = machine()
        if file.exists():
            known = json.loads(file.read_text("utf-8"))
            if known["machine"] != self.machine:
                raise ValueError(
                    f"{file} was measured on {known['machine']}, this is {self.machine}: name another file"
                )
            self.cells = known["cells"]

    def has(self, name: str, source: str, warm: int) -> bool:
        """Whether the cell was measured, with the system as it is now, and as often."""
        known = self.cells.get(name)
        return known is not None and known["source"] == source and ("error" in known or len(known["runs"]) > warm)

    def add(self, name: str, found: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.cells[name] = {**found, "measured_at": at, "commit": commit()}
        draft = self.file.with_name(self.file.name + ".new")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"machine": self.machine, "cells": self.cells}, indent=1) + "\n", "utf-8")
        draft.rename(self.file)


def commit() -> str:
    """The checkout's commit, with ``+`` where files differ from it; empty outside of git."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()
