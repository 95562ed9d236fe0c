"""What a row rule IS: a check of a typed row at ingest. A value that is NULL passes every one of them.

Most see one row. ``Unique`` sees the rows of the batch, ``Reference`` a published table.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from gluehouse.spec.model import Spec
from gluehouse.spec.regex import Regex
from gluehouse.spec.row_sql import check_row_sql
from gluehouse.spec.types import IDENTIFIER, TABLE_NAME

Operator = Literal["<", "<=", "=", "!=", ">=", ">"]
# Of a DOUBLE; no column has a number beyond.
_LARGEST_EXPONENT = 308


def _of_some_column(bound: Decimal) -> Decimal:
    if bound and abs(bound.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"no column has a number such as {bound}")
    return bound


def _as_json(bound: Decimal) -> float | int | str:
    """A float where that is all of it: so fingerprints and artifacts have it since there are any."""
    near = float(bound)
    if Decimal(repr(near)) == bound:
        return near
    return int(bound) if bound == bound.to_integral_value() else str(bound)


# Exact, because a float of 9007199254740993 is another number.
Bound = Annotated[Decimal, AfterValidator(_of_some_column), PlainSerializer(_as_json)]


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
    """The number lies between ``min`` and ``max``, both included, each optional; NULL passes.

    >>> Between(rule="between", column="id", min=0, max=9007199254740993).model_dump_json(include={"min", "max"})
    '{"min":0.0,"max":9007199254740993}'
    """

    rule: Literal["between"]
    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Between:
        if self.min is None and self.max is None:
            raise ValueError("between needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"between has min {self.min} above max {self.max}, so no value passes")
        return self


class Pattern(_OfOne):
    """The whole text matches a regular expression (the part Java and Python share); NULL passes."""

    rule: Literal["pattern"]
    pattern: Regex


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
    sql: Annotated[str, Field(min_length=1), AfterValidator(check_row_sql)]

    @property
    def title(self) -> str:
        return self.name


class Unique(_Rule):
    """No other row of the batch has the same values in these columns; NULL in any of them passes, as in SQL.

    Judged among the rows that no other rule sets aside. Of rows that have a combination in common ``keep`` lets pass:
    none; the ``first`` or ``last`` of them in the order of ``by``; or one, where they are the same in ``any`` column.

    >>> Unique(rule="unique", columns=["till", "receipt"], keep="last", by=["changed_at"]).title
    'unique(till, receipt)'
    """

    rule: Literal["unique"]
    # `columns` is what all rules answer, so the field has another name inside.
    combination: tuple[str, ...] = Field(alias="columns", min_length=1, description="What no two rows have in common")
    keep: Literal["none", "first", "last", "any"] = Field(
        default="none", description="Which of several passes; any: one of rows that are the same in all columns"
    )
    by: tuple[str, ...] = Field(default=(), description="For first and last: the columns that order the rows")

    @model_validator(mode="after")
    def _order_is_said_where_it_counts(self) -> Unique:
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise ValueError(f"unique names {twice} twice")
        if (self.keep in ("first", "last")) != bool(self.by):
            raise ValueError(f"unique with keep: {self.keep} {'takes no' if self.by else 'needs'} `by`")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.combination, *self.by)

    @property
    def title(self) -> str:
        return f"unique({', '.join(self.combination)})"


class Reference(_Rule):
    """The values of these columns stand together in a row of a published table; NULL in any of them passes.

    >>> Reference(rule="reference", on={"country": "iso2"}, table="curated.countries").title
    'reference(country in curated.countries)'
    """

    rule: Literal["reference"]
    on: dict[str, str] = Field(min_length=1, description="Column here: column there")
    table: str = Field(pattern=TABLE_NAME, description="database.table of the curated zone")
    current: bool = Field(default=True, description="Of a history table the current versions; false: all")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.on)

    @property
    def title(self) -> str:
        return f"reference({', '.join(self.on)} in {self.table})"


RowRule = Annotated[
    InSet | Between | Pattern | Length | Comparison | Expression | Unique | Reference, Field(discriminator="rule")
]
