"""Where pipelines use the columns of a contract, and what a change of it does there.

What cannot be told by reading (functions in Python, tables that other tools read) is told as such, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from gluehouse.spec.contract import Contract
from gluehouse.spec.contract_diff import Break, Change, Severity, changes
from gluehouse.spec.model import Spec
from gluehouse.spec.pipeline import PipelineSpec
from gluehouse.spec.row_rule import Expression
from gluehouse.spec.types import family, is_wider, widens_by_itself

UseKind = Literal[
    "key", "order", "tracked", "payload", "rule", "text", "sql", "partition", "from_key", "lookup", "expression",
    "downstream", "functions",
]  # fmt: skip
_HISTORY = ("key", "order", "tracked", "payload")
_NAMING = ("key", "order", "tracked", "rule", "sql", "partition", "from_key", "lookup", "expression")
_QUOTED = re.compile(r'"([^"]*)"')
_SQL_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'", re.S)


class Consumer(Spec):
    """A pipeline with its SQL (file to text) and, where it has one of its own, the contract of its output."""

    spec: PipelineSpec
    sql: Mapping[str, str] = {}
    output: Contract | None = None

    def publishes(self, contracts: Collection[str]) -> bool:
        """Whether its tables have the columns of one of these contracts."""
        return (self.spec.output_contract or self.spec.contract) in contracts


class Use(Spec):
    """One place that uses ``column``; ``where`` says which file, and which key of it."""

    column: str
    kind: UseKind
    where: str


def diff(old: Contract, new: Contract, consumers: Iterable[Consumer] = ()) -> tuple[Change, ...]:
    """Every change from ``old`` to ``new``, each with what it breaks in the pipelines that use either."""
    among = tuple(consumers)
    uses = [use for consumer in among for use in uses_of(old, new, consumer, among)]
    uses += [
        Use(column=name, kind="expression", where=f"{new.contract}: row rule {rule.name}")
        for rule in new.row_rules
        for name in old.column_names
        if isinstance(rule, Expression) and names_column(rule.sql, name)
    ]
    publishing = [consumer for consumer in among if consumer.publishes((old.contract, new.contract))]
    return tuple(change.breaking(tuple(_breaks(change, uses, publishing))) for change in changes(old, new))


def uses_of(old: Contract, new: Contract, consumer: Consumer, among: Iterable[Consumer] = ()) -> Iterator[Use]:
    """Where a pipeline uses columns of ``old``: as its input, as its output, or by a lookup in a table of it."""
    versions = (old.contract, new.contract)
    for column in old.column_names:
        if consumer.spec.contract in versions:
            yield from _as_input(column, consumer)
        if consumer.publishes(versions):
            yield from _as_output(column, consumer)
    tables = {table for other in among if other.publishes(versions) for table in other.spec.tables}
    yield from _by_lookup(old, consumer, tables)


def names_column(sql: str, name: str) -> bool:
    """Whether SQL names the column, outside of comments and texts.

    >>> names_column("SELECT max(Lat) FROM staging -- not lon", "lat"), names_column("SELECT 'lat', lat_2", "lat")
    (True, False)
    """
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", _SQL_NOISE.sub(" ", sql), re.I))


def _as_input(column: str, consumer: Consumer) -> Iterator[Use]:
    spec, file = consumer.spec, f"config/pipelines/{consumer.spec.pipeline}.yaml"
    if column in spec.source.key_columns:
        yield Use(column=column, kind="from_key", where=f"{file}: source.columns_from_key")
    for name, text in consumer.sql.items():
        if names_column(text, column):
            yield Use(column=column, kind="sql", where=f"sql/{spec.pipeline}/{name}")
    own = [step.use for step in spec.process.transforms if ":" in step.use]
    if own:
        yield Use(column=column, kind="functions", where=f"{file}: process.transforms {', '.join(own)}")
    for step in spec.process.transforms:
        params = step.params
        here = [*(params.get("on") or {}), params.get("at")]
        if ":" not in step.use and column in here:
            yield Use(column=column, kind="lookup", where=f"{file}: process.transforms {step.use}")
    if consumer.output is not None and column in consumer.output.column_names:
        yield Use(column=column, kind="downstream", where=f"config/contracts/{consumer.output.contract}.yaml: {column}")


def _as_output(column: str, consumer: Consumer) -> Iterator[Use]:
    spec, file = consumer.spec, f"config/pipelines/{consumer.spec.pipeline}.yaml"
    yield from _in_history(column, consumer)
    for severity in ("rules", "warn"):
        quoted = _QUOTED.findall(getattr(spec.quality, severity) or "")
        if column in quoted:
            yield Use(column=column, kind="rule", where=f"{file}: quality.{severity}")
        elif any(names_column(text, column) for text in quoted):
            yield Use(column=column, kind="text", where=f"{file}: quality.{severity}")
    for target in spec.publish:
        if column in target.partition_by:
            yield Use(column=column, kind="partition", where=f"{file}: publish {target.table} partition_by")


def _in_history(column: str, consumer: Consumer) -> Iterator[Use]:
    history = consumer.spec.history
    if history is None:
        return
    flag = history.delete_flag
    named: tuple[tuple[str, UseKind, tuple[str | None, ...]], ...] = (
        ("keys", "key", history.keys),
        ("sequence_by", "order", history.sequence_by),
        ("effective_at", "order", (history.effective_at,)),
        ("tie_breaker", "order", (history.tie_breaker,)),
        ("deletes", "order", (flag.column if flag else None,)),
        ("tracked", "tracked", history.tracked or ()),
        ("untracked", "tracked", history.untracked.columns),
    )
    found = [(path, kind) for path, kind, names in named if column in names]
    for path, kind in found or [("the columns of its table", "payload")]:
        where = f"config/pipelines/{consumer.spec.pipeline}.yaml: history, {path}"
        yield Use(column=column, kind=kind, where=where)


def _by_lookup(old: Contract, consumer: Consumer, tables: set[str]) -> Iterator[Use]:
    """Columns of a published table that another pipeline's lookup names there."""
    for step in consumer.spec.process.transforms:
        params = step.params
        if ":" in step.use or params.get("table") not in tables:
            continue
        there = {*(params.get("on") or {}).values(), *(params.get("columns") or {})}
        where = f"config/pipelines/{consumer.spec.pipeline}.yaml: {step.use} in {params['table']}"
        yield from (Use(column=name, kind="lookup", where=where) for name in old.column_names if name in there)


