"""Files are left out by their statistics only where no row of them can be meant."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from gluehouse.history.ranges import Range, may_hold

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def instant(micros: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=micros)


def told(value: Any) -> Any:
    """A value as Delta writes it to a file's statistics: times cut off after the millisecond."""
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else value


def statistics(values: list[Any], column: str = "k") -> str:
    known = sorted(value for value in values if value is not None)
    bounds = {"minValues": {column: told(known[0])}, "maxValues": {column: told(known[-1])}} if known else {}
    counts = {"numRecords": len(values), "nullCount": {column: values.count(None)}}
    return json.dumps({**counts, **bounds}, default=lambda number: float(number))


KINDS: dict[str, tuple[T.DataType, Any, Any]] = {
    "bigint": (T.LongType(), st.integers(-(2**62), 2**62), lambda value: value),
    "date": (T.DateType(), st.dates(), lambda value: (value - EPOCH.date()).days),
    "string": (T.StringType(), st.text(max_size=3), lambda value: value),
    "decimal": (T.DecimalType(9, 2), st.integers(-(10**6), 10**6).map(lambda n: Decimal(n) / 4), lambda value: value),
    "timestamp": (
        T.TimestampType(),
        st.integers(-(10**15), 10**15).map(instant),
        lambda value: (value - EPOCH) // dt.timedelta(microseconds=1),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_file_that_has_a_row_in_the_range_is_never_left_out(kind: str, data: st.DataObject) -> None:
    of, values, portable = KINDS[kind]
    rows = data.draw(st.lists(values, min_size=1, max_size=4))
    low, high = sorted(data.draw(st.lists(values, min_size=2, max_size=2)))
    here = [row for row in rows if low <= row <= high]
    wanted = Range("k", of, portable(low), portable(high))
    if here:
        assert wanted.may_lie_in(statistics(rows))
    elif kind != "timestamp" and (max(rows) < low or min(rows) > high):
        assert not wanted.may_lie_in(statistics(rows))


def test_the_last_millisecond_of_a_file_is_not_lost_by_its_cut_statistics() -> None:
    rows = [instant(1_000_999)]
    assert Range("k", T.TimestampType(), low=1_000_999).may_lie_in(statistics(rows))
    assert not Range("k", T.TimestampType(), low=1_002_000).may_lie_in(statistics(rows))


def test_rows_with_null_are_found_where_they_are_wanted_too() -> None:
    open_end = Range("k", T.LongType(), low=5, or_null=True)
    assert open_end.may_lie_in(statistics([1, None]))
    assert not open_end.may_lie_in(statistics([1, 2]))
    assert not Range("k", T.LongType(), low=5).may_lie_in(statistics([1, None]))


@pytest.mark.parametrize(
    "unsure",
    [
        None,
        "",
        "no JSON",
        "[]",
        '{"minValues": null}',
        '{"minValues": {"other": 9}, "maxValues": {"other": 9}}',
        '{"minValues": {"k": "9"}, "maxValues": {"k": "9"}}',
        '{"maxValues": {"k": {"a": 1}}}',
    ],
)
def test_a_file_whose_statistics_do_not_tell_is_read(unsure: str | None) -> None:
    assert Range("k", T.LongType(), 1, 2).may_lie_in(unsure)
    assert Range("k", T.LongType(), 1, 2, or_null=True).may_lie_in(unsure)


@pytest.mark.parametrize("kind", [T.DoubleType(), T.BinaryType(), T.TimestampNTZType(), T.BooleanType()])
def test_types_whose_statistics_have_another_order_or_form_leave_nothing_out(kind: T.DataType) -> None:
    assert Range("k", kind, 5, 6).may_lie_in('{"minValues": {"k": 1}, "maxValues": {"k": 2}, "nullCount": {"k": 0}}')


def test_a_date_that_python_cannot_read_leaves_nothing_out() -> None:
    far = '{"minValues": {"k": "+10000-01-01"}, "maxValues": {"k": "+10000-01-01"}}'
    assert Range("k", T.DateType(), 19723, 19724).may_lie_in(far)


def test_a_file_must_be_able_to_lie_in_every_range() -> None:
    both = json.dumps({"minValues": {"a": 1, "b": 1}, "maxValues": {"a": 2, "b": 2}, "nullCount": {"a": 0, "b": 0}})
    assert may_hold(both, [Range("a", T.LongType(), 2), Range("b", T.LongType(), 2)])
    assert not may_hold(both, [Range("a", T.LongType(), 2), Range("b", T.LongType(), 3)])
    assert may_hold(both, [])
