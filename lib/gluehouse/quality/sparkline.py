"""A row of bars, one a value: how a metric moved, in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """The least value is the lowest bar and the greatest the highest; a value that is not there is a dot.

    >>> sparkline([1, 2, None, 8])
    '▁▂·█'
    >>> sparkline([5, 5, 5])
    '▄▄▄'
    """
    there = [value for value in values if value is not None]
    if not there:
        return "·" * len(values)
    low, high = min(there), max(there)
    return "".join("·" if value is None else _bar(value, low, high) for value in values)


def _bar(value: float, low: float, high: float) -> str:
    if high == low:
        return BARS[len(BARS) // 2 - 1]
    # Halved before they are subtracted: the difference of two doubles need not be one.
    return BARS[round((value / 2 - low / 2) / (high / 2 - low / 2) * (len(BARS) - 1))]
