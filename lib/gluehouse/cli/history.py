"""``gluehouse history``: look at a history table, check what must hold of it, and mend what other tools left.

Spark is imported inside ``found``, which says what to do where it is not there; the help of a command needs none.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluehouse.cli.place import Place, found, table_options
from gluehouse.cli.rows import Form, show
from gluehouse.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from gluehouse.history.gaps import Deletes
    from gluehouse.history.mend import Repair, RepairReport

FORMAT = click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table")
SUMMARY = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
LIMIT = click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows to print; 0: all."
)


@click.group()
def history() -> None:
    """Check, mend and look at history tables: a path, a URI, or database.table with --stack."""


@history.command()
@click.argument("table")
@table_options
@click.option("--deletes-allowed", is_flag=True, help="A gap needs no other explanation: the tool deletes.")
@click.option("--events", type=str, help="Delta table or Parquet file of deletes: a gap must start at one of them.")
@click.option("--events-time", help="Their column that says when. Default: the pipeline's, else the start's name.")
@SUMMARY
@LIMIT
def check(
    table: str, deletes_allowed: bool, events: str | None, events_time: str | None, form: Form, limit: int, **named: Any
) -> None:
    """List what breaks an invariant of TABLE, by key. Exit code 1 if anything does, 2 if it could not be asked."""
    with found(table, **named) as place:
        from gluehouse.history.check import violations

        deletes, how = gap_rule(place, deletes_allowed, events, events_time)
        broken = violations(place.read(), place.columns, deletes).persist()
        counts = _counts(broken)
        some = {name: _examples(broken, name, limit) for name, count in counts.items() if count}
        if form == "json":
            examples = [json.loads(row["json"]) for frame in some.values() for row in _as_json(frame).collect()]
            told = {"table": place.location, "version": place.version, "violations": counts, "gaps": how}
            click.echo(json.dumps({**told, "examples": examples}, ensure_ascii=False))
        else:
            _tell_check(place, counts, how, some, limit)
        broken.unpersist()
    if any(counts.values()):
        sys.exit(1)


@history.command()
@click.argument("table")
@table_options
@click.option("--merge-equal", is_flag=True, help="Neighbours with equal values become one version.")
@click.option("--tracked", help="Columns to compare for --merge-equal, as in name,city. Default: all payload.")
@click.option("--apply/--dry-run", default=False, help="Write it, under the table's lock. Default: only say what.")
@SUMMARY
@LIMIT
def repair(
    table: str, merge_equal: bool, tracked: str | None, apply: bool, form: Form, limit: int, **named: Any
) -> None:
    """Mend the versions of TABLE: overlaps, inversions, copies, current flags. Writes nothing without --apply."""
    compared = [name.strip() for name in tracked.split(",")] if tracked else None
    with ExitStack() as held:
        place = held.enter_context(found(table, **named))
        from gluehouse.history.mend import Repair

        # The lock comes before the plan, so that no run can write what the plan has read.
        lock = held.enter_context(place.locked()) if apply else None
        deletes, _ = gap_rule(place, False, None, None)
        planned = Repair(place.spark, place.location, place.columns, merge_equal, compared, deletes)
        held.callback(planned.close)
        written = planned.write(lock) if lock is not None else planned.report
        _tell_repair(place, planned, written, form, limit)


@history.command("as-of")
@click.argument("table")
@click.argument("time")
@table_options
@click.option("--where", help="SQL condition on the table's columns.")
@FORMAT
@LIMIT
def as_of(table: str, time: str, where: str | None, form: Form, limit: int, **named: Any) -> None:
    """Print the versions of TABLE that held at TIME, a value of its start's type (timestamps without zone are UTC)."""
    with found(table, **named) as place:
        from gluehouse.history.check import history_as_of
        from gluehouse.history.text import parsed
        from gluehouse.history.versions import refuse_misfit, type_at

        rows = place.read()
        refuse_misfit(rows.schema, place.columns)
        kind = type_at(rows.schema, place.columns.start)
        assert kind is not None
        held = history_as_of(rows, parsed(time, kind, place.columns.start), place.columns)
        show(_where(held, where).orderBy(*[f"`{name}`" for name in place.columns.keys]), form, limit)


@history.command("of")
@click.argument("table")
@click.argument("key")
@table_options
@FORMAT
@LIMIT
def of_key(table: str, key: str, form: Form, limit: int, **named: Any) -> None:
    """Print all versions of KEY in TABLE: a value, id=1,region=EU, or a JSON object."""
    with found(table, **named) as place:
        from pyspark.sql import functions as F

        from gluehouse.history.text import fields_of, parsed
        from gluehouse.history.versions import at_path, refuse_misfit

        rows = place.read()
        refuse_misfit(rows.schema, place.columns)
        for name, text in fields_of(key, place.columns.keys, "the key").items():
            rows = rows.where(F.col(f"`{name}`") == parsed(text, rows.schema[name].dataType, name))
        show(rows.orderBy(at_path(place.columns.start), at_path(place.columns.end).asc_nulls_last()), form, limit)


