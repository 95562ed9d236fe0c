"""What a contract IS: the agreed columns, keys and row rules of one data set, under a version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gluehouse.spec.evolution import Evolution
from gluehouse.spec.model import Spec
from gluehouse.spec.protect import Mask, Protection
from gluehouse.spec.row_rule import Between, Comparison, RowRule, Unique
from gluehouse.spec.time_format import check_format, check_zone, names_an_offset
from gluehouse.spec.types import IDENTIFIER, ColumnType, family

CONTRACT_NAME = r"^[a-z][a-z0-9_]*\.v[1-9][0-9]*$"
# Beside its contract's columns a delivered row carries these.
BOOKKEEPING = frozenset((
    "_broken", "_cleaned", "_deduplicated", "_delivered", "_gives_way", "_malformed", "_raw", "_rejected", "_repeated",
    "_source_object", "_violations", "_warned",
))  # fmt: skip
_NUMERIC = ("integer", "floating", "decimal")


class Column(Spec):
    """One column: its name, the other names it may be delivered under, its type, and whether NULL is allowed.

    >>> Column(name="sold_at", type="timestamp", format=["dd.MM.yyyy HH:mm"], zone="Europe/Berlin").formats
    ('dd.MM.yyyy HH:mm',)
    """

    name: str = Field(pattern=IDENTIFIER)
    type: ColumnType
    nullable: bool = True
    description: str = ""
    aliases: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Other names under which a source may deliver the column"
    )
    pii: Literal["direct", "indirect", "sensitive"] | None = Field(
        default=None,
        description="direct names a person, sensitive is nobody else's business: both are masked in the raw form of "
        "quarantined rows; indirect points to a person together with others, and is shown",
    )
    protect: Protection | None = Field(
        default=None, description="What stands in staging and tables instead of the text; it is masked like PII"
    )
    format: str | tuple[str, ...] | None = Field(
        default=None, description="Spark's datetime pattern of a date or timestamp in text, or several, tried in order"
    )
    zone: str | None = Field(
        default=None, description="IANA name, such as Europe/Berlin: where the clock of these timestamps hangs"
    )

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str | None) -> str | None:
        return None if zone is None else check_zone(zone)

    @model_validator(mode="after")
    def _formats_belong_to_time(self) -> Column:
        if self.format is None:
            return self
        if self.type not in ("date", "timestamp"):
            raise ValueError(f"a format is for date and timestamp columns, but {self.name} is {self.type}")
        if not self.formats or not all(self.formats) or len(set(self.formats)) != len(self.formats):
            raise ValueError(f"the formats of {self.name} must be one or more, none empty and none twice")
        for pattern in self.formats:
            check_format(pattern)
        return self

    @model_validator(mode="after")
    def _zone_fits_the_formats(self) -> Column:
        if self.zone is None:
            return self
        if self.type != "timestamp":
            raise ValueError(f"a zone is for timestamp columns, but {self.name} is {self.type}")
        if not self.formats:
            raise ValueError(f"{self.name} has a zone but no format: text without one may carry an offset of its own")
        told = [pattern for pattern in self.formats if names_an_offset(pattern)]
        if told:
            raise ValueError(f"{self.name} has the zone {self.zone}, but the format '{told[0]}' reads an offset itself")
        return self

    @model_validator(mode="after")
    def _only_text_is_protected(self) -> Column:
        if self.protect is not None and self.type != "string":
            raise ValueError(f"protect gives texts, so it is for string columns, but {self.name} is {self.type}")
        return self

    @property
    def formats(self) -> tuple[str, ...]:
        """The datetime patterns in the order in which they are tried."""
        return (self.format,) if isinstance(self.format, str) else (self.format or ())

    @property
    def names(self) -> tuple[str, ...]:
        """The column's name and its aliases: what a source may call it."""
        return (self.name, *self.aliases)


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
    evolution: Evolution = Field(default=Evolution(), description="What becomes of a delivery with other columns")

    @model_validator(mode="after")
    def _names_agree(self) -> Contract:
        _refuse_twins(self.columns)
        named = {
            "keys": self.keys,
            "row_rules": tuple(name for rule in self.row_rules for name in rule.columns),
        }
        for where, names in named.items():
            unknown = [name for name in names if name not in self.column_names]
            if unknown:
                raise ValueError(f"{where} name {unknown}, but the columns are {list(self.column_names)}")
        return self

    @model_validator(mode="after")
    def _compared_columns_are_of_one_kind(self) -> Contract:
        for rule in self.row_rules:
            if isinstance(rule, Comparison):
                left, right = (self.column(name).type for name in rule.columns)
                if "<" in left or _comparable(left) != _comparable(right):
                    raise ValueError(f"{rule.title} compares {left} with {right}; name two columns of one kind")
        return self

    @model_validator(mode="after")
    def _bounds_are_of_numbers(self) -> Contract:
        for rule in self.row_rules:
            kind = self.types[rule.column] if isinstance(rule, Between) else "int"
            if isinstance(rule, Between) and family(kind) not in _NUMERIC:
                raise ValueError(
                    f"{rule.title} has numbers as bounds, but {rule.column} is {kind}; write an expression"
                )
        return self

    @model_validator(mode="after")
    def _rows_can_be_told_apart(self) -> Contract:
        masked = [name for name in self.keys if isinstance(self.column(name).protect, Mask)]
        if masked:
            raise ValueError(f"the keys {masked} are masked, so that several would be one; use hash or token")
        for rule in self.row_rules:
            if not isinstance(rule, Unique):
                continue
            nested = [name for name in rule.columns if "<" in self.column(name).type]
            if nested:
                raise ValueError(f"{rule.title} names {nested}, of nested types, which have no order")
            loose = [name for name in rule.by if self.column(name).nullable]
            if loose:
                raise ValueError(f"{rule.title} is ordered by {loose}, which may be NULL; write nullable: false there")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.columns}

    def column(self, name: str) -> Column:
        """The column of exactly this name; raises KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def _comparable(type_: str) -> str:
    return "number" if family(type_) in _NUMERIC else family(type_)


def _refuse_twins(columns: tuple[Column, ...]) -> None:
    """No two columns may be delivered under one name, whatever its letter case, nor one under a name of ours."""
    seen: dict[str, str] = {}
    for name, what in _names(columns):
        if name.lower() in BOOKKEEPING:
            raise ValueError(f"{what} '{name}' has a name that a run keeps for itself; take another one")
        if name.lower() in seen:
            raise ValueError(f"{seen[name.lower()]} and {what} '{name}' differ in case alone or stand twice")
        seen[name.lower()] = f"{what} '{name}'"


def _names(columns: tuple[Column, ...]) -> Iterator[tuple[str, str]]:
    for column in columns:
        yield column.name, "column"
    for column in columns:
        for alias in column.aliases:
            yield alias, f"alias of {column.name}"
