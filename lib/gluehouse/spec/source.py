"""What a source IS: where deliveries lie, in which format, and how that is written."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from gluehouse.spec.fixed_width import FixedWidth
from gluehouse.spec.json_document import JsonDocument
from gluehouse.spec.log_lines import LogLines
from gluehouse.spec.model import Spec
from gluehouse.spec.xml import Xml


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


_SETTINGS = ("csv", "lines", "fixed_width", "json_document", "xml")


class CsvDialect(Spec):
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: Literal["UTF-8", "ISO-8859-1", "UTF-16"] = "UTF-8"
    multi_line: bool = False

    @field_validator("delimiter", "quote")
    @classmethod
    def _is_a_character_to_java(cls, value: str) -> str:
        if value in "\r\n" or not "\0" < value < "\ufff0":
            raise ValueError(f"U+{ord(value):04X} cannot part cells: take a character of one UTF-16 unit, no line end")
        return value

    @field_validator("quote")
    @classmethod
    def _quotes_are_seen(cls, value: str) -> str:
        if value <= " ":
            raise ValueError("a quote that is a blank or a control character cannot be told from filling")
        return value

    @model_validator(mode="after")
    def _lines_can_be_told_apart(self) -> CsvDialect:
        if self.encoding == "UTF-16" and not self.multi_line:
            raise ValueError("UTF-16 needs multi_line: true; else lines are split at the byte 0A, inside of characters")
        return self

    @model_validator(mode="after")
    def _cells_can_be_told_apart(self) -> CsvDialect:
        if self.delimiter == self.quote:
            raise ValueError(f"delimiter and quote are both '{self.quote}'; nobody could tell which is meant")
        return self


class FileSource(Spec):
    """Objects under a prefix of the landing zone, each one a delivery."""

    kind: Literal["file"]
    format: Literal["csv", "json", "json_document", "lines", "fixed_width", "xml", "parquet", "orc", "avro"]
    prefix: str = Field(
        pattern=r"^[A-Za-z0-9!_.'()/=-]+/$", description="Ends in /; no other pipeline's may begin with it"
    )
    mode: Literal["snapshot", "changes"] = Field(description="snapshot: each object is the whole data set at its time")
    csv: CsvDialect = CsvDialect()
    lines: LogLines | None = None
    fixed_width: FixedWidth | None = None
    json_document: JsonDocument = JsonDocument()
    xml: Xml | None = None
    null_tokens: tuple[str, ...] = Field(default=("",), description="Texts that mean NULL")
    columns_from_key: Annotated[str, AfterValidator(_key_pattern)] | None = Field(
        default=None, description="Regular expression searched in the object's key; its named groups become columns"
    )

    @model_validator(mode="after")
    def _settings_are_those_of_the_format(self) -> FileSource:
        defaults = {name: type(self).model_fields[name].default for name in _SETTINGS}
        idle = [name for name in _SETTINGS if name != self.format and getattr(self, name) != defaults[name]]
        if idle:
            raise ValueError(f"{idle} would do nothing, because format is {self.format}")
        if self.format in _SETTINGS and getattr(self, self.format) is None:
            raise ValueError(f"format {self.format} needs a section `{self.format}`")
        return self

    @property
    def encoding(self) -> str:
        """How the text of the format is encoded."""
        return str(getattr(getattr(self, self.format, None), "encoding", "UTF-8"))

    @property
    def declared_columns(self) -> tuple[str, ...] | None:
        """The columns of every object, where the source itself says them; None where each object does."""
        if self.format == "lines" and self.lines is not None:
            return self.lines.columns
        if self.format == "fixed_width" and self.fixed_width is not None:
            return tuple(column.name for column in self.fixed_width.columns)
        return None

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(re.compile(self.columns_from_key).groupindex) if self.columns_from_key else ()
