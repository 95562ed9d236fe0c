"""What an apply needs to know of a snapshot, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Snapshot:
    """What ingest set aside of a full snapshot.

    ``quarantined_keys`` has the key columns of rows in quarantine: the snapshot does not speak for those keys.
    ``illegible_rows`` counts quarantined rows without a legible key: then it deletes nothing. A snapshot that is
    not ``complete`` is refused (GH4004).
    """

    quarantined_keys: DataFrame | None = None
    illegible_rows: int = 0
    complete: bool = True


@dataclass(frozen=True)
class HistoryResult:
    """Counts of versions, the rows set aside, and how the table was written.

    ``opened`` versions were inserted, ``closed`` ones got their end, ``updated`` ones changed otherwise or moved,
    ``removed`` ones disappeared (a late event or a winning delete); ``unchanged`` events changed no version.
    ``rejected`` has the batch's columns and, as its last two, ``rule`` and ``reason`` (``_rule``, ``_reason`` where the
    batch has a column of that name).
    """

    opened: int = 0
    closed: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: DataFrame | None = None
    rejected_count: int = 0
    version_before: int | None = None
    version_after: int | None = None
    strategy: str = "none"
    why: str = ""
    remembered: int = 0
    memory_version: int | None = None
    warnings: list[str] = field(default_factory=list)
    retired_keys: DataFrame | None = None
