"""Where pipelines use the columns of a contract.

What cannot be told by reading (functions in Python, tables that other tools read) is told as such, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from gluehouse.spec.contract import Contract
from gluehouse.spec.judgeable import checked_columns
from gluehouse.spec.model import Spec
from gluehouse.spec.pipeline import PipelineSpec, TransformStep
from gluehouse.spec.row_rule import Reference

UseKind = Literal[
    "key", "order", "tracked", "payload", "rule", "text", "sql", "partition", "from_key", "lookup", "expression",
    "downstream", "functions", "cleanse",
]  # fmt: skip
_QUOTED = re.compile(r'"([^"]*)"')
_SQL_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'", re.S)


class Consumer(Spec):
    """A pipeline with its SQL and audits (file to text), the contract of its input and, if it has one, its output's."""

    spec: PipelineSpec
    sql: Mapping[str, str] = {}
    audits: Mapping[str, str] = {}
    output: Contract | None = None
    input: Contract | None = None

    def publishes(self, contracts: Collection[str]) -> bool:
        """Whether its tables have the columns of one of these contracts."""
        return (self.spec.output_contract or self.spec.contract) in contracts


class Use(Spec):
    """One place that uses ``column``; ``where`` says which file, and which key of it."""

    column: str
    kind: UseKind
    where: str


def uses_of(old: Contract, new: Contract, consumer: Consumer, among: Iterable[Consumer] = ()) -> Iterator[Use]:
    """Where a pipeline uses columns of ``old``: as its input, its output, or by a lookup or a rule in a table of it."""
    versions = (old.contract, new.contract)
    for column in old.column_names:
        if consumer.spec.contract in versions:
            yield from _as_input(column, consumer)
        if consumer.publishes(versions):
            yield from _as_output(column, consumer)
    tables = {table for other in among if other.publishes(versions) for table in other.spec.tables}
    yield from _by_lookup(old, consumer, tables)
    yield from _by_reference(old, consumer, tables)


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
    if column in spec.cleanse.names:
        yield Use(column=column, kind="cleanse", where=f"{file}: cleanse")
    for name, text in consumer.sql.items():
        if names_column(text, column):
            yield Use(column=column, kind="sql", where=f"sql/{spec.pipeline}/{name}")
    own = [step.use for step in spec.process.transforms if ":" in step.use]
    if own:
        yield Use(column=column, kind="functions", where=f"{file}: process.transforms {', '.join(own)}")
    for step in spec.process.transforms:
        if ":" not in step.use and column in (*_mapping(step, "on"), step.params.get("at")):
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
    for key, columns in checked_columns(spec.quality):
        if column in columns:
            yield Use(column=column, kind="rule", where=f"{file}: quality.{key}")
    for name, text in consumer.audits.items():
        if names_column(text, column):
            yield Use(column=column, kind="sql", where=f"sql/{spec.pipeline}/audits/{name}")
    for target in spec.delta_targets:
        if column in target.partition_by:
            yield Use(column=column, kind="partition", where=f"{file}: publish {target.name} partition_by")
    for other in spec.warehouse_targets:
        if column in other.key_columns:
            yield Use(column=column, kind="partition", where=f"{file}: publish {other.name} distkey, sortkey")


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
        table = step.params.get("table")
        if ":" in step.use or not isinstance(table, str) or table not in tables:
            continue
        there = [*_mapping(step, "on").values(), *_mapping(step, "columns")]
        where = f"config/pipelines/{consumer.spec.pipeline}.yaml: {step.use} in {table}"
        yield from (Use(column=name, kind="lookup", where=where) for name in old.column_names if name in there)


def _by_reference(old: Contract, consumer: Consumer, tables: set[str]) -> Iterator[Use]:
    """Columns of a published table in which a row rule of the pipeline's input looks."""
    if consumer.input is None:
        return
    for rule in consumer.input.row_rules:
        if isinstance(rule, Reference) and rule.table in tables:
            where = f"config/contracts/{consumer.input.contract}.yaml: {rule.title}"
            there = [name for name in old.column_names if name in rule.on.values()]
            yield from (Use(column=name, kind="lookup", where=where) for name in there)


def _mapping(step: TransformStep, name: str) -> Mapping[str, Any]:
    """A parameter of a built-in, which checks its parameters itself, and only when it runs."""
    found = step.params.get(name)
    return found if isinstance(found, Mapping) else {}
