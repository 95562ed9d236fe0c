"""A stamp: the sign that something was made completely, from which inputs.

It is written last and taken away first, so what an interrupted set-up leaves behind never counts as done.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def digest(*inputs: str | bytes | Path) -> str:
    """Sixteen hex digits over the inputs in order; a path stands for the file's content.

    >>> digest("a", "b") == digest("ab")
    False
    """
    total = hashlib.sha256()
    for one in inputs:
        content = one.read_bytes() if isinstance(one, Path) else one.encode() if isinstance(one, str) else one
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


def matches(stamp: Path, value: str) -> bool:
    """Whether the stamp stands and says that its thing was made from these inputs."""
    try:
        return stamp.read_text("utf-8") == value
    except OSError:
        return False


def write(stamp: Path, value: str) -> None:
    """Set the stamp in one step: a reader sees the old one, none, or the new one."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    draft = stamp.with_name(stamp.name + ".new")
    draft.write_text(value, "utf-8")
    os.replace(draft, stamp)


def remove(stamp: Path) -> None:
    stamp.unlink(missing_ok=True)
