"""At which line of its object a quarantined record stands.

Spark tells no line, and a record's place among others is not exact where a file is read in parts. So it is looked for
when somebody asks: by the raw form, which quarantine has, in the text of the object. Values that quarantine masks
cannot be compared; records that differ in nothing else are told together.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource

MASK = "***"
_MASKED = ("direct", "sensitive")


def has_lines(source: FileSource) -> bool:
    """Whether a record of the format is a line."""
    return source.format == "json" or (source.format == "csv" and not source.csv.multi_line)


def lines_of(
    raws: Collection[str], text: Iterable[str], source: FileSource, contract: Contract
) -> dict[str, list[int]]:
    """Raw form -> the lines (from 1) at which a record like it stands, none where it is not found.

    ``text``: the object's lines. ``raws``: as quarantine has them. Grain: a raw form.
    """
    asked = {raw: _comparable(raw, contract, source) for raw in raws}
    wanted: dict[Any, list[int]] = {form: [] for form in asked.values()}
    for number, whole, cells in _records(text, source, contract):
        for form in {_form(cells, contract, source), whole}:
            if form in wanted:
                wanted[form].append(number)
    return {raw: wanted[form] for raw, form in asked.items()}


def _comparable(raw: str, contract: Contract, source: FileSource) -> Any:
    """What a raw form and a line have in common: the cells, or of a malformed record the line as it stands."""
    try:
        cells = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(cells, dict) or not set(cells) <= set(contract.column_names):
        return raw
    return _form(cells, contract, source)


def _form(cells: Mapping[str, Any], contract: Contract, source: FileSource) -> tuple[tuple[str, str], ...]:
    """Name and text of each cell that has one; of a masked column only that it has."""
    shown = []
    for column in contract.columns:
        value = cells.get(column.name)
        if value in (None, "") or column.name in source.key_columns:
            continue
        shown.append((column.name, MASK if column.pii in _MASKED else _text(value)))
    return tuple(shown)


def _text(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Spark writes a decimal with all the zeros of its scale.
        return f"{Decimal(str(value)).normalize():f}" if isfinite(value) else str(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _records(
    text: Iterable[str], source: FileSource, contract: Contract
) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Number, whole line and cells (by agreed names) of each record."""
    names = {name: column.name for column in contract.columns for name in column.names}
    header: list[str] | None = None
    for number, line in enumerate(text, 1):
        whole = line.rstrip("\r\n")
        if number == 1:
            whole = whole.removeprefix("\ufeff")
        if not whole.strip():
            continue
        if source.format == "json":
            yield number, whole, _named(_object(whole).items(), names)
        elif header is None:
            header = _cells(whole, source)
        else:
            yield number, whole, _named(zip(header, _cells(whole, source), strict=False), names)


def _named(cells: Iterable[tuple[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[name]: value for name, value in cells if name in names and value is not None}


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _cells(line: str, source: FileSource) -> list[str]:
    dialect = {"delimiter": source.csv.delimiter, "quotechar": source.csv.quote}
    return next(csv.reader([line], **dialect), [])  # type: ignore[arg-type]
