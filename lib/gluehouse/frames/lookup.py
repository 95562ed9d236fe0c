"""Built-in enrichment: columns of a reference table joined on by key, at the event's time if it is a history."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.frames.match import MATCH, match
from gluehouse.frames.params import checked
from gluehouse.frames.parse import VIOLATIONS
from gluehouse.frames.rules import quoted, violation, violations
from gluehouse.frames.split import Split
from gluehouse.spec.model import Spec


class LookupParams(Spec):
    """``on``: column here -> column there; ``columns``: column there -> name here; ``at``: the event's time here.

    With ``at`` the reference is a history table and the version valid at that time is taken
    (``effective_from <= at < effective_to``); without it a history table gives its current rows.
    """

    table: str
    location: str
    on: dict[str, str]
    columns: dict[str, str]
    at: str | None = None
    misses: Literal["null", "unknown", "quarantine"] = "null"
    unknown: dict[str, Any] = Field(default_factory=dict)


def lookup(frame: DataFrame, params: dict[str, Any]) -> DataFrame | Split:
    """``frame`` with the reference's columns. Grain: unchanged.

    A row with no match gets NULLs, the ``unknown`` member's values, or goes to quarantine, as ``misses`` says.
    Raises ConfigError GH1023 where the parameters do not fit. A reference with several rows for one key (and time) of
    ``frame`` fails the query with GH1026 when it runs.
    """
    spec = checked(LookupParams, params, "lookup", "GLOSSARY.md, lookup")
    reference = frame.sparkSession.read.format("delta").load(spec.location)
    matched = match(frame, reference, spec.on, list(spec.columns), spec.table, at=spec.at)
    found = F.col(MATCH).isNotNull()
    added = [_value(spec, there, name, found) for there, name in spec.columns.items()]
    result = matched.select(*(quoted(column) for column in frame.columns), *added, found.alias("_found"))
    if spec.misses != "quarantine":
        return result.drop("_found")
    miss = violation(F.lit(True), f"lookup({spec.table})", f"{list(spec.on)} has no match in {spec.table}")
    return Split(
        result.where("_found").drop("_found"),
        (result.where("NOT _found").select(*(quoted(c) for c in frame.columns), violations([miss]).alias(VIOLATIONS)),),
    )


def _value(spec: LookupParams, column: str, name: str, found: Column) -> Column:
    value = F.col(MATCH).getField(column)
    if spec.misses == "unknown":
        value = F.when(found, value).otherwise(F.lit(spec.unknown.get(name)))
    return value.alias(name)
