"""At which line of its object a quarantined record stands.

Spark tells no line, and a record's place among others is not exact where a file is read in parts. So it is looked for
when somebody asks: by the raw form, which quarantine has, in the text of the object. Values that quarantine masks
cannot be compared; records that differ in nothing else are told together.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from gluehouse.spec.contract import Contract
from gluehouse.spec.placed import placed
from gluehouse.spec.source import FileSource

MASK = "***"
_MASKED = ("direct", "sensitive")


class Place(NamedTuple):
    """Where a record begins: its line, and its number among the records of its object, both from 1."""

    line: int
    record: int


def has_lines(source: FileSource) -> bool:
    """Whether the format is text; Parquet, ORC and Avro have no lines."""
    return source.format not in ("parquet", "orc", "avro")


def lines_of(raws: Collection[str], text: str, source: FileSource, contract: Contract) -> dict[str, list[Place]]:
    """Raw form -> the places at which a record like it stands, none where it is not found.

    ``text``: the object's. ``raws``: as quarantine has them. Grain: a raw form.
    """
    asked = {raw: _comparable(raw, contract, source) for raw in raws}
    wanted: dict[Any, list[Place]] = {form: [] for form in asked.values()}
    names = {name: column.name for column in contract.columns for name in column.names}
    for number, record in enumerate(placed(text, source, contract), 1):
        for form in {_form(_named(record.cells, names), contract, source), _unified(record.whole)}:
            if form in wanted:
                wanted[form].append(Place(record.line, number))
    return {raw: wanted[form] for raw, form in asked.items()}


def _comparable(raw: str, contract: Contract, source: FileSource) -> Any:
    """What a raw form and a record have in common: the cells, or of a malformed record its text as it stands."""
    try:
        cells = json.loads(raw)
    except ValueError:
        return _unified(raw)
    if not isinstance(cells, dict) or not set(cells) <= set(contract.column_names):
        return _unified(raw)
    return _form(cells, contract, source)


def _named(cells: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in cells.items() if name in names and value is not None}


def _form(cells: Mapping[str, Any], contract: Contract, source: FileSource) -> tuple[tuple[str, str], ...]:
    """Name and text of each cell that has one; of a masked column only that it has."""
    shown = []
    for column in contract.columns:
        value = cells.get(column.name)
        if value in (None, "") or column.name in source.key_columns:
            continue
        masked = column.pii in _MASKED or column.protect is not None
        shown.append((column.name, MASK if masked else _text(value)))
    return tuple(shown)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        # As Spark writes what stays text.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        # Spark writes a decimal with all the zeros of its scale.
        return f"{Decimal(str(value)).normalize():f}" if isfinite(value) else str(value)
    return _unified(str(value))


def _unified(text: str) -> str:
    """Line ends within a record are not the same in quarantine and in its object."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
