"""``gluehouse contract``: draft one from data; tell what a new version changes, and what breaks in this checkout."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import click

from gluehouse.cli.documents import Problem, read, refuse
from gluehouse.cli.draft import SAMPLES, draft_of
from gluehouse.cli.options import root as root_option
from gluehouse.cli.rows import aligned
from gluehouse.errors import ConfigError
from gluehouse.spec.change import SEVERITIES, Change, worst
from gluehouse.spec.contract import CONTRACT_NAME, Contract
from gluehouse.spec.contract_effects import diff as diff_of
from gluehouse.spec.contract_uses import Consumer
from gluehouse.spec.pipeline import PipelineSpec


@click.group()
def contract() -> None:
    """Draft a contract from data, compare the versions of one."""


@contract.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--name", required=True, help="Of the contract, with its version: sales.v1")
@click.option("--format", "format_", type=click.Choice(list(SAMPLES)), help="Default: by the files' ending.")
@click.option("--delimiter", default=",", show_default=True, help="Of CSV.")
@click.option("--rows", default=100_000, show_default=True, help="Look at no more than about so many rows.")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="A new file. Default: printed.")
@click.option(
    "--jars",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="GLUEHOUSE_JARS",
    help="Folder with Deequ's and Delta's jars. Default: of the checkout.",
)
@root_option()
def infer(
    files: tuple[str, ...],
    name: str,
    format_: str | None,
    delimiter: str,
    rows: int,
    to: Path | None,
    jars: Path | None,
    root: Path,
) -> None:
    """Draft the contract NAME from the data in FILES (local paths or s3:// URIs, patterns such as *.csv allowed).

    Types, formats of dates, NULLs, a key and rules are what the sample shows, found with Deequ's profile and
    suggestions. It is a draft: a person must say what was agreed.
    """
    if not re.fullmatch(CONTRACT_NAME, name):
        raise ConfigError(
            "GH1053", f"'{name}' is no name of a contract.", "Write one with its version, as in sales.v1."
        )
    if to is not None and to.exists():
        raise ConfigError("GH1053", f"{to} is there already.", "Name a file that is not; a contract is never replaced.")
    drafted = draft_of(files, name, format_, delimiter, rows, root, jars)
    if to is None:
        click.echo(drafted, nl=False)
    else:
        to.write_text(drafted, encoding="utf-8")
        click.echo(f"{to}: read every line of it, then run `gluehouse check`.")


@contract.command()
@click.argument("old")
@click.argument("new")
@click.option("--pipelines", multiple=True, help="Tell of this pipeline alone (may be repeated). Default: of all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@root_option()
def diff(old: str, new: str, pipelines: tuple[str, ...], as_json: bool, root: Path) -> None:
    """List what changes from contract OLD to NEW, and what each change breaks in the pipelines that use either.

    OLD and NEW are files, or names like airports.v1. Exit code 0: nothing breaks. 1: something does. 2: something
    could not be read.
    """
    was, now = read_contract(root, old), read_contract(root, new)
    found = diff_of(was, now, consumers(root, pipelines), pipelines)
    whole = worst(*(change.severity for change in found))
    if as_json:
        told = [change.model_dump(mode="json") for change in found]
        click.echo(json.dumps({"old": was.contract, "new": now.contract, "severity": whole, "changes": told}, indent=1))
    else:
        click.echo("\n".join(_report(was, now, found)))
    sys.exit(1 if whole == "breaking" else 0)


def read_contract(root: Path, name: str) -> Contract:
    """A contract by its file or by its name in the checkout; raises ConfigError GH1001, GH1005."""
    known = root / "config/contracts" / f"{name}.yaml"
    file = known if re.fullmatch(CONTRACT_NAME, name) and not Path(name).is_file() else Path(name)
    if not file.is_file():
        names = sorted(path.stem for path in (root / "config/contracts").glob("*.yaml"))
        raise ConfigError(
            "GH1005",
            f"there is no contract {name}: {file} is no file.",
            f"config/contracts has {names}; or name a file.",
        )
    found = read(file, Contract)
    if isinstance(found, list):
        refuse(found)
    assert isinstance(found, Contract)
    return found


def consumers(root: Path, named: Collection[str] = ()) -> list[Consumer]:
    """The pipelines of the checkout with their SQL; raises ConfigError GH1001 for files that cannot be read, GH1002
    where one of ``named`` is not there."""
    files = {path.stem: path for path in sorted((root / "config/pipelines").glob("*.yaml"))}
    unknown = sorted(set(named) - set(files))
    if unknown:
        there = f"config/pipelines has {list(files)}."
        raise ConfigError("GH1002", f"there is no pipeline {', '.join(unknown)}.", there)
    found = [_consumer(root, file) for file in files.values()]
    refuse([problem for one in found if isinstance(one, list) for problem in one])
    return [one for one in found if isinstance(one, Consumer)]


def _consumer(root: Path, file: Path) -> Consumer | list[Problem]:
    spec = read(file, PipelineSpec)
    if isinstance(spec, list):
        return spec
    found = []
    for name in (spec.contract, spec.output_contract):
        # A version that is not written yet is no reason to refuse: the diff may be about it.
        path = root / "config/contracts" / f"{name}.yaml"
        contract = read(path, Contract) if name is not None and path.is_file() else None
        if isinstance(contract, list):
            return contract
        found.append(contract)
    sql, audits = (_texts(root / "sql" / spec.pipeline / folder) for folder in (".", "audits"))
    return Consumer(spec=spec, sql=sql, audits=audits, input=found[0], output=found[1])


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}


def _report(old: Contract, new: Contract, found: Collection[Change]) -> Iterator[str]:
    if not found:
        yield f"{old.contract} and {new.contract} say the same."
        return
    by_severity = sorted(found, key=lambda change: -SEVERITIES.index(change.severity))
    rows = [[one.severity, one.kind, one.subject, _from_to(one), one.why] for one in by_severity]
    yield from aligned(["severity", "change", "of", "what", "by itself"], rows)
    broken = [
        [place.severity, place.where, f"{one.kind} {one.subject}", place.why]
        for one in by_severity
        for place in sorted(one.breaks, key=lambda place: -SEVERITIES.index(place.severity))
    ]
    if broken:
        yield ""
        yield from aligned(["severity", "where", "change", "why"], broken)
    counts = [f"{sum(one.severity == name for one in found)} {name}" for name in reversed(SEVERITIES)]
    yield f"\n{old.contract} to {new.contract}: {', '.join(counts)}."


def _from_to(change: Change) -> str:
    return f"{change.was} -> {change.now}" if change.was and change.now else change.was or change.now
