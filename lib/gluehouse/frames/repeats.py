"""Rows of a batch that repeat others: told by windows over the typed rows, one shuffle a combination of columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from gluehouse.frames.mask import EXACT
from gluehouse.frames.rules import quoted
from gluehouse.spec.cleanse import Deduplicate
from gluehouse.spec.row_rule import Unique

# With a blank, which no column of a contract has in its name.
_TAKING_PART, _COMBINATION, _SPREAD, _WHOLE = "taking part", "its combination", "its spread", "its whole"
_HELPERS = (_TAKING_PART, _COMBINATION, _SPREAD, _WHOLE)
# Over so many groups rows are spread that take no part, such as those with NULL: they are no combination.
_GROUPS = 4096


def with_repeats(frame: DataFrame, names: Sequence[str], deduplicate: Deduplicate, among: Column, to: str) -> DataFrame:
    """``frame`` with the boolean ``to``: whether a row of those ``among`` is to be dropped. Grain: unchanged.

    ``names``: the columns by which two rows are the same. True for all but the rows that are first or last in their
    order, and of those for all but one of each that are the same. A row with NULL in a key is not.
    """
    prepared = _prepared(frame, names, deduplicate.keys, among, whole=True)
    last = deduplicate.keep == "last"
    ordered = _group().orderBy(*_ordered(deduplicate.order_by, last), F.col(_WHOLE))
    before = F.lag(_WHOLE).over(ordered).eqNullSafe(F.col(_WHOLE))
    place = _place(deduplicate.order_by)
    kept = ~before if place is None else (F.first(place).over(ordered) == place) & ~before
    return prepared.withColumn(to, F.col(_TAKING_PART) & ~kept).drop(*_HELPERS)


def with_unique(frame: DataFrame, names: Sequence[str], rules: Sequence[Unique], among: Column, to: str) -> DataFrame:
    """``frame`` with ``to``: an array of booleans, whether a row of those ``among`` breaks each rule. Grain: unchanged.

    Rules over the same columns share their shuffle.
    """
    broken: dict[int, Column] = {}
    for combination in dict.fromkeys(frozenset(rule.combination) for rule in rules):
        places = [place for place, rule in enumerate(rules) if frozenset(rule.combination) == combination]
        whole = any(rules[place].keep != "none" for place in places)
        prepared = _prepared(frame, names, sorted(combination), among, whole)
        told = {f"broken {place}": F.col(_TAKING_PART) & ~_kept(rules[place]) for place in places}
        frame = prepared.withColumns(told).drop(*_HELPERS)
        broken |= {place: F.col(f"broken {place}") for place in places}
    together = F.array(*(broken[place] for place in range(len(rules))))
    return frame.withColumn(to, together).drop(*(f"broken {place}" for place in broken))


def _prepared(
    frame: DataFrame, names: Sequence[str], combination: Sequence[str], among: Column, whole: bool
) -> DataFrame:
    """What the windows look at. A map can be neither grouped by nor hashed, so that it spreads nothing."""
    legible = reduce(Column.__and__, [quoted(name).isNotNull() for name in combination], among)
    plain = [quoted(name) for name in names if "map<" not in frame.schema[name].dataType.simpleString()]
    spread = F.pmod(F.xxhash64(*plain), F.lit(_GROUPS)) if plain else F.lit(0).cast("bigint")
    values = {
        _COMBINATION: F.when(F.col(_TAKING_PART), F.struct(*(quoted(name) for name in combination))),
        _SPREAD: F.when(~F.col(_TAKING_PART), spread),
    }
    if whole:
        values[_WHOLE] = F.sha2(F.to_json(F.struct(*(quoted(name) for name in names)), EXACT), 256)
    return frame.withColumn(_TAKING_PART, legible).withColumns(values)


def _kept(rule: Unique) -> Column:
    """Whether a row that takes part is the one of its combination that passes."""
    if rule.keep == "none":
        return F.count(F.lit(1)).over(_group()) == 1
    ordered = _group().orderBy(*_ordered(rule.by, rule.keep == "last"), F.col(_WHOLE))
    place = _place(rule.by)
    tied = _group() if place is None else Window.partitionBy(_COMBINATION, _SPREAD, place)
    # Of rows that tie for the first place the digests are in order: all are the same if the greatest is this one's.
    return (F.row_number().over(ordered) == 1) & (F.max(_WHOLE).over(tied) == F.col(_WHOLE))


def _group() -> WindowSpec:
    return Window.partitionBy(_COMBINATION, _SPREAD)


def _ordered(by: Sequence[str], last: bool) -> list[Column]:
    return [quoted(name).desc() if last else quoted(name).asc() for name in by]


def _place(by: Sequence[str]) -> Column | None:
    return F.struct(*(quoted(name) for name in by)) if by else None
