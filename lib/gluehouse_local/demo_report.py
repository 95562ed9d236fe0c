"""What the demo prints: the things a data engineer looks for first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Manifest
from gluehouse_local import lake
from gluehouse_local.inbox import Delivery
from gluehouse_local.server import LocalAws
from gluehouse_local.watch import Execution


def heading(title: str, about: str = "") -> None:
    click.echo(f"\n{click.style(title, bold=True)}  {about}")


def note(text: str) -> None:
    click.echo(f"  {text}")


def state(name: str, seconds: float) -> None:
    """States that take no time are not worth a line."""
    if seconds >= 0.05:
        click.echo(f"  {seconds:7.1f} s  {name}")


def execution(done: Execution, manifests: list[Manifest]) -> None:
    """How a run ended, its counts by stage and what it did to each table."""
    colour = "green" if done.status == "SUCCEEDED" else "yellow"
    click.echo(f"  {done.seconds:7.1f} s  {click.style(done.status, fg=colour)}  run {done.run_id}")
    for manifest in manifests:
        counts = {name: n for name, n in manifest.counts.model_dump(by_alias=True).items() if n is not None}
        told = ", ".join(f"{name} {n:,}" for name, n in counts.items())
        click.echo(f"    {manifest.stage:<9}{manifest.outcome:<7} {manifest.seconds:5.1f} s  {told}")
        for table in manifest.tables:
            click.echo(
                f"             {table.table}: opened {table.opened:,}, closed {table.closed:,}, "
                f"updated {table.updated:,}, unchanged {table.unchanged:,}; "
                f"version {table.version_before} -> {table.version_after} ({table.strategy})"
            )
        if manifest.problem:
            click.echo(f"             {click.style(manifest.problem.code, fg='yellow')} {manifest.problem.message}")


def gate(before: int, after: int, alerts: list[Delivery]) -> None:
    """What the broken delivery did, and did not do."""
    heading("The gate")
    note(f"curated table: commit {before} before, {after} after: {'untouched' if before == after else 'CHANGED'}")
    for alert in alerts:
        note(f"alert received: {alert.about}")
        for line in _lines(alert.body):
            note(f"  {line}")


def summary(runs: list[tuple[str, Execution, list[Manifest]]], table: Path, seconds: float) -> None:
    """All runs in one table, the data set rules of the last good one, and one airport's history."""
    heading("Runs")
    click.echo(f"  {'delivery':<20}{'status':<11}{'seconds':>8}{'in':>8}{'quarantined':>13}{'opened':>8}{'closed':>8}")
    for name, done, manifests in runs:
        by_stage = {manifest.stage: manifest for manifest in manifests}
        tables = by_stage["publish"].tables if "publish" in by_stage else ()
        counts = by_stage["ingest"].counts
        opened, closed = sum(t.opened for t in tables), sum(t.closed for t in tables)
        click.echo(
            f"  {name:<20}{done.status:<11}{done.seconds:>8.1f}{counts.rows_in or 0:>8,}{counts.quarantined or 0:>13,}"
            f"{opened:>8,}{closed:>8,}"
        )
    good = next(manifests for _, done, manifests in reversed(runs) if done.status == "SUCCEEDED")
    _quality(next(manifest for manifest in good if manifest.stage == "validate"))
    _history(table)
    _times(runs, seconds)


def _times(runs: list[tuple[str, Execution, list[Manifest]]], seconds: float) -> None:
    """What took the time: the stages' own seconds from their manifests; the rest is starting things."""
    stages: dict[str, float] = {}
    for _, _, manifests in runs:
        for manifest in manifests:
            stages[manifest.stage] = stages.get(manifest.stage, 0.0) + manifest.seconds
    executing = sum(done.seconds for _, done, _ in runs)
    told = ", ".join(f"{stage} {took:.0f} s" for stage, took in stages.items())
    starting = executing - sum(stages.values())
    note(f"all of it took {seconds:.0f} s: {told},")
    note(f"{starting:.0f} s starting Glue runs (one Spark each, four for the staged run) and changing states,")
    note(f"{seconds - executing:.0f} s deploying and looking.")


def _quality(manifest: Manifest) -> None:
    heading("Data set rules", "of the last release that was published")
    for rule in manifest.quality:
        if rule.rule.startswith("NullShare") and rule.outcome == "passed":
            continue
        mark = (
            click.style("passed", fg="green")
            if rule.outcome == "passed"
            else click.style(f"failed ({rule.severity})", fg="yellow")
        )
        metrics = ", ".join(f"{name} {value:g}" for name, value in rule.metrics.items() if value is not None)
        click.echo(f"  {mark}  {rule.rule}  {metrics}")


def _history(table: Path) -> None:
    counted = lake.rows(
        table,
        "SELECT count(*) AS versions, count(*) FILTER (is_current) AS current, count(DISTINCT iata) AS keys FROM t",
    )[0]
    told = "{versions:,} versions, {current:,} current rows, {keys:,} airports ever".format(**counted)
    heading("The history table", told)
    versions = lake.rows(
        table,
        """SELECT iata, name, city, elevation, effective_from, effective_to, is_current FROM t
           WHERE iata = (SELECT iata FROM t GROUP BY iata ORDER BY count(*) DESC, iata LIMIT 1)
           ORDER BY effective_from""",
    )
    for version in versions:
        click.echo("  " + "  ".join(f"{name}={value}" for name, value in version.items()))


def places(aws: LocalAws, environment: Environment, table: Path) -> None:
    """Where everything lies, and how to look at it; all of it outlives the demo."""
    heading("Where it lies", "(plain files; they stay until the next demo)")
    note(f"curated table  {table}")
    note(f"quarantine     {aws.object_path(environment.quarantine)}")
    note(f"manifests      {aws.object_path(environment.runs)}")
    note(f"logs           {aws.state / 'logs'}")
    heading("Look at it", "(paste into this shell)")
    for name, text in lake.one_liners(table).items():
        click.echo(f"  # {name}\n  {text}")


def _lines(body: Any) -> list[str]:
    if isinstance(body, dict):
        return [f"{name}: {value}" for name, value in body.items()]
    return str(body).splitlines()
