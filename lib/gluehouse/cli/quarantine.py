"""``gluehouse quarantine``: what was set aside and why, and its replay. No Spark is started here."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from gluehouse.aws import replays, stacks, storage, wiring
from gluehouse.aws.aside import AsideRow, AsideZone
from gluehouse.cli.compile import compile_all
from gluehouse.cli.options import FOLDER, STACK
from gluehouse.cli.options import root as root_option
from gluehouse.cli.rows import aligned
from gluehouse.errors import ConfigError
from gluehouse.spec.environment import Environment
from gluehouse.spec.ledger import LedgerRow
from gluehouse.spec.lines import Place, has_lines, lines_of
from gluehouse.spec.pipeline import CompiledPipeline

FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
_UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".deflate": zlib.decompress,
    ".zst": lambda content: pa.input_stream(pa.py_buffer(content), compression="zstd").read(),
}
# Of these a line may hold all records.
_DOCUMENTS = ("json_document", "xml")


@click.group()
def quarantine() -> None:
    """Look at rows that were set aside, and put them back."""


@quarantine.command("list")
@click.argument("pipeline")
@STACK
@FOLDER
@FORMAT
def list_command(pipeline: str, stack: str, folder: Path | None, form: str) -> None:
    """List the batches of PIPELINE with rows in quarantine, by stage and rule, and the replays of them."""
    place = _place(stack, folder)
    aside = {batch: list(place.zone.rows_of(pipeline, batch)) for batch in place.zone.batches_of(pipeline)}
    again = place.replays_of(pipeline)
    batches, played = _batches(aside, again, place.days), _replays(aside, again)
    if form == "json":
        click.echo(json.dumps({"batches": batches, "replays": played}, ensure_ascii=False))
        return
    if not batches:
        click.echo(f"Nothing of {pipeline} is in quarantine.")
    for rows in (batches, played):
        if rows:
            click.echo("\n".join(_table(rows)))


@quarantine.command()
@click.argument("batch")
@STACK
@FOLDER
@click.option("--rule", help="Only rows that broke this rule.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows to print; 0: all.")
@click.option(
    "--lines", is_flag=True, help="Look up the lines too, by reading the source objects (all formats of text)."
)
@root_option(", which tells the format of the source for --lines")
@FORMAT
def show(
    batch: str, stack: str, folder: Path | None, rule: str | None, limit: int, lines: bool, root: Path, form: str
) -> None:
    """Show rows of BATCH with rules and reasons, as quarantine has them: personal data is masked."""
    place = _place(stack, folder)
    pipeline = replays.known_pipeline(place.zone, batch)
    meant = (row for row in place.zone.rows_of(pipeline, batch) if rule is None or rule in row.rules)
    some = list(islice(meant, limit or None))
    compiled = _compiled(root, pipeline) if lines else None
    places = _lines(some, compiled) if compiled else {}
    numbered = compiled is not None and compiled.spec.source.format in _DOCUMENTS
    told = [_row(row, places.get((row.source_object, row.raw or "")), numbered) for row in some]
    for line in (json.dumps(row, ensure_ascii=False, default=str) for row in told) if form == "json" else _cards(told):
        click.echo(line)
    if next(meant, None) is not None and form == "table":
        click.echo(f"… and more; --limit shows more than {limit}, 0 all.")


@quarantine.command()
@click.argument("batch")
@click.option(
    "--corrected",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file in the source's format: whole records for the rows that break the contract.",
)
@click.option("--rule", help="Only rows that break this rule are replaced or dropped.")
@click.option("--drop", type=click.IntRange(min=0), default=0, help="How many of them have no corrected record.")
@STACK
def replay(batch: str, corrected: Path | None, rule: str | None, drop: int, stack: str) -> None:
    """Run the delivery of BATCH once more, with corrected rows or under the rules that are published now."""
    if rule is not None and corrected is None and not drop:
        raise click.UsageError("--rule says which rows --corrected replaces or --drop drops; give one of them.")
    click.echo(replays.ask(batch, corrected, rule, drop, stack))


@dataclass(frozen=True)
class _Place:
    """Where quarantine and ledger are. ``days``: how long a row stays in quarantine, None for ever."""

    zone: AsideZone
    environment: Environment | None
    days: int | None

    def replays_of(self, pipeline: str) -> list[LedgerRow]:
        if self.environment is None or self.environment.ledger_table is None:
            return []
        rows = wiring.ledger(self.environment).rows_of(pipeline)
        return sorted((row for row in rows if row.replay_of), key=lambda row: row.started_at)


def _place(stack: str, folder: Path | None) -> _Place:
    if folder is not None:
        return _Place(AsideZone(str(folder.resolve() / "quarantine")), None, None)
    environment = Environment.from_json(stacks.outputs(stack)["Environment"])
    return _Place(AsideZone(environment.quarantine), environment, environment.quarantine_days)


def _batches(
    aside: dict[str, list[AsideRow]], again: Sequence[LedgerRow], days: int | None
) -> list[dict[str, str | int | None]]:
    """One line a batch, stage and rule; a row that broke two rules is counted at both."""
    of = {row.batch_id: row.replay_of for row in again}
    lines: list[dict[str, str | int | None]] = []
    for batch, rows in sorted(aside.items(), key=lambda item: min((row.at for row in item[1]), default=_NEVER)):
        counted = Counter((row.stage, rule) for row in rows for rule in row.rules)
        newest = max((row.at for row in rows), default=_NEVER)
        for (stage, rule), count in sorted(counted.items()):
            lines.append(
                {
                    "batch": batch,
                    "replay of": of.get(batch) or "",
                    "stage": stage,
                    "rule": rule,
                    "rows": count,
                    "set aside (UTC)": f"{newest.astimezone(UTC):%Y-%m-%d %H:%M}",
                    "expires": _expiry(newest, days),
                }
            )
    return lines


_NEVER = datetime.min.replace(tzinfo=UTC)


def _expiry(at: datetime, days: int | None) -> str:
    """S3 counts whole days, and expires at the midnight (UTC) after."""
    return "never" if days is None else f"{at.astimezone(UTC) + timedelta(days=days + 1):%Y-%m-%d}"


def _replays(aside: dict[str, list[AsideRow]], again: Sequence[LedgerRow]) -> list[dict[str, str | int | None]]:
    """One line a replay: how many rows its batch had in quarantine, and how many the replay itself has there now."""
    return [
        {
            "replay": row.batch_id,
            "of": row.replay_of,
            "status": row.status if row.error_code is None else f"{row.status} {row.error_code}",
            "set aside before": len(aside.get(row.replay_of or "", ())),
            "set aside now": len(aside.get(row.batch_id, ())) if row.status == "SUCCEEDED" else None,
            "run": row.run_id,
        }
        for row in again
    ]


def _table(rows: Sequence[dict[str, str | int | None]]) -> Iterator[str]:
    texts = [[None if value is None else str(value) for value in row.values()] for row in rows]
    yield from aligned(list(rows[0]), texts)


def _row(row: AsideRow, places: list[Place] | None, numbered: bool) -> dict[str, Any]:
    """``numbered``: tell a record's number, too, because a line may hold several."""
    broken = zip(row.rules, row.reasons, row.fingerprints or [""] * len(row.rules), strict=False)
    return {
        "stage": row.stage,
        "broken": [{"rule": rule, "reason": reason, "fingerprint": mark} for rule, reason, mark in broken],
        "key": row.key,
        "raw": row.raw,
        "source_object": row.source_object,
        **({} if places is None else {"lines": [place.line for place in places]}),
        **({} if places is None or not numbered else {"records": [place.record for place in places]}),
        "run_id": row.run_id,
        "set_aside_at": row.at.astimezone(UTC).isoformat(),
    }


