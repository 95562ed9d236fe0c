"""The metrics of a run by name, from what stage 3 counted and what the dataset rules measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gluehouse.spec.manifest import RuleReport


def measured(
    rows: int,
    quarantined: int,
    null_shares: Mapping[str, float | None],
    judged: Iterable[RuleReport],
    checked: Iterable[RuleReport] = (),
) -> dict[str, float | None]:
    """``rows``, ``quarantined``, ``quarantined_share``, ``null_share(COLUMN)``, those of rules by PyDeequ's names, and
    what checks found by the checks' names.

    Two rules that differ in their ``where`` measure under one name: where they disagree the metric is None.
    """
    whole = rows + quarantined
    return {
        "rows": rows,
        "quarantined": quarantined,
        "quarantined_share": quarantined / whole if whole else None,
        **{f"null_share({column})": share for column, share in null_shares.items()},
        **_of_rules(judged),
        **{report.rule: report.metrics.get("found") for report in checked},
    }


def _of_rules(judged: Iterable[RuleReport]) -> dict[str, float | None]:
    found: dict[str, set[float | None]] = {}
    for report in judged:
        for name, value in report.metrics.items():
            known = value if value is not None and math.isfinite(value) else None
            found.setdefault(name, set()).add(known)
    return {name: next(iter(values)) if len(values) == 1 else None for name, values in found.items()}
