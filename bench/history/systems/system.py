"""What a system under test does. It lives in a process of its own; whoever measures it stands outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Seed:
    """What a table is made of: the events and the versions that they make, each as one Parquet file."""

    events: Path
    versions: Path


class System(Protocol):
    """One way to keep a history table.

    ``columns`` names its columns for a version's start and end; ``table_format`` is ``delta`` or ``duckdb``.
    """

    name: str
    title: str
    columns: tuple[str, str]
    table_format: str

    def start(self) -> None:
        """Make the session; untimed, but its cost is recorded."""

    def create(self, table: Path, seed: Seed) -> None:
        """A table with these versions, in the system's own layout; untimed."""

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        """One batch into the table: the measured call. What the system says of it, if anything."""

    def observe(self) -> dict[str, Any]:
        """What the system's own metrics say of the work since the last call; asked outside the measured time."""