def _cards(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A paragraph a row: records are too wide for columns."""
    for row in rows:
        lines = row.get("lines")
        where = "" if lines is None else f", line {' or '.join(map(str, lines)) or 'not found'}"
        where += f" (record {' or '.join(map(str, row['records']))})" if row.get("records") else ""
        yield f"{row['stage']}: {row['source_object']}{where}"
        for one in row["broken"]:
            yield f"  {one['rule']} [{one['fingerprint']}]: {one['reason']}"
        if row["key"] is not None:
            yield f"  key {json.dumps(row['key'], ensure_ascii=False, default=str)}"
        yield f"  {''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in row['raw'] or '')}"


def _compiled(root: Path, pipeline: str) -> CompiledPipeline:
    found = compile_all(root).get(pipeline)
    if found is None:
        raise ConfigError(
            "GH1491",
            f"{pipeline} is no pipeline of this checkout, so nothing says how its objects are read.",
            "Name the checkout that has the pipeline by --root, or leave --lines out.",
        )
    if not has_lines(found.spec.source):
        raise ConfigError(
            "GH1491",
            f"{pipeline} reads {found.spec.source.format}, and that format has no lines.",
            "Leave --lines out; a row is told by its key and its raw form.",
        )
    return found


def _lines(rows: Sequence[AsideRow], compiled: CompiledPipeline) -> dict[tuple[str, str], list[Place]]:
    """(object, raw form) -> places. Rows of later stages have a raw form of their own, which no record has."""
    raws: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.stage == "ingest" and row.raw:
            raws[row.source_object].add(row.raw)
    found: dict[tuple[str, str], list[Place]] = {}
    for uri, asked in raws.items():
        told = lines_of(asked, _text(uri, compiled.spec.source.encoding), compiled.spec.source, compiled.contract)
        found |= {(uri, raw): places for raw, places in told.items()}
    return found


def _text(uri: str, encoding: str) -> str:
    content = storage.read_bytes(uri)
    packing = next((suffix for suffix in _UNPACKED if uri.endswith(suffix)), None)
    unpacked = _UNPACKED[packing](content) if packing else content
    if encoding == "UTF-16" and not unpacked.startswith((b"\xff\xfe", b"\xfe\xff")):
        # Java's choice where nothing says which end comes first.
        encoding = "UTF-16-BE"
    return unpacked.decode(encoding, errors="replace")
