"""What the airports' history must be, computed from the files with plain Python: no Spark, none of the engine.

Full releases, deletes by absence: per airport, a version opens where its row differs from the open one's or there
is none, and closes where the next release differs or lacks the airport. A release's time is its file's date.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RELEASES = sorted((Path(__file__).resolve().parents[1] / "examples/airports").glob("*.csv.gz"))
COLUMNS = ("icao", "name", "city", "subd", "country", "elevation", "elevation_m", "lat", "lon", "tz", "lid")

Row = tuple[Any, ...]


def released_on(file: Path) -> dt.date:
    return dt.date.fromisoformat(file.name.split(".")[0])


def airports(file: Path) -> dict[str, Row]:
    """IATA code -> the values of COLUMNS, typed, in one release."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return {row["iata"]: _typed(row) for row in csv.DictReader(lines)}


def history(files: Iterable[Path]) -> set[Row]:
    """All versions: (iata, *COLUMNS, effective_from, effective_to or None)."""
    return _fold((released_on(file), airports(file)) for file in sorted(files))


def country_history(files: Iterable[Path]) -> set[Row]:
    """All versions of airports by country: (country, airports, highest_feet, effective_from, effective_to or None)."""
    return _fold((released_on(file), _by_country(airports(file).values())) for file in sorted(files))


def _fold(releases: Iterable[tuple[dt.date, dict[str, Row]]]) -> set[Row]:
    versions: set[Row] = set()
    opened: dict[str, tuple[dt.date, Row]] = {}
    for day, rows in releases:
        for key, (since, values) in list(opened.items()):
            if rows.get(key) != values:
                versions.add((key, *values, since, day))
                del opened[key]
        for key, values in rows.items():
            opened.setdefault(key, (day, values))
    return versions | {(key, *values, since, None) for key, (since, values) in opened.items()}


def _by_country(rows: Iterable[Row]) -> dict[str, Row]:
    country, elevation = COLUMNS.index("country"), COLUMNS.index("elevation")
    grouped: dict[str, list[float]] = {}
    for row in rows:
        grouped.setdefault(row[country], []).append(row[elevation])
    return {name: (len(heights), max(heights)) for name, heights in grouped.items()}


def _typed(row: dict[str, str]) -> Row:
    text = {name: value or None for name, value in row.items()}
    feet = float(row["elevation"])
    metres = math.floor(feet * 3.048 + 0.5) / 10
    numbers = {"elevation": feet, "elevation_m": metres, "lat": float(row["lat"]), "lon": float(row["lon"])}
    return tuple({**text, "country": row["country"].strip().upper(), **numbers}[name] for name in COLUMNS)
