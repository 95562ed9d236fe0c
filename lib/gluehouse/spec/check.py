"""Checks of a whole data set that DQDL cannot say: ``quality`` of a pipeline, beside its rules.

Each has a severity, and where a number may differ, a tolerance: the larger of ``absolute`` and ``relative`` times what
is expected. A check that cannot be evaluated is failed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gluehouse.spec.duration import Duration
from gluehouse.spec.model import Spec
from gluehouse.spec.types import TABLE_NAME

AUDIT_NAME = r"^[a-z][a-z0-9_]*\.sql$"


class Check(Spec):
    severity: Literal["stop", "warn"] = Field(default="stop", description="stop: nothing is published where it fails")


class Tolerant(Check):
    """A check of a number that may be off by a little."""

    absolute: float = Field(default=0, ge=0, allow_inf_nan=False, description="In the unit of what is compared")
    relative: float = Field(default=0, ge=0, le=1, description="A share of what is expected")

    def allowed(self, expected: float) -> float:
        """How far from ``expected`` a number may be.

        >>> Tolerant(absolute=2, relative=0.01).allowed(1000)
        10.0
        """
        return max(float(self.absolute), self.relative * abs(expected))


class DriftCheck(Check):
    """The columns and types of this batch against those of the last run that was published."""

    severity: Literal["stop", "warn"] = "warn"


class RowsCheck(Tolerant):
    """Rows staged = rows processed + rows set aside. For transforms that neither make nor merge rows."""


class SumCheck(Tolerant):
    """The sum of a number column of the processed rows against that of ``source`` in the staged ones."""

    column: str
    source: str | None = Field(default=None, description="The staged column. Default: that of the same name")

    @property
    def staged(self) -> str:
        return self.source or self.column


class KeysCheck(Tolerant):
    """Keys that were staged and are neither processed nor set aside."""

    columns: tuple[str, ...] = Field(default=(), description="Default: the history's keys, else the contract's")


class Reconcile(Spec):
    """What must be the same before and after the transform. A part that is left out is not looked at."""

    rows: RowsCheck | None = None
    sums: tuple[SumCheck, ...] = ()
    keys: KeysCheck | None = None

    @model_validator(mode="after")
    def _no_sum_stands_twice(self) -> Reconcile:
        named = [one.column for one in self.sums]
        if len(set(named)) != len(named):
            raise ValueError(f"reconcile.sums names a column twice: {sorted(named)}")
        return self


class FreshnessCheck(Check):
    """The newest value of a date or timestamp column is at most ``within`` older than the run's trigger."""

    column: str
    within: Duration = Field(description="ISO 8601, such as PT36H. A date counts from its midnight, UTC")


class ReferenceCheck(Tolerant):
    """Rows whose columns name a row of a table of the lake. A NULL names none and passes; ``relative``: of the rest."""

    on: dict[str, str] = Field(min_length=1, description="Column here -> column there")
    table: str = Field(pattern=TABLE_NAME, description="database.table, a Delta table of the curated zone")
    at: str | None = Field(
        default=None,
        description="A date or timestamp column here: the version that held then must be there. "
        "Without it, of a history table the current rows",
    )


class Audit(Tolerant):
    """A file of ``sql/<pipeline>/audits`` whose rows are violations. One that is not named here stops at one row."""

    name: str = Field(pattern=AUDIT_NAME, description="The file's name; relative: of the processed rows")
    tables: tuple[str, ...] = Field(default=(), description="Further tables that it reads, each as database_table")

    @model_validator(mode="after")
    def _tables_are_named(self) -> Audit:
        wrong = [name for name in self.tables if name.count(".") != 1]
        if wrong:
            raise ValueError(f"tables names {wrong}; write database.table")
        return self


def view_of(table: str) -> str:
    """The name under which an audit reads a table: a view has no database.

    >>> view_of("curated.countries")
    'curated_countries'
    """
    return table.replace(".", "_")
