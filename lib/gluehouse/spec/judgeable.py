"""Whether the checks of a pipeline can be judged: their columns, types and files, told before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from gluehouse.spec.check import FreshnessCheck, Reconcile, ReferenceCheck, view_of
from gluehouse.spec.contract import Contract
from gluehouse.spec.types import family

if TYPE_CHECKING:
    from gluehouse.spec.pipeline import PipelineSpec, Quality

NUMBERS = ("integer", "floating", "decimal")
TIMES = ("date", "timestamp")
VIEWS = ("processed", "staging")


def unjudgeable(
    spec: PipelineSpec, contract: Contract, output: Contract, audits: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The key of each check that no run could judge, and why. ``audits``: the names of the audit files."""
    quality = spec.quality
    if quality.reconcile is not None:
        yield from _of_reconcile(quality.reconcile, spec, contract, output)
    for fresh in quality.freshness:
        yield from _of_freshness(fresh, output)
    for reference in quality.references:
        yield from _of_reference(reference, output)
    named = [audit.name for audit in quality.audits]
    for name in sorted(set(named) - set(audits)):
        yield "quality.audits", f"names {name}; sql/{spec.pipeline}/audits has {sorted(audits)}"
    if len(set(named)) != len(named):
        yield "quality.audits", f"names a file twice: {sorted(named)}"
    yield from _of_views(reference_tables(spec))


def reconciled_keys(spec: PipelineSpec, contract: Contract) -> tuple[str, ...]:
    """The columns by which lost keys are told; none where nothing says what a key is."""
    check = spec.quality.reconcile.keys if spec.quality.reconcile else None
    named = check.columns if check else ()
    return named or (spec.history.keys if spec.history else ()) or contract.keys


def checked_columns(quality: Quality) -> Iterator[tuple[str, set[str]]]:
    """The key of each check below ``quality``, and the processed columns that it names."""
    if quality.reconcile is not None:
        yield "reconcile.sums", {check.column for check in quality.reconcile.sums}
        yield "reconcile.keys", set(quality.reconcile.keys.columns) if quality.reconcile.keys else set()
    yield "freshness", {check.column for check in quality.freshness}
    yield "references", {name for check in quality.references for name in (*check.on, check.at) if name is not None}


def reference_tables(spec: PipelineSpec) -> tuple[str, ...]:
    """The tables of the lake that an audit may read: those of lookups, references and its own list, each once."""
    looked_up = (step.params.get("table") for step in spec.process.transforms if ":" not in step.use)
    named = [table for table in looked_up if isinstance(table, str)]
    named += [check.table for check in spec.quality.references]
    named += [table for audit in spec.quality.audits for table in audit.tables]
    return tuple(dict.fromkeys(named))


def _types(contract: Contract) -> dict[str, str]:
    return {column.name: column.type for column in contract.columns}


def _of_reconcile(
    check: Reconcile, spec: PipelineSpec, contract: Contract, output: Contract
) -> Iterator[tuple[str, str]]:
    sides = [(contract, one.staged) for one in check.sums] + [(output, one.column) for one in check.sums]
    for agreed, name in sides:
        kind = _types(agreed).get(name)
        if kind is None:
            yield "quality.reconcile.sums", f"names {name}, which {agreed.contract} lacks"
        elif family(kind) not in NUMBERS:
            yield "quality.reconcile.sums", f"takes number columns, but {name} is {kind} in {agreed.contract}"
    if check.keys is None:
        return
    keys = reconciled_keys(spec, contract)
    if not keys:
        yield "quality.reconcile.keys", f"{contract.contract} has no keys, and there is no history; write `columns`"
    for name in keys:
        kinds = [_types(agreed).get(name) for agreed in (contract, output)]
        if None in kinds:
            lacking = output if kinds[0] else contract
            yield "quality.reconcile.keys", f"needs {name} before and after, but {lacking.contract} lacks it"
        elif family(str(kinds[0])) != family(str(kinds[1])):
            yield "quality.reconcile.keys", f"cannot compare {name}: {kinds[0]} is staged and {kinds[1]} processed"


def _of_freshness(check: FreshnessCheck, output: Contract) -> Iterator[tuple[str, str]]:
    kind = _types(output).get(check.column)
    if kind is None:
        yield "quality.freshness", f"names {check.column}, which {output.contract} lacks"
    elif kind not in TIMES:
        yield "quality.freshness", f"takes a date or timestamp, but {check.column} is {kind} in {output.contract}"


def _of_reference(check: ReferenceCheck, output: Contract) -> Iterator[tuple[str, str]]:
    kinds = _types(output)
    missing = [name for name in (*check.on, check.at) if name is not None and name not in kinds]
    if missing:
        yield "quality.references", f"names {missing}, which {output.contract} lacks"
    elif check.at is not None and kinds[check.at] not in TIMES:
        yield "quality.references", f"`at` takes a date or timestamp, but {check.at} is {kinds[check.at]}"


def _of_views(tables: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = dict.fromkeys(VIEWS, "the run's own view")
    for table in tables:
        if seen.setdefault(view_of(table), table) != table:
            yield "quality.audits", f"{table} and {seen[view_of(table)]} would be one view, {view_of(table)}"
