"""What a row rule IS: a check of one typed row at ingest. A value that is NULL passes every one of them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gluehouse.spec.model import Spec
from gluehouse.spec.types import IDENTIFIER

Operator = Literal["<", "<=", "=", "!=", ">=", ">"]


class _Rule(Spec):
    """``reject`` sets the row aside; ``warn`` lets it through and counts it in the manifest."""

    severity: Literal["reject", "warn"] = Field(
        default="reject", description="reject: the row goes to quarantine; warn: it is kept, and counted"
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule names by its fields; those inside of SQL are not told."""
        return ()

    @property
    def title(self) -> str:
        """What the rule is called in quarantine, manifest and diff, such as ``between(lat)``."""
        return f"{getattr(self, 'rule')}({', '.join(self.columns)})"  # noqa: B009 - every kind has its own literal


class _OfOne(_Rule):
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


class InSet(_OfOne):
    """The value is one of those listed; NULL passes."""

    rule: Literal["in_set"]
    values: tuple[str | int | float, ...] = Field(min_length=1)


class Between(_OfOne):
    """The value lies between ``min`` and ``max``, both included, each optional; NULL passes."""

    rule: Literal["between"]
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Between:
        if self.min is None and self.max is None:
            raise ValueError("between needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"between has min {self.min} above max {self.max}, so no value passes")
        return self


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    return pattern


class Pattern(_OfOne):
    """The whole text matches a regular expression (the part Java and Python share); NULL passes."""

    rule: Literal["pattern"]
    pattern: Annotated[str, AfterValidator(_compilable)]


class Length(_OfOne):
    """The text has between ``min`` and ``max`` characters, both included; NULL passes."""

    rule: Literal["length"]
    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)

    @model_validator(mode="after")
    def _can_be_met(self) -> Length:
        if self.min > self.max:
            raise ValueError(f"length has min {self.min} above max {self.max}, so no text passes")
        return self


class Comparison(_Rule):
    """Two columns of a row compare as ``operator`` says; NULL in either passes, NaN in either does not.

    >>> Comparison(rule="comparison", column="starts_on", operator="<=", other="ends_on").title
    'comparison(starts_on <= ends_on)'
    """

    rule: Literal["comparison"]
    column: str
    operator: Operator
    other: str = Field(description="The column on the right, of the same kind of type")

    @model_validator(mode="after")
    def _of_two(self) -> Comparison:
        if self.column == self.other:
            raise ValueError(f"comparison needs two columns, but names {self.column} twice")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.other)

    @property
    def title(self) -> str:
        return f"comparison({self.column} {self.operator} {self.other})"


class Expression(_Rule):
    """A SQL expression over the typed columns that is true for a good row; NULL passes."""

    rule: Literal["expression"]
    name: str = Field(pattern=IDENTIFIER)
    sql: str = Field(min_length=1)

    @property
    def title(self) -> str:
        return self.name


RowRule = Annotated[InSet | Between | Pattern | Length | Comparison | Expression, Field(discriminator="rule")]