def gap_rule(place: Place, allowed: bool, events: str | None, time: str | None) -> tuple[Deletes, str]:
    """The witnesses for gaps, and in words what a gap needs."""
    from gluehouse.history import gaps
    from gluehouse.history.delta import DeltaLocation
    from gluehouse.history.memory import Memory

    deletes, how = gaps.NO_DELETE, "nothing deletes, so every gap is unexplained"
    if place.spec is not None:
        committed = DeltaLocation(place.spark, place.location).state().transactions
        stored = Memory(place.spark, place.location, committed).stored()
        deletes = gaps.deletes_in_memory(place.spec, stored)
        if place.spec.deletes == "absence":
            how = "a gap must start at a remembered snapshot, delete or truncate"
        elif place.spec.delete_flag:
            how = "a gap is a delete unless memory has an upsert inside it"
    elif allowed:
        deletes, how = gaps.ANY_DELETE, "deletes are allowed, so no gap is unexplained"
    if events is not None:
        spec = place.spec
        at = time or (spec and (spec.effective_at or spec.sequence_by[0])) or place.columns.start.split(".")[-1]
        is_delta = DeltaLocation(place.spark, events).version() is not None
        log = place.spark.read.format("delta" if is_delta else "parquet").load(events)
        deletes = gaps.with_events(deletes, log, place.columns.keys, at, spec.delete_flag if spec else None)
        how = f"a gap must start at a delete of {Path(events).name}" + (", or as memory says" if spec else "")
    return deletes, how


def _where(rows: DataFrame, condition: str | None) -> DataFrame:
    from pyspark.errors import AnalysisException, ParseException

    if condition is None:
        return rows
    try:
        return rows.where(condition)
    except (AnalysisException, ParseException) as error:
        condition_of = getattr(error, "getCondition", error.getErrorClass)  # PySpark 4 has renamed it
        raise ConfigError(
            "GH1475", f"--where is not understood: {condition_of()}.", "Write a SQL condition on its columns."
        ) from None


def _counts(broken: DataFrame) -> dict[str, int]:
    from gluehouse.history.check import INVARIANTS

    counted = {row["invariant"]: row["count"] for row in broken.groupBy("invariant").count().collect()}
    return {name: counted.get(name, 0) for name in INVARIANTS}


def _examples(broken: DataFrame, invariant: str, limit: int) -> DataFrame:
    ordered = broken.where(broken["invariant"] == invariant).orderBy("key", "effective_from", "effective_to")
    return ordered.limit(limit) if limit else ordered


def _as_json(frame: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    from gluehouse.cli.rows import JSON

    return frame.select(F.to_json(F.struct("*"), JSON).alias("json"))


def _tell_check(place: Place, counts: dict[str, int], how: str, some: dict[str, DataFrame], limit: int) -> None:
    from gluehouse.history.check import INVARIANTS

    click.echo(f"{place.location}, version {place.version}")
    width = max(map(len, INVARIANTS))
    for name, count in counts.items():
        click.echo(f"  {name.ljust(width)}  {count}")
    click.echo(f"Gaps: {how}.")
    for name, frame in some.items():
        click.echo(f"\n{name}: {INVARIANTS[name]}")
        show(_flat(frame.drop("invariant")), "table", limit)
        if limit and counts[name] > limit:
            click.echo(f"… {counts[name] - limit} more; --limit shows more than {limit}, 0 all.")


def _flat(frame: DataFrame) -> DataFrame:
    rest = [name for name in frame.columns if name != "key"]
    return frame.select("key.*", *rest)


def _tell_repair(place: Place, planned: Repair, report: RepairReport, form: Form, limit: int) -> None:
    from pyspark.sql import functions as F

    from gluehouse.history.repair import CHANGED, MOVED

    touched = planned.touched().select(
        "key",
        F.col("start").alias("effective_from"),
        F.col("was_end").alias("effective_to"),
        F.when(F.col("moved").isNull(), F.col("end")).alias("mended_to"),
        F.concat_ws(" ", "moved", "changes", F.when(F.col("uncovered"), "uncovered")).alias("what"),
    )
    some = touched.orderBy("key", "effective_from", "effective_to", "what")
    if form == "json":
        examples = [json.loads(row["json"]) for row in _as_json(some.limit(limit) if limit else some).collect()]
        told = {"table": place.location, "written": report.version_after is not None, **asdict(report)}
        click.echo(json.dumps({**told, "examples": examples}, ensure_ascii=False))
        return
    click.echo(f"{place.location}, version {report.version_before}")
    if not report.is_needed:
        click.echo("Nothing to mend.")
    for title, counts, words in (("changed", report.changes, CHANGED), ("moved out", report.moved, MOVED)):
        for kind in sorted(counts):
            click.echo(f"  {counts[kind]} {title}: {kind} ({words[kind]})")
    if report.uncovered:
        click.echo(
            f"  {report.uncovered} uncovered: a version that was cut held on after the next one's end; "
            "from there nothing holds now"
        )
    for name, count in sorted(report.remaining.items()):
        click.echo(f"  {count} not mended: {name}")
    if report.is_needed:
        click.echo("")
        show(_flat(some), "table", limit)
        if report.version_after is None:
            click.echo("\nNothing was written. --apply writes it.")
        else:
            click.echo(f"\nWritten as version {report.version_after}." + _where_moved(report.repaired))


def _where_moved(repaired: str | None) -> str:
    return f" What was moved out is in {repaired}." if repaired else ""
