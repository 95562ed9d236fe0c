"""A rule that holds a metric of a run against what earlier runs measured: ``quality.anomaly`` of a pipeline."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from gluehouse.spec.model import Spec

COUNTS = ("rows", "quarantined")
SHARES = re.compile(r"quarantined_share|null_share\((?P<column>.+)\)")
MEASURED_BY_A_RULE = re.compile(r"(?:Column|Dataset|Multicolumn)\..+\..+")
"""What PyDeequ calls the metrics of dataset rules: ``Column.city.Completeness``, ``Dataset.*.RowCount``."""


class AnomalyRule(Spec):
    """One metric and how far it may lie from the median of earlier published runs.

    The band is ``median ± sensitivity * MAD / 0.6745``, or ``floor`` where that is wider.
    """

    metric: str = Field(
        min_length=1,
        description="rows | quarantined | quarantined_share | null_share(COLUMN) | a metric of a dataset rule, "
        "such as Column.city.Completeness",
    )
    severity: Literal["stop", "warn"] = "warn"
    sensitivity: float = Field(default=3.5, gt=0, allow_inf_nan=False, description="Half the band's width in MADs")
    history: int = Field(default=8, ge=3, description="Earlier values that a band needs; with fewer the rule passes")
    window: int = Field(default=60, ge=3, le=1000, description="How many of the last published runs are looked at")
    weekday: Literal["auto", "never"] = Field(
        default="auto", description="auto: the same weekday's runs alone (UTC), where there are enough of them"
    )
    floor: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Least half-width, in the metric's unit. Default: 1 row, or a share of 0.01",
    )

    @model_validator(mode="after")
    def _can_be_judged(self) -> AnomalyRule:
        known = self.metric in COUNTS or SHARES.fullmatch(self.metric)
        if not known and not MEASURED_BY_A_RULE.fullmatch(self.metric):
            raise ValueError(
                f"'{self.metric}' is no metric; write rows, quarantined, quarantined_share, null_share(COLUMN), "
                "or the name of a dataset rule's metric, such as Column.city.Completeness"
            )
        if not known and self.floor is None:
            raise ValueError(f"nothing tells the unit of {self.metric}; write `floor:`, the least change that matters")
        if self.window < self.history:
            raise ValueError(f"a window of {self.window} runs never holds the {self.history} that the band needs")
        return self

    @property
    def column(self) -> str | None:
        """The column of a null share."""
        found = SHARES.fullmatch(self.metric)
        return found["column"] if found else None

    @property
    def least(self) -> float:
        """Least half-width of the band: a constant metric must not alarm at the first row."""
        if self.floor is not None:
            return self.floor
        return 1.0 if self.metric in COUNTS else 0.01
