"""What a contract IS: the agreed columns, keys and row rules of one data set, under a version."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gluehouse.spec.model import Spec
from gluehouse.spec.types import IDENTIFIER, ColumnType

CONTRACT_NAME = r"^[a-z][a-z0-9_]*\.v[1-9][0-9]*$"


class Column(Spec):
    """One column: its name as delivered, its type, and whether NULL is allowed."""

    name: str = Field(pattern=IDENTIFIER)
    type: ColumnType
    nullable: bool = True
    description: str = ""
    format: str | None = Field(default=None, description="Spark's datetime pattern of a date or timestamp in text")

    @model_validator(mode="after")
    def _format_belongs_to_time(self) -> Column:
        if self.format is not None and self.type not in ("date", "timestamp"):
            raise ValueError(f"a format is for date and timestamp columns, but {self.name} is {self.type}")
        return self


class InSet(Spec):
    """The value is one of those listed; NULL passes."""

    rule: Literal["in_set"]
    column: str
    values: tuple[str | int | float, ...] = Field(min_length=1)


class Between(Spec):
    """The value lies between ``min`` and ``max``, both included, each optional; NULL passes."""

    rule: Literal["between"]
    column: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Between:
        if self.min is None and self.max is None:
            raise ValueError("between needs min, max or both")
        return self


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    return pattern


class Pattern(Spec):
    """The whole text matches a regular expression (the part Java and Python share); NULL passes."""

    rule: Literal["pattern"]
    column: str
    pattern: Annotated[str, AfterValidator(_compilable)]


class Length(Spec):
    """The text has between ``min`` and ``max`` characters, both included; NULL passes."""

    rule: Literal["length"]
    column: str
    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)


class Expression(Spec):
    """A SQL expression over the typed columns that is true for a good row; NULL passes."""

    rule: Literal["expression"]
    name: str = Field(pattern=IDENTIFIER)
    sql: str = Field(min_length=1)


RowRule = Annotated[InSet | Between | Pattern | Length | Expression, Field(discriminator="rule")]


class Contract(Spec):
    """A data set's agreement. Grain: one row a business key (and sequence, where changes are delivered)."""

    contract: str = Field(pattern=CONTRACT_NAME, description="NAME.vN; also the file's name without .yaml")
    description: str = ""
    columns: tuple[Column, ...] = Field(min_length=1)
    keys: tuple[str, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    quarantine_limit: float = Field(
        default=0.05, ge=0, le=1, description="Share of rows above which the delivery is refused"
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Contract:
        folded: dict[str, str] = {}
        for column in self.columns:
            twin = folded.setdefault(column.name.lower(), column.name)
            if twin is not column.name:
                raise ValueError(f"columns '{twin}' and '{column.name}' differ in case alone or stand twice")
        named = {
            "keys": self.keys,
            "row_rules": tuple(r.column for r in self.row_rules if not isinstance(r, Expression)),
        }
        for where, names in named.items():
            unknown = [name for name in names if name not in self.column_names]
            if unknown:
                raise ValueError(f"{where} name {unknown}, but the columns are {list(self.column_names)}")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)