def _breaks(change: Change, uses: Iterable[Use], publishing: Iterable[Consumer]) -> Iterator[Break]:
    if change.kind == "key_changed":
        yield from _other_grain(change, publishing)
    if change.kind == "column_added":
        yield from _to_be_made(change, publishing)
    for use in uses:
        found = _effect(change, use) if use.column == change.subject else None
        if found:
            yield Break(where=use.where, severity=found[0], why=found[1])


def _effect(change: Change, use: Use) -> tuple[Severity, str] | None:
    """What a change of a column does at one place that uses it; None where nothing."""
    if change.kind in ("column_removed", "column_renamed"):
        return _gone(change, use)
    if change.kind in ("type_widened", "type_narrowed", "type_changed"):
        return _other_type(change, use)
    if change.kind == "nullable_loosened":
        if use.kind in ("key", "order"):
            return "risky", "rows with NULL there go to quarantine when they are published"
        if use.kind in ("rule", "text", "sql", "expression", "lookup"):
            return "risky", "it can meet NULL there"
    if change.kind == "zone_changed" and change.severity == "breaking" and use.kind == "order":
        return "breaking", "new events stand elsewhere in time than those that the table remembers"
    return None


def _gone(change: Change, use: Use) -> tuple[Severity, str] | None:
    instead = f"; it is {change.now} now" if change.now else ""
    if use.kind in _NAMING:
        return "breaking", f"names {use.column}, which is gone{instead}"
    if use.kind == "payload":
        return "risky", f"the table keeps {use.column}, and new versions have NULL there{instead}"
    if use.kind == "downstream":
        return "risky", f"has a column of this name, which must come from elsewhere{instead}"
    return "risky", f"may name {use.column}; read it{instead}"


def _other_type(change: Change, use: Use) -> tuple[Severity, str] | None:
    was, now = change.was, change.now
    if use.kind in _HISTORY:
        return _other_type_in_history(was, now)
    if use.kind == "partition":
        return "breaking", f"the table is partitioned by {was}"
    if use.kind == "downstream":
        return "risky", f"has a column of this name; where it is handed on, give it {now} or cast it"
    if change.kind == "type_widened":
        return None
    return "risky", f"was written for {was}"


def _other_type_in_history(was: str, now: str) -> tuple[Severity, str] | None:
    if widens_by_itself(was, now):
        return None
    if widens_by_itself(now, was):
        return "risky", f"the table stays {was}"
    if "<" in was and "<" in now and family(was).split("<")[0] == family(now).split("<")[0]:
        return "risky", "fields that change their kind of type are refused (GH4101)"
    if family(was) == family(now) == "decimal":
        return "risky", "the table takes a type that holds both, if 38 digits do"
    told = "wider, but of another kind" if is_wider(was, now) else "another kind of type"
    return "breaking", f"{told} than the table has: the history engine refuses the batch (GH4101)"


def _other_grain(change: Change, publishing: Iterable[Consumer]) -> Iterator[Break]:
    for consumer in publishing:
        history = consumer.spec.history
        if history and set(history.keys) == set(change.was.split(", ")):
            where = f"config/pipelines/{consumer.spec.pipeline}.yaml: history, keys"
            yield Break(where=where, severity="breaking", why="keeps the old keys: two things would share one history")


def _to_be_made(change: Change, publishing: Iterable[Consumer]) -> Iterator[Break]:
    """A new column of an output contract: the pipeline's own logic must give it."""
    for consumer in publishing:
        if consumer.spec.output_contract is not None:
            where = f"config/pipelines/{consumer.spec.pipeline}.yaml: process"
            yield Break(where=where, severity="risky", why=f"must give {change.subject}, or the run ends with GH1022")
