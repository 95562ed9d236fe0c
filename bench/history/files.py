"""What a batch did to a table's folder, seen from the files alone, and in the commits of its Delta log."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG = "_delta_log"
MEMORY = "__memory"

# Path below the root -> (bytes, time of change in ns, inode).
Listing = dict[str, tuple[int, int, int]]


def listing(*roots: Path) -> Listing:
    found: Listing = {}
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder) / name
                stat = path.stat()
                found[str(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def copy_table(source: Path, target: Path) -> None:
    """A copy with a life of its own: data files, which nobody changes, as hard links; logs and the rest as copies."""

    def copy(one: str, other: str) -> None:
        if Path(one).suffix in (".parquet", ".bin") and f"/{LOG}/" not in one:
            os.link(one, other)
        else:
            shutil.copy2(one, other)

    for suffix in ("", MEMORY):
        if source.with_name(source.name + suffix).exists():
            shutil.copytree(
                source.with_name(source.name + suffix), target.with_name(target.name + suffix), copy_function=copy
            )


def remove_table(table: Path) -> None:
    for suffix in ("", MEMORY):
        shutil.rmtree(table.with_name(table.name + suffix), ignore_errors=True)
    table.with_name(table.name + "__lock").unlink(missing_ok=True)


@dataclass(frozen=True)
class Commits:
    """Commits of a Delta table after a version: how many, and data files added, removed, given deletion vectors."""

    commits: int
    added: int
    removed: int
    masked: int
    operations: tuple[str, ...]


def newest_version(table: Path) -> int:
    """The newest version in the log, -1 where there is none."""
    return max((int(file.stem) for file in (table / LOG).glob("[0-9]*.json")), default=-1)


def commits_after(table: Path, version: int) -> Commits:
    added = removed = masked = 0
    operations: list[str] = []
    files = sorted(file for file in (table / LOG).glob("[0-9]*.json") if int(file.stem) > version)
    for file in files:
        actions = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line]
        adds = {action["add"]["path"] for action in actions if "add" in action}
        removes = {action["remove"]["path"] for action in actions if "remove" in action}
        masked += len(adds & removes)
        added += len(adds - removes)
        removed += len(removes - adds)
        operations += [_operation(action["commitInfo"]) for action in actions if "commitInfo" in action]
    return Commits(len(files), added, removed, masked, tuple(operations))


def _operation(info: dict[str, Any]) -> str:
    mode = info.get("operationParameters", {}).get("mode")
    return f"{info['operation']} {mode}" if mode else str(info["operation"])


def written(before: Listing, after: Listing, table: Path) -> dict[str, int]:
    """Bytes of the files that are new or changed: data, deletion vectors and log of the table; memory in all."""
    total = {"data": 0, "vectors": 0, "log": 0, "memory": 0}
    memory = str(table) + MEMORY
    for path, (size, *_rest) in after.items():
        if before.get(path) == after[path]:
            continue
        if path.startswith(memory):
            total["memory"] += size
        elif f"/{LOG}/" in path:
            total["log"] += size
        elif path.endswith(".bin"):
            total["vectors"] += size
        else:
            total["data"] += size
    return total
