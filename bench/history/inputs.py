"""The Parquet files that a run needs: events, versions, batches, right answers. Made once, kept in the work folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.history import data, reference
from bench.history.scenarios import Batch, Scenario, Size

Say = Callable[[str], None]


class Inputs:
    """Files below ``folder``, each named by what it holds."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say

    def events(self, size: Size) -> Path:
        """The events that made the table."""
        return self._file(f"events-{size.table}", lambda: data.base_events(size.keys, size.depth))

    def versions(self, size: Size) -> Path:
        """The table that they make."""
        events = self.events(size)
        return self._file(f"versions-{size.table}", lambda: reference.versions(f"FROM read_parquet('{events}')"))

    def batch(self, batch: Batch, size: Size) -> Path:
        return self._file(f"batch-{batch.name}-{size.name}", lambda: batch.events)

    def wanted(self, scenario: Scenario, size: Size) -> Path:
        """The right table after the scenario: from all events that it has seen, the measured batch's too."""
        batches = [*scenario.before(size), scenario.timed(size)]
        files = ", ".join(f"'{file}'" for file in (self.events(size), *(self.batch(one, size) for one in batches)))
        query = reference.versions(f"FROM read_parquet([{files}])")
        return self._file(f"wanted-{scenario.name}-{size.name}", lambda: query)

    def _file(self, name: str, query: Callable[[], str]) -> Path:
        file = self.folder / f"{name}.parquet"
        if not file.exists():
            self.say(f"  data: {name}")
            with data.connect() as connection:
                data.write(connection, query(), file)
        return file
