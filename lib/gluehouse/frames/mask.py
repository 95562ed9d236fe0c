"""What of a row may be read by people who only look after the pipeline: the raw form of quarantined rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Contract

MASK = "***"
# The defaults cut times off at milliseconds.
EXACT = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
_MASKED = ("direct", "sensitive")


def masked_columns(*contracts: Contract) -> frozenset[str]:
    """The names whose values are not shown, by PII class or protection in any of the contracts."""
    columns = (column for contract in contracts for column in contract.columns)
    return frozenset(column.name for column in columns if column.pii in _MASKED or column.protect is not None)


def as_json(names: Sequence[str], masked: Iterable[str], within: str | None = None) -> Column:
    """The columns, or the fields of the struct ``within``, as one JSON text, with ``***`` for the values of masked
    ones; a NULL stays one, and is left out."""
    hidden = frozenset(masked)
    place = quoted if within is None else quoted(within).getField
    return F.to_json(F.struct(*(_shown(place(name), name in hidden).alias(name) for name in names)), EXACT)


def record(malformed: Column, masked: Iterable[str]) -> Column:
    """A malformed record, which shows nothing where a column is masked: nobody can tell its cells apart."""
    hidden = sorted(masked)
    if not hidden:
        return _legible(malformed)
    told = f"{MASK} not shown, because {', '.join(hidden)} may be in it; the source object has the record"
    return F.when(malformed.isNotNull(), F.lit(told))


def _legible(record: Column) -> Column:
    """The record with U+FFFD for bytes that are no text: Parquet takes them as they are, and only Spark reads them."""
    return F.decode(F.encode(record, "UTF-8"), "UTF-8")


def _shown(value: Column, hidden: bool) -> Column:
    return F.when(value.isNotNull(), F.lit(MASK)) if hidden else value
