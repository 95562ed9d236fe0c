"""What of a row may be read by people who only look after the pipeline: the raw form of quarantined rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Contract

MASK = "***"
_MASKED = ("direct", "sensitive")


def masked_columns(*contracts: Contract) -> frozenset[str]:
    """The names whose values are not shown, by their PII class in any of the contracts."""
    return frozenset(column.name for contract in contracts for column in contract.columns if column.pii in _MASKED)


def as_json(names: Sequence[str], masked: Iterable[str]) -> Column:
    """The columns as one JSON text, with ``***`` for the values of masked ones; a NULL stays one, and is left out."""
    hidden = frozenset(masked)
    return F.to_json(F.struct(*(_shown(name, name in hidden).alias(name) for name in names)))


def record(malformed: Column, masked: Iterable[str]) -> Column:
    """A malformed record, which shows nothing where a column is masked: nobody can tell its cells apart."""
    hidden = sorted(masked)
    if not hidden:
        return malformed
    told = f"{MASK} not shown, because {', '.join(hidden)} may be in it; the source object has the record"
    return F.when(malformed.isNotNull(), F.lit(told))


def _shown(name: str, hidden: bool) -> Column:
    value = quoted(name)
    return F.when(value.isNotNull(), F.lit(MASK)) if hidden else value
