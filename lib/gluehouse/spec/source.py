"""What a source IS: where deliveries lie, in which format, and how that is written."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gluehouse.spec.model import Spec


def _key_pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as problem:
        raise ValueError(f"'{pattern}' is no regular expression: {problem}") from None
    if not groups:
        raise ValueError(
            f"'{pattern}' names no column; write a group such as (?P<released_on>\\d{{4}}-\\d{{2}}-\\d{{2}})"
        )
    return pattern


class CsvDialect(Spec):
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: Literal["UTF-8", "ISO-8859-1", "UTF-16"] = "UTF-8"
    multi_line: bool = False

    @model_validator(mode="after")
    def _lines_can_be_told_apart(self) -> CsvDialect:
        if self.encoding == "UTF-16" and not self.multi_line:
            raise ValueError("UTF-16 needs multi_line: true; else lines are split at the byte 0A, inside of characters")
        return self


class FileSource(Spec):
    """Objects under a prefix of the landing zone, each one a delivery."""

    kind: Literal["file"]
    format: Literal["csv", "json", "parquet"]
    prefix: str = Field(
        pattern=r"^[A-Za-z0-9!_.'()/=-]+/$", description="Ends in /; no other pipeline's may begin with it"
    )
    mode: Literal["snapshot", "changes"] = Field(description="snapshot: each object is the whole data set at its time")
    csv: CsvDialect = CsvDialect()
    null_tokens: tuple[str, ...] = Field(default=("",), description="Texts that mean NULL")
    columns_from_key: Annotated[str, AfterValidator(_key_pattern)] | None = Field(
        default=None, description="Regular expression searched in the object's key; its named groups become columns"
    )

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(re.compile(self.columns_from_key).groupindex) if self.columns_from_key else ()
