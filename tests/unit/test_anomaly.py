"""Anomaly bands: what they are made of, what moves them, and what a rule says of a value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gluehouse.cli.compile import compile_all
from gluehouse.quality.anomaly import Band, Sample, band, comparable, evaluate, judge
from gluehouse.quality.measured import measured
from gluehouse.quality.sparkline import sparkline
from gluehouse.quality.trend import metrics_of, trend
from gluehouse.spec.anomaly import AnomalyRule
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.metrics import RunMetrics
from gluehouse.spec.pipeline import Quality

ROOT = Path(__file__).resolve().parents[2]
MONDAY = datetime(2024, 1, 1, 2, 15, tzinfo=UTC)
NUMBERS = st.floats(-1e9, 1e9).map(lambda value: value + 0.0)
SERIES = st.lists(NUMBERS, min_size=8, max_size=40)


def rule(metric: str = "rows", **fields: Any) -> AnomalyRule:
    return AnomalyRule.model_validate({"metric": metric, **fields})


def daily(values: list[float]) -> list[Sample]:
    """One value a day, the last one on the day before MONDAY."""
    return [Sample(MONDAY - timedelta(days=len(values) - place), value) for place, value in enumerate(values)]


def run(day: int, rows: float | None, **fields: Any) -> RunMetrics:
    given = {"run_id": f"r{day}", "batch_id": f"b{day}", "outcome": "passed", "published": True, **fields}
    return RunMetrics(planned_at=MONDAY + timedelta(days=day), values={"rows": rows}, **given)


def made(values: list[float], **fields: Any) -> Band:
    found = band(daily(values), rule(weekday="never", **fields), MONDAY)
    assert found is not None
    return found


def test_the_band_is_the_median_and_three_and_a_half_mads_over_the_scale_of_a_normal_distribution() -> None:
    # Median 100; deviations 2, 1, 1, 0, 0, 1, 1, 3, so their median is 1.
    found = made([98, 99, 101, 100, 100, 99, 101, 103])
    assert (found.median, found.runs, found.weekday) == (100, 8, None)
    assert (found.lower, found.upper) == pytest.approx((100 - 3.5 / 0.6745, 100 + 3.5 / 0.6745))


def test_the_sensitivity_is_the_number_of_mads() -> None:
    values = [98.0, 99, 101, 100, 100, 99, 101, 103]
    assert made(values, sensitivity=7).upper - 100 == pytest.approx(2 * (made(values).upper - 100))


@settings(max_examples=60)
@given(SERIES)
def test_the_median_lies_in_the_band(values: list[float]) -> None:
    found = made(values)
    assert found.lower < found.median < found.upper
    assert found.median == median(values)


@settings(max_examples=60)
@given(SERIES, st.floats(1, 1e3), st.floats(1, 1e3), st.sampled_from([-1, 1]))
def test_how_far_off_one_outlier_is_does_not_move_the_band(
    values: list[float], near: float, far: float, side: int
) -> None:
    reach = 2 * (max(values) - min(values)) + 1
    edge = max(values) if side > 0 else min(values)
    assert made([*values, edge + side * reach * near]) == made([*values, edge + side * reach * far])


@settings(max_examples=60)
@given(st.data(), SERIES)
def test_the_order_of_the_values_does_not_matter(data: st.DataObject, values: list[float]) -> None:
    assert made(data.draw(st.permutations(values))) == made(values)


def test_a_constant_metric_alarms_at_the_second_row_and_not_at_the_first() -> None:
    earlier = daily([500.0] * 8)
    assert [judge(rule(), value, earlier, MONDAY).outcome for value in (499.0, 501.0, 502.0)] == [
        "passed", "passed", "failed",
    ]  # fmt: skip


def test_the_floor_is_a_percentage_point_for_shares_and_what_is_written_for_others() -> None:
    share = judge(rule("null_share(city)"), 0.009, daily([0.0] * 8), MONDAY)
    written = judge(rule("Column.a.Mean", floor=0.5), 10.6, daily([10.0] * 8), MONDAY)
    assert (share.outcome, written.outcome) == ("passed", "failed")


def test_with_seven_values_the_rule_passes_whatever_comes_and_says_that_they_are_too_few() -> None:
    report = judge(rule(severity="stop"), 0.0, daily([500.0] * 7), MONDAY)
    assert (report.outcome, report.metrics) == ("passed", {"value": 0.0, "runs": 7})
    assert report.reason == "7 earlier published runs measured it; a band needs 8"


def test_a_value_outside_is_told_with_the_band_and_what_it_is_made_of() -> None:
    report = judge(rule(severity="stop"), 12.0, daily([500.0] * 8), MONDAY)
    assert (report.rule, report.outcome, report.severity) == ("Anomaly rows", "failed", "stop")
    assert report.metrics == {"value": 12, "median": 500, "lower": 499, "upper": 501, "runs": 8}
    assert report.reason == "12 is outside 499 to 501, median 500 of 8 runs; ████████▁"


def test_a_metric_that_is_not_there_fails_with_or_without_a_band() -> None:
    for earlier in ([], daily([1.0] * 9)):
        report = judge(rule(), None, earlier, MONDAY)
        assert (report.outcome, report.metrics["value"]) == ("failed", None)
        assert "was not measured" in report.reason


def test_a_weekday_with_enough_runs_has_a_band_of_its_own() -> None:
    # Fridays to Sundays have 10 rows, other days 1000; seen from a Monday and from a Sunday.
    earlier = [
        Sample(at := MONDAY - timedelta(days=back), 10.0 if at.weekday() > 3 else 1000.0) for back in range(1, 57)
    ]
    on_monday = band(earlier, rule(), MONDAY)
    on_sunday = band(earlier, rule(), MONDAY - timedelta(days=1))
    assert on_monday is not None
    assert on_sunday is not None
    assert (on_monday.median, on_monday.runs, on_monday.weekday) == (1000, 8, "Monday")
    assert (on_sunday.median, on_sunday.weekday) == (10, "Sunday")


def test_a_weekday_with_one_run_too_few_is_held_against_all_days() -> None:
    earlier = daily([float(value) for value in range(55)])
    assert sum(sample.at.weekday() == 0 for sample in earlier) == 7
    found = band(earlier, rule(), MONDAY)
    assert found is not None
    assert (found.runs, found.weekday) == (55, None)


def test_a_band_is_of_all_days_where_the_rule_says_so() -> None:
    assert made([10.0] * 56).runs == 56


def test_only_published_runs_before_this_one_are_compared_each_batch_once_and_not_its_own() -> None:
    memory = [
        run(0, 1, published=False),
        run(1, 100),
        run(2, 95),
        run(3, 90, batch_id="b1"),
        run(4, 80, batch_id="mine"),
        run(9, 70),
    ]
    this = run(5, None, batch_id="mine")
    assert [earlier.run_id for earlier in comparable(memory, this)] == ["r2", "r3"]
    assert comparable(reversed(memory), this) == comparable(memory, this)


def test_a_run_where_the_metric_was_not_measured_is_no_value() -> None:
    memory = [run(day, None if day == 3 else 100) for day in range(9)]
    (report,) = evaluate([rule()], {"rows": 100}, memory, run(9, 100))
    assert report.metrics["runs"] == 8


def test_older_runs_than_the_window_has_are_forgotten() -> None:
    memory = [run(day, 1000 if day < 8 else 10) for day in range(16)]
    (report,) = evaluate([rule(window=8)], {"rows": 10}, memory, run(16, 10))
    assert (report.outcome, report.metrics["median"]) == ("passed", 10)


def test_a_trend_judges_each_run_by_those_before_it_and_shows_the_refused() -> None:
    runs = [run(day, 100) for day in range(8)] + [run(8, 5, published=False, outcome="failed", problem="GH3001")]
    points = trend([*runs, run(9, 100), run(10, None)], rule(), last=4)
    assert [point.side for point in points] == ["too few", "outside", "within", "not measured"]
    assert points[-1].band is not None
    assert points[-1].band.runs == 9


def test_what_was_measured_nowhere_has_no_name() -> None:
    assert metrics_of([run(0, None)]) == []


def test_null_shares_and_metrics_of_rules_are_kept_by_name() -> None:
    reports = [
        RuleReport(rule='Mean "a" > 0', outcome="passed", metrics={"Column.a.Mean": 4.5}),
        RuleReport(rule='Completeness "a" > 0', outcome="passed", metrics={"Column.a.Completeness": 1.0}),
        RuleReport(rule='Completeness "a" > 0 where "b"', outcome="passed", metrics={"Column.a.Completeness": 0.5}),
        RuleReport(rule='Sum "a" > 0', outcome="failed", metrics={"Column.a.Sum": float("nan")}),
    ]
    assert measured(30, 10, {"city": 0.25}, reports) == {
        "rows": 30, "quarantined": 10, "quarantined_share": 0.25, "null_share(city)": 0.25,
        "Column.a.Mean": 4.5, "Column.a.Completeness": None, "Column.a.Sum": None,
    }  # fmt: skip
    assert measured(0, 0, {}, [])["quarantined_share"] is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"metric": "rowz"}, "'rowz' is no metric"),
        ({"metric": "null_share()"}, "is no metric"),
        ({"metric": "Column.a.Mean"}, "write `floor:`"),
        ({"metric": "rows", "history": 20, "window": 10}, "never holds the 20"),
        ({"metric": "rows", "sensitivity": 0}, "greater than 0"),
        ({"metric": "rows", "sensitivity": float("inf")}, "finite"),
        ({"metric": "rows", "floor": -1}, "greater than or equal to 0"),
        ({"metric": "rows", "sensibility": 3}, "Extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        AnomalyRule.model_validate(fields)


def test_a_metric_of_a_dataset_rule_needs_dataset_rules() -> None:
    anomaly = [{"metric": "Column.a.Mean", "floor": 1}]
    assert Quality.model_validate({"anomaly": anomaly, "warn": 'Rules = [ Mean "a" > 0 ]'}).anomaly
    with pytest.raises(ValidationError, match=r"no dataset rule measures \['Column.a.Mean'\]"):
        Quality.model_validate({"anomaly": anomaly})


@settings(max_examples=40)
@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_a_sparkline_has_one_sign_a_value(values: list[float | None]) -> None:
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert [sign == "·" for sign in drawn] == [value is None for value in values]


def test_the_anomaly_rules_of_the_documents_are_valid(tmp_path: Path) -> None:
    readme, page = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/quality.md"))
    (shown,) = re.findall(r"^```yaml\n# of config/pipelines/orders.yaml\n(.*?)^```", page, re.M | re.S)
    for path, content in re.findall(r"`(config/[^`]+\.yaml)`:\n\n```yaml\n(.*?)^```", readme, re.M | re.S):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(re.sub(r"^quality:\n(?:  .*\n)+", lambda _: shown, content, flags=re.M), "utf-8")
    anomaly = compile_all(tmp_path)["orders"].spec.quality.anomaly
    assert [(rule.metric, rule.severity, rule.least) for rule in anomaly] == [
        ("rows", "stop", 1.0), ("null_share(status)", "warn", 0.01), ("Column.amount.Mean", "warn", 2.5),
    ]  # fmt: skip
