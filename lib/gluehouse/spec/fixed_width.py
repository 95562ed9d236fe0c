"""How records of fixed width are written: one a line, each column at its place."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from gluehouse.spec.model import Spec


class FixedColumn(Spec):
    """One column: ``start`` counts characters from 1, as record layouts do."""

    name: str = Field(min_length=1)
    start: int = Field(ge=1)
    width: int = Field(ge=1)

    @property
    def end(self) -> int:
        """The place of its last character."""
        return self.start + self.width - 1


class FixedWidth(Spec):
    """A layout. A line that has not exactly ``length`` characters is malformed.

    >>> FixedWidth(columns=[{"name": "code", "start": 1, "width": 3}, {"name": "depth", "start": 5, "width": 4}]).length
    8
    """

    columns: tuple[FixedColumn, ...] = Field(min_length=1)
    record_length: int | None = Field(
        default=None, ge=1, description="Characters of a line, where something follows the last column"
    )
    trim: Literal["both", "left", "right", "none"] = Field(
        default="both", description="On which sides of a value blanks are filling"
    )
    encoding: Literal["UTF-8", "ISO-8859-1"] = "UTF-8"

    @model_validator(mode="after")
    def _columns_lie_apart(self) -> FixedWidth:
        names = [column.name.lower() for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"fixed_width.columns name {twice} more than once, letter case left aside")
        for before, after in pairwise(sorted(self.columns, key=lambda column: column.start)):
            if before.end >= after.start:
                raise ValueError(f"{after.name} starts at {after.start}, where {before.name} ends at {before.end}")
        if self.record_length is not None and self.record_length < max(column.end for column in self.columns):
            raise ValueError(f"a column ends behind record_length {self.record_length}")
        return self

    @property
    def length(self) -> int:
        return self.record_length or max(column.end for column in self.columns)
