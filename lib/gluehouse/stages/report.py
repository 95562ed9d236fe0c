"""What a stage says of itself, before it is put into the run's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gluehouse.errors import DataError
from gluehouse.spec.manifest import Counts, RuleReport, TableReport


@dataclass(frozen=True)
class Report:
    """``problem`` is set where the stage did its work and the data failed it: it blocks what follows.

    ``measured``: metrics of the run by name, to be remembered; None where one could not be told.
    """

    counts: Counts = field(default_factory=Counts)
    tables: tuple[TableReport, ...] = ()
    quality: tuple[RuleReport, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    published: bool = False
    problem: DataError | None = None
    measured: Mapping[str, float | None] = field(default_factory=dict)
