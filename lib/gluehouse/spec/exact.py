"""Column types whose values are whole multiples of a unit: a number of a configuration is held against them exactly,
where a DOUBLE between the two would make one of several."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import ceil, floor

# The most that Spark's decimals have, before the point or behind it.
_DIGITS = 38
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Exact:
    """An exact type: its lowest and highest value, both in units of 10 to the power of minus ``scale``.

    >>> cents = exact("decimal(4,2)")
    >>> cents.at_least(Decimal("1.001")), cents.at_most(Decimal("1.001")), cents.at_least(Decimal(-1000))
    (Decimal('1.01'), Decimal('1.00'), Decimal('-99.99'))
    >>> cents.at_least(Decimal(100)) is None, cents.value("1.5"), cents.value(0.001) is None
    (True, Decimal('1.50'), True)
    """

    lowest: int
    highest: int
    scale: int

    def has_room_beside(self, other: Exact) -> bool:
        """Whether one decimal of Spark's holds every value of both."""
        whole = max(len(str(one.highest)) - one.scale for one in (self, other))
        return whole + max(self.scale, other.scale) <= _DIGITS

    def at_least(self, bound: Decimal) -> Decimal | None:
        """The lowest value that is not below the bound, None where all are."""
        units = ceil(self._units(bound))
        return None if units > self.highest else self._number(max(units, self.lowest))

    def at_most(self, bound: Decimal) -> Decimal | None:
        """The highest value that is not above the bound, None where all are."""
        units = floor(self._units(bound))
        return None if units < self.lowest else self._number(min(units, self.highest))

    def value(self, written: str | int | float) -> Decimal | None:
        """The value that is written so, None where there is none."""
        try:
            number = Decimal(str(written))
        except InvalidOperation:
            return None
        if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
            return None
        units = self._units(number)
        fits = units.denominator == 1 and self.lowest <= units <= self.highest
        return self._number(int(units)) if fits else None

    def _units(self, number: Decimal) -> Fraction:
        return Fraction(number) * Fraction(10) ** self.scale

    def _number(self, units: int) -> Decimal:
        # From text, because arithmetic would round to the 28 digits of the context.
        return Decimal(f"{units}E-{self.scale}")


def exact(type_: str) -> Exact | None:
    """What is known of a canonical type, None where its values are not exact, or no numbers.

    >>> exact("tinyint"), exact("double")
    (Exact(lowest=-128, highest=127, scale=0), None)
    """
    if type_ in _BITS:
        return Exact(-(2 ** (_BITS[type_] - 1)), 2 ** (_BITS[type_] - 1) - 1, 0)
    decimal = _DECIMAL.fullmatch(type_)
    if decimal is None:
        return None
    highest = 10 ** int(decimal[1]) - 1
    return Exact(-highest, highest, int(decimal[2]))
