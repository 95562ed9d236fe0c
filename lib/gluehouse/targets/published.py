"""What became of one table that a batch was published to."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from gluehouse.spec.manifest import TableReport


@dataclass(frozen=True)
class Published:
    """What became of one table. ``rejected``: rows the engine set aside, with ``rule`` and ``reason``."""

    report: TableReport
    rejected: DataFrame | None = None
    warnings: tuple[str, ...] = ()
