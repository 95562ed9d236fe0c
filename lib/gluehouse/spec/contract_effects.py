"""What each change of a contract does at the places that use it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from gluehouse.spec.change import Break, Change, Severity
from gluehouse.spec.contract import Contract
from gluehouse.spec.contract_diff import changes
from gluehouse.spec.contract_uses import Consumer, Use, names_column, uses_of
from gluehouse.spec.row_rule import Expression
from gluehouse.spec.types import family, is_wider, widens_by_itself

_HISTORY = ("key", "order", "tracked", "payload")
_NAMING = ("key", "order", "tracked", "rule", "sql", "partition", "from_key", "lookup", "expression", "cleanse")


def diff(
    old: Contract, new: Contract, consumers: Iterable[Consumer] = (), only: Collection[str] = ()
) -> tuple[Change, ...]:
    """Every change from ``old`` to ``new``, each with what it breaks in the pipelines that use either, or that look up
    tables of those; ``only``: the names of the pipelines to tell of, where it is not all."""
    among = tuple(consumers)
    told = [consumer for consumer in among if not only or consumer.spec.pipeline in only]
    uses = [use for consumer in told for use in uses_of(old, new, consumer, among)]
    uses += [
        Use(column=name, kind="expression", where=f"{new.contract}: row rule {rule.name}")
        for rule in new.row_rules
        for name in old.column_names
        if isinstance(rule, Expression) and names_column(rule.sql, name)
    ]
    publishing = [consumer for consumer in told if consumer.publishes((old.contract, new.contract))]
    return tuple(change.breaking(tuple(_breaks(change, uses, publishing))) for change in changes(old, new))


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
        if use.kind in ("rule", "text", "sql", "expression", "lookup", "cleanse"):
            return "risky", "it can meet NULL there"
    if change.kind == "protection_changed" and use.kind == "key":
        return "breaking", "every key becomes another: old versions stay open beside the new ones"
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
