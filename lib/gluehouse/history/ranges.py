"""Ranges of a column's values: what rows fulfil, and by which whole files are left out before anything of them is read.

Delta would leave them out as well, but plans and runs several jobs over its log for that, which cost more than a
small batch itself. Here the statistics of the few files that a table's checksum lists are read on the driver. Their
form: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.value import literal

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Statistics know times to the millisecond, cut off.
_CUT_MICROS = 1000


@dataclass(frozen=True)
class Range:
    """Values of ``column`` between two, both included, in the form of ``value.portable``; None: without bound.

    ``or_null``: rows where it is NULL, too.
    """

    column: str
    kind: T.DataType
    low: Any = None
    high: Any = None
    or_null: bool = False

    def condition(self) -> Column:
        """Whether a row lies in the range."""
        here = F.col(f"`{self.column}`")
        inside = F.lit(True)
        if self.low is not None:
            inside = inside & (here >= literal(self.low, self.kind))
        if self.high is not None:
            inside = inside & (here <= literal(self.high, self.kind))
        return here.isNull() | inside if self.or_null else inside

    def may_lie_in(self, statistics: str | None) -> bool:
        """Whether a file with these statistics (Delta's JSON) can have such a row; whatever is not sure can.

        >>> Range("k", T.LongType(), 5, 9).may_lie_in('{"minValues": {"k": 1}, "maxValues": {"k": 4}}')
        False
        """
        try:
            told = json.loads(statistics or "{}", parse_float=Decimal)
            least = self._read(told.get("minValues", {}).get(self.column))
            most = self._read(told.get("maxValues", {}).get(self.column))
            nulls = told.get("nullCount", {}).get(self.column)
        except (ValueError, AttributeError):
            return True
        if self.or_null and nulls != 0:
            return True
        if most is not None and isinstance(self.kind, T.TimestampType):
            most += _CUT_MICROS
        above = self.high is not None and least is not None and least > self.high
        below = self.low is not None and most is not None and most < self.low
        return not (above or below)

    def _read(self, value: Any) -> Any:
        """A value of the statistics as ``portable`` gives it; None where it cannot be told, or has another order."""
        kind = self.kind
        if isinstance(kind, T.IntegralType) and isinstance(value, int):
            return value
        if isinstance(kind, T.DecimalType) and isinstance(value, int | Decimal):
            return Decimal(value)
        if not isinstance(value, str):
            return None
        if isinstance(kind, T.DateType):
            return (dt.date.fromisoformat(value) - _EPOCH.date()).days
        if isinstance(kind, T.TimestampType):
            at = dt.datetime.fromisoformat(value)
            return None if at.tzinfo is None else (at - _EPOCH) // dt.timedelta(microseconds=1)
        # Python orders text by code point, which is the order of its UTF-8 bytes, and so Spark's.
        return value if kind == T.StringType() else None


def may_hold(statistics: str | None, ranges: Sequence[Range]) -> bool:
    """Whether a file can have a row that lies in all the ranges."""
    return all(one.may_lie_in(statistics) for one in ranges)
