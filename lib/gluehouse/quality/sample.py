"""What a sample of data looks like, column by column: Deequ's profile and suggestions, and what they do not tell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from gluehouse.frames.rules import quoted
from gluehouse.spec.draft import Seen

# Tried in this order. A day before a month is looked for first: of 03/04 nobody can tell, of 13/04 everybody can.
TIMES = (
    ("date", "yyyy-MM-dd"), ("date", "dd.MM.yyyy"), ("date", "dd/MM/yyyy"), ("date", "MM/dd/yyyy"),
    ("date", "yyyyMMdd"),
    ("timestamp", "yyyy-MM-dd HH:mm:ss"), ("timestamp", "yyyy-MM-dd'T'HH:mm:ss"),
    ("timestamp", "yyyy-MM-dd'T'HH:mm:ssXXX"), ("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("timestamp", "yyyy-MM-dd HH:mm:ss.SSS"), ("timestamp", "dd.MM.yyyy HH:mm"),
)  # fmt: skip
_SIGN = r"^[+-]?"


def look(spark: SparkSession, frame: DataFrame) -> list[Seen]:
    """Profile ``frame`` (columns of text, or of a file's own types). Deequ passes over it several times: give a sample.

    Deequ counts approximately and by names that SQL can read, so it sees the columns under numbers; whether a
    column is unique is counted exactly here.
    """
    names = frame.columns
    numbered = frame.toDF(*(f"c{place}" for place in range(len(names)))).cache()
    try:
        rows = numbered.count()
        texts = [field.name for field in numbered.schema.fields if isinstance(field.dataType, StringType)]
        # Of nested values neither Deequ nor COUNT DISTINCT knows anything.
        flat = [field.name for field in numbered.schema.fields if "<" not in field.dataType.simpleString()]
        measured = numbered.agg(*_measures(numbered.columns, texts, flat)).first()
        profiles, suggested = _deequ(spark, numbered.select(*flat)) if rows and flat else ({}, {})
        return [
            _seen(
                name, field.name, field.dataType.simpleString(), rows, measured,
                profiles.get(field.name), suggested.get(field.name, ()),
            )
            for name, field in zip(names, numbered.schema.fields, strict=True)
        ]  # fmt: skip
    finally:
        numbered.unpersist()


def _measures(columns: Sequence[str], texts: Sequence[str], flat: Sequence[str]) -> Iterator[SparkColumn]:
    """Everything that one pass can tell, each under the column's name and a word."""
    for name in columns:
        yield F.count_if(quoted(name).isNull()).alias(f"{name}_nulls")
    for name in flat:
        yield F.count_distinct(quoted(name)).alias(f"{name}_distinct")
    for name in texts:
        text = quoted(name)
        whole, parts = F.regexp_extract(text, _SIGN + r"(\d+)", 1), F.regexp_extract(text, r"\.(\d*)$", 1)
        yield F.max(F.length(whole)).alias(f"{name}_digits")
        yield F.max(F.length(parts)).alias(f"{name}_scale")
        yield F.count_if(text.rlike(r"^[+]|^-?0\d|[eE]|^-?\.|\.$|^\s|\s$")).alias(f"{name}_odd")
        for place, (_, pattern) in enumerate(TIMES):
            # try_to_timestamp would follow the session's policy for old patterns; a CASE keeps odd texts from it.
            alike = text.rlike(_shape(pattern))
            read = F.when(alike, F.expr(f"try_to_timestamp(`{name}`, {_literal(pattern)})"))
            yield F.count_if(text.isNotNull() & read.isNull()).alias(f"{name}_time{place}")


def _literal(text: str) -> str:
    return '"' + text + '"'


def _shape(pattern: str) -> str:
    """The digits and separators that a text of this pattern has.

    >>> _shape("dd.MM.yyyy"), _shape("HH:mmXXX")
    ('^\\\\d{2}\\\\.\\\\d{2}\\\\.\\\\d{4}$', '^\\\\d{2}:\\\\d{2}(Z|[+-]\\\\d{2}:\\\\d{2})$')
    """
    shape = pattern.replace("'", "").replace(".", r"\.").replace("XXX", r"(Z|[+-]#:#)")
    for letters, digits in (("yyyy", "{4}"), ("SSS", "{3}"), ("MM", "{2}"), ("dd", "{2}"), ("HH", "{2}"), ("mm", "{2}"),
                            ("ss", "{2}")):  # fmt: skip
        shape = shape.replace(letters, rf"\d{digits}")
    return "^" + shape.replace("#", r"\d{2}") + "$"


def _deequ(spark: SparkSession, frame: DataFrame) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """Profiles by column, and the names of the rules by which Deequ suggests something of it."""
    os.environ.setdefault("SPARK_VERSION", ".".join(spark.version.split(".")[:2]))
    from pydeequ.profiles import ColumnProfilerRunner
    from pydeequ.suggestions import DEFAULT, ConstraintSuggestionRunner

    profiles = ColumnProfilerRunner(spark).onData(frame).run().profiles
    found = ConstraintSuggestionRunner(spark).onData(frame).addConstraintRule(DEFAULT()).run()
    suggested: dict[str, set[str]] = {}
    for one in found["constraint_suggestions"]:
        suggested.setdefault(one["column_name"], set()).add(one["suggesting_rule"].partition("(")[0])
    return profiles, suggested


def _seen(name: str, column: str, type_: str, rows: int, measured: Row | None, profile: Any, suggested: Any) -> Seen:
    told = measured.asDict() if measured else {}
    nulls = told.get(f"{column}_nulls", rows)
    return Seen(
        name=name,
        type=type_,
        rows=rows,
        nulls=nulls,
        kind=profile.dataType if profile else "Unknown",
        unique=told.get(f"{column}_distinct") == rows > 0,
        digits=told.get(f"{column}_digits") or 0,
        scale=told.get(f"{column}_scale") or 0,
        odd_numbers=told.get(f"{column}_odd") or 0,
        time=next((time for place, time in enumerate(TIMES) if told.get(f"{column}_time{place}") == 0), None)
        if nulls < rows
        else None,
        categories=_categories(profile) if "CategoricalRangeRule" in suggested else (),
        not_negative="NonNegativeNumbersRule" in suggested,
    )


def _categories(profile: Any) -> tuple[str, ...]:
    # Deequ's word for NULL in a histogram.
    return tuple(found.value for found in profile.histogram or () if found.value != "NullValue")
