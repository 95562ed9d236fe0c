"""Rows of a reference table found by key, and by time where it is a history: never more than one for a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError
from gluehouse.frames.rules import quoted

MATCH = "__match"
_FROM, _TILL, _FIRST = "__from", "__till", "__first"
# Whether an earlier row of the key holds for ever, and till when others of them do.
_TWICE, _BUSY = "__twice", "__busy"


def match(
    frame: DataFrame,
    reference: DataFrame,
    on: Mapping[str, str],
    wanted: Sequence[str],
    name: str,
    at: str | None = None,
    earliest: bool = False,
) -> DataFrame:
    """``frame`` with ``__match``: a struct of the ``wanted`` columns of ``reference``, NULL where nothing matches.

    ``on``: column here -> column there; a NULL matches nothing. ``at``: a time here; of ``reference``, then a history
    table, the version with ``effective_from <= at < effective_to`` is taken, with ``earliest`` a key's first version
    also for times before it. Without ``at`` a history table gives its current rows. ``name``: what messages call it.

    Grain: that of ``frame``. Where two rows of the reference match one here, the query fails with GH1026 when it runs.
    The reference's rows are compared with each other by key alone, in the order in which the join needs them anyway.

    Raises ConfigError GH1023: ``at`` for a table without versions, or of a type that is no time of theirs.
    """
    keys = [f"__key{position}" for position in range(len(on))]
    there = _comparable(_asked(reference, at, frame, name), list(on.values()), keys, wanted, at is not None)
    condition = reduce(Column.__and__, [quoted(here) == F.col(key) for here, key in zip(on, keys, strict=True)])
    if at is not None:
        begun = F.col(_FROM) <= quoted(at)
        if earliest:
            begun = begun | F.col(_FIRST)
        condition = condition & begun & (F.col(_TILL).isNull() | (quoted(at) < F.col(_TILL)))
    problem = f"GH1026: {name} has several rows for one key{' and time' if at else ''}: {', '.join(on.values())}."
    joined = frame.join(there, on=condition, how="left")
    # In a filter, because a column that nobody reads is never computed.
    twice = F.col(_TWICE) if at is None else F.col(_TWICE) | (F.col(_BUSY) > quoted(at))
    once = joined.where(F.when(twice, F.raise_error(F.lit(problem)).cast("boolean")).otherwise(F.lit(True)))
    return once.select(*(quoted(column) for column in frame.columns), MATCH)


def _asked(reference: DataFrame, at: str | None, frame: DataFrame, name: str) -> DataFrame:
    """The reference's rows that can be meant."""
    if at is None:
        return reference.where("is_current") if "is_current" in reference.columns else reference
    if not {"effective_from", "effective_to"} <= set(reference.columns):
        raise ConfigError("GH1023", f"there is `at`, but {name} is no history table.", "Leave `at` out.")
    here, there = frame.schema[at].dataType, reference.schema["effective_from"].dataType
    times = (T.DateType, T.TimestampType)
    if here != there and not (isinstance(here, times) and isinstance(there, times)):
        raise ConfigError(
            "GH1023",
            f"{at} is {here.simpleString()}, and effective_from of {name} {there.simpleString()}.",
            "Name a column of that type; a date and a timestamp can be compared too.",
        )
    return reference


def _comparable(
    reference: DataFrame, on: Sequence[str], keys: Sequence[str], wanted: Sequence[str], timed: bool
) -> DataFrame:
    """Keys, interval and wanted columns of rows that have all keys, and what tells whether another holds as well."""
    named = [quoted(column).alias(key) for column, key in zip(on, keys, strict=True)]
    found = F.struct(F.lit(True).alias("__found"), *(quoted(column).alias(column) for column in wanted)).alias(MATCH)
    legible = reduce(Column.__and__, [F.col(key).isNotNull() for key in keys])
    window = Window.partitionBy(*keys)
    if not timed:
        return reference.select(*named, found).where(legible).withColumn(_TWICE, F.count(F.lit(1)).over(window) > 1)
    interval = [F.col("effective_from").alias(_FROM), F.col("effective_to").alias(_TILL)]
    before = window.orderBy(_FROM).rowsBetween(Window.unboundedPreceding, -1)
    return (
        reference.select(*named, *interval, found)
        .where(legible & F.col(_FROM).isNotNull())
        .withColumns(
            {
                _FIRST: F.count(_FROM).over(before) == 0,
                _TWICE: F.max(F.col(_TILL).isNull()).over(before),
                _BUSY: F.max(_TILL).over(before),
            }
        )
    )
