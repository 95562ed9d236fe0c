"""What a system under test does. It lives in a process of its own; whoever measures it stands outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seed:
    """What a table is made of: the events and the versions that they make, each as one Parquet file."""

    events: Path
    versions: Path


class System(ABC):
    """One way to keep a history table."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def start(self) -> None:
        """Make the session; not part of a run's figures, but its cost is recorded."""

    def create(self, table: Path, seed: Seed) -> None:
        """A table with these versions, in the system's own layout; nothing where the first batch makes the table."""
        del table, seed

    @abstractmethod
    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        """One batch into the table: the measured call. What the system says of it, if anything."""

    def upgrade(self, table: Path) -> None:
        """What is to be done to a table that another system made; nothing for most."""
        del table

    def observe(self) -> dict[str, Any]:
        """What the system's own metrics say of the work since the last call; asked outside the measured time."""
        return {}
