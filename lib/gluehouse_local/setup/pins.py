"""Pin files: `requirements/*.txt` (exact Python modules) and `requirements/*.jars` (exact jars in sections)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gluehouse.errors import SetupError

_MODULE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+$")
_JAR = re.compile(r"^[\w.-]+:[\w.-]+:[\w.-]+$")


@dataclass(frozen=True)
class Jar:
    """One jar by its Maven coordinates."""

    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def _lines(path: Path) -> list[tuple[int, str]]:
    numbered = enumerate(path.read_text("utf-8").splitlines(), start=1)
    return [(number, line.strip()) for number, line in numbered if line.strip() and not line.startswith("#")]


def modules(path: Path) -> list[str]:
    """The `name==version` lines of a pin file. Raises SetupError GH7008 for a line that pins nothing."""
    for number, line in _lines(path):
        if not _MODULE.match(line):
            raise SetupError("GH7008", f"{path.name} line {number} is {line!r}, not name==version.", "Pin it exactly.")
    return [line for _, line in _lines(path)]


def jars(path: Path) -> dict[str, list[Jar]]:
    """The jars of a profile by section. Raises SetupError GH7008 for a line that is no section and no coordinate."""
    sections: dict[str, list[Jar]] = {}
    current: list[Jar] | None = None
    for number, line in _lines(path):
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], [])
        elif current is not None and _JAR.match(line):
            current.append(Jar(*line.split(":")))
        else:
            raise SetupError(
                "GH7008", f"{path.name} line {number} is {line!r}.", "Write [section] or group:artifact:version."
            )
    return sections
