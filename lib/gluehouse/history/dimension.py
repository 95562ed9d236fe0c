"""A history table as a dimension: which version's surrogate key belongs to a fact, as of the fact's time.

Pure functions, DataFrame in, DataFrame out. Facts keep their grain; a fact's NULL key or time matches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.frames.match import MATCH, match
from gluehouse.frames.params import checked
from gluehouse.frames.parse import VIOLATIONS
from gluehouse.frames.rules import quoted, violation, violations
from gluehouse.frames.split import Split
from gluehouse.history.surrogate import unknown_key
from gluehouse.spec.model import Spec

Misses = Literal["unknown", "null", "quarantine"]
BeforeFirst = Literal["unknown", "earliest"]


class DimensionKeyParams(Spec):
    """The built-in transform ``dimension_key``. ``on``: column here -> business key column there; ``key``: the
    surrogate key column there; ``name``: what it is called here, by default the same."""

    table: str
    location: str
    on: dict[str, str]
    key: str
    at: str | None = None
    name: str | None = None
    misses: Misses = "unknown"
    before_first: BeforeFirst = "unknown"


def dimension_key_step(frame: DataFrame, params: dict[str, Any]) -> DataFrame | Split:
    """``dimension_key`` as a step of a pipeline. Raises ConfigError GH1023 where the parameters do not fit."""
    spec = checked(DimensionKeyParams, params, "dimension_key", "docs/dimensions.md")
    dimension = frame.sparkSession.read.format("delta").load(spec.location)
    return dimension_key(
        frame,
        dimension,
        spec.on,
        spec.key,
        at=spec.at,
        name=spec.name,
        misses=spec.misses,
        before_first=spec.before_first,
        table=spec.table,
    )


def dimension_key(
    facts: DataFrame,
    dimension: DataFrame,
    on: Mapping[str, str],
    key: str,
    *,
    at: str | None = None,
    name: str | None = None,
    misses: Misses = "unknown",
    before_first: BeforeFirst = "unknown",
    table: str = "the dimension",
) -> DataFrame | Split:
    """``facts`` with the surrogate key of the version that held at the fact's time.

    ``on``: fact column -> business key column of ``dimension``; ``key``: its surrogate key column, which the facts get
    as ``name``; ``at``: the fact's date or timestamp, ``effective_from <= at < effective_to`` (without it: the current
    version). A date is its first instant. ``before_first: earliest`` gives facts from before a key's first version
    that version. A fact without a version gets the unknown member's key (-1, or 32 times f), NULL, or goes to the
    rejected rows of a Split. ``table``: what messages call the dimension.

    Grain: one row a fact, in no order; where versions overlap, or a key has two current ones, the query fails with
    GH1026 when it runs. Facts and dimension meet in one join on the key columns.

    Raises ConfigError GH1023 (``at`` does not fit the dimension; the facts have a column ``name`` already).
    """
    name = name or key
    if name.lower() in (column.lower() for column in facts.columns):
        raise ConfigError("GH1023", f"the facts have a column {name} already.", "Give the new one another name.")
    matched = match(facts, dimension, on, [key], table, at=at, earliest=at is not None and before_first == "earliest")
    found = F.col(MATCH).getField(key)
    if misses == "unknown":
        found = F.coalesce(found, unknown_key(dimension.schema[key].dataType))
    columns = [quoted(column) for column in facts.columns]
    if misses != "quarantine":
        return matched.select(*columns, found.alias(name))
    miss = violation(F.lit(True), f"dimension_key({table})", f"{list(on)} has no version in {table} at {at or 'all'}")
    return Split(
        matched.where(F.col(MATCH).isNotNull()).select(*columns, found.alias(name)),
        (matched.where(F.col(MATCH).isNull()).select(*columns, violations([miss]).alias(VIOLATIONS)),),
    )


def missing_members(
    facts: DataFrame, dimension: DataFrame, on: Mapping[str, str], at: str, time: str, table: str = "the dimension"
) -> DataFrame:
    """What ``infer_members`` must make known so that each of ``facts`` has a version: the dimension's key columns, and
    ``time`` (of the type of ``effective_from``).

    Grain: one row for each key and stretch of time without a version, with the time of its earliest fact. Facts with a
    NULL key or time miss nothing. Raises ConfigError GH1023.
    """
    matched = match(facts, dimension, on, [], table, at=at)
    keys = list(on.values())
    start = dimension.schema["effective_from"].dataType
    legible = F.col(MATCH).isNull() & quoted(at).isNotNull()
    for here in on:
        legible = legible & quoted(here).isNotNull()
    named = [quoted(here).cast(dimension.schema[there].dataType).alias(there) for here, there in on.items()]
    missing = matched.where(legible).select(*named, quoted(at).cast(start).alias("__at"), F.lit(0).alias("__starts"))
    asked = missing.select(*keys).distinct()
    starts = dimension.join(asked, on=keys, how="left_semi").select(
        *(quoted(column) for column in keys), F.col("effective_from").alias("__at"), F.lit(1).alias("__starts")
    )
    so_far = Window.partitionBy(*keys).orderBy("__at").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    numbered = missing.unionByName(starts).withColumn("__stretch", F.sum("__starts").over(so_far))
    earliest = numbered.where(F.col("__starts") == 0).groupBy(*keys, "__stretch").agg(F.min("__at").alias(time))
    return earliest.select(*(quoted(column) for column in keys), time)


def repoint(
    facts: DataFrame, retired: DataFrame, key: str, *, gone: Literal["unknown", "null"] = "unknown"
) -> DataFrame:
    """``facts`` with each retired surrogate key in column ``key`` replaced by its successor.

    ``retired``: ``retired_keys`` of one batch's result (retired, successor). A key whose version is gone without a
    successor becomes the unknown member's, or NULL. Grain: unchanged; columns in their order. A batch may name a key as
    retired that an earlier one named as successor, so batches are taken one by one, in their order.
    """
    matched = match(facts, retired, {key: "retired"}, ["successor"], "retired_keys")
    successor = F.col(MATCH).getField("successor")
    if gone == "unknown":
        successor = F.coalesce(successor, unknown_key(facts.schema[key].dataType))
    moved = F.when(F.col(MATCH).isNotNull(), successor).otherwise(quoted(key))
    return matched.select(*((moved.alias(key) if column == key else quoted(column)) for column in facts.columns))
