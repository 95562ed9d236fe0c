"""``gluehouse quality``: what the runs of a pipeline measured, and what the anomaly bands say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gluehouse.aws import stacks
from gluehouse.aws.metrics import MetricsFolder
from gluehouse.cli.compile import compile_all
from gluehouse.cli.options import FOLDER, STACK
from gluehouse.cli.options import root as root_option
from gluehouse.cli.rows import aligned
from gluehouse.errors import ConfigError
from gluehouse.quality.anomaly import number
from gluehouse.quality.sparkline import sparkline
from gluehouse.quality.trend import Point, metrics_of
from gluehouse.quality.trend import trend as trend_of
from gluehouse.spec.anomaly import AnomalyRule
from gluehouse.spec.environment import Environment
from gluehouse.spec.metrics import RunMetrics

# For a metric without a rule: as strict as can be, so that the reader sees what a rule would be about.
FLOOR_WITHOUT_RULE = 0.0


@click.group()
def quality() -> None:
    """Look at the metrics of a pipeline's runs."""


@quality.command()
@click.argument("pipeline")
@click.option("--metric", help="One metric, run by run. Default: the last value of each metric.")
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many runs to show.")
@STACK
@FOLDER
@root_option(", whose quality.anomaly says how the bands are made")
def trend(pipeline: str, metric: str | None, last: int, stack: str, folder: Path | None, root: Path) -> None:
    """Show how the metrics of PIPELINE moved: values, bands and verdicts, the refused runs too.

    Each run is held against those before it, as stage 3 does, by the rules that the checkout has now.
    """
    rules = _rules(root, pipeline)
    window = max((rule.window for rule in rules), default=AnomalyRule(metric="rows").window)
    metrics = str(folder.resolve() / "metrics") if folder else _environment(stack).metrics
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    runs = MetricsFolder(metrics, pipeline).earlier(tomorrow, last + window, refused_too=True)
    if not runs:
        raise ConfigError(
            "GH1480",
            f"there are no metrics of a pipeline {pipeline} below {metrics}.",
            "Correct the name, --stack or --folder; metrics are there once a run of this release was judged.",
        )
    if metric is None:
        click.echo("\n".join(_overview(runs, rules, last)))
    else:
        click.echo("\n".join(_runs(runs, _known(metric, runs), _rule_of(metric, rules), last)))


def _environment(stack: str) -> Environment:
    return Environment.from_json(stacks.outputs(stack)["Environment"])


def _rules(root: Path, pipeline: str) -> Sequence[AnomalyRule]:
    found = compile_all(root).get(pipeline)
    return found.spec.quality.anomaly if found else ()


def _rule_of(metric: str, rules: Sequence[AnomalyRule]) -> AnomalyRule:
    """The narrowest of the metric's rules, else one of the defaults."""
    own = [rule for rule in rules if rule.metric == metric]
    if own:
        return min(own, key=lambda rule: rule.sensitivity)
    return AnomalyRule.model_construct(metric=metric, floor=FLOOR_WITHOUT_RULE)


def _known(metric: str, runs: Sequence[RunMetrics]) -> str:
    names = metrics_of(runs)
    if metric not in names:
        raise ConfigError(
            "GH1481", f"no run shown here measured {metric}.", f"Measured were: {', '.join(names) or 'none'}."
        )
    return metric


def _overview(runs: Sequence[RunMetrics], rules: Sequence[AnomalyRule], last: int) -> Iterator[str]:
    rows = []
    for metric in metrics_of(runs):
        points = trend_of(runs, _rule_of(metric, rules), last)
        ruled = any(rule.metric == metric for rule in rules)
        rows.append([metric, *_told(points[-1]), "yes" if ruled else "no", sparkline([p.value for p in points])])
    yield from aligned(["metric", "last value", "band", "of runs", "verdict", "rule", "trend"], rows)


def _runs(runs: Sequence[RunMetrics], metric: str, rule: AnomalyRule, last: int) -> Iterator[str]:
    points = trend_of(runs, rule, last)
    rows = [[f"{p.run.day:%a %Y-%m-%d %H:%M}", p.run.run_id, _fate(p.run), *_told(p)] for p in points]
    yield from aligned(["planned (UTC)", "run", "fate", metric, "band", "of runs", "verdict"], rows)
    yield f"trend: {sparkline([point.value for point in points])}"


def _told(point: Point) -> list[str | None]:
    band, value = point.band, None if point.value is None else number(point.value)
    if band is None:
        return [value, "", "", point.side]
    made_of = str(band.runs) + (f" {band.weekday}s" if band.weekday else "")
    return [value, f"{number(band.lower)} to {number(band.upper)}", made_of, point.side]


def _fate(run: RunMetrics) -> str:
    if run.published:
        return "published"
    return f"refused {run.problem}" if run.problem else "not published"
