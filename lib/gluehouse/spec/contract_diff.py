"""What changed from one contract to another, and how bad each change is by itself, whoever uses the contract."""

from __future__ import annotations

from collections.abc import Iterator

from gluehouse.spec.change import Change, ChangeKind, Severity
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.evolution import Evolution
from gluehouse.spec.rule_diff import Turn, moved, turn
from gluehouse.spec.types import is_wider


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Every change of columns, keys, row rules, policies, limit and descriptions, in that order."""
    policies = _policies(old.evolution, new.evolution)
    return (*_columns(old, new), *_keys(old, new), *_rules(old, new), *policies, *_rest(old, new))


def renames(old: Contract, new: Contract) -> dict[str, str]:
    """Old name to new name of the columns that aliases show to be the same."""
    gone = [column for column in old.columns if column.name not in new.column_names]
    come = [column for column in new.columns if column.name not in old.column_names]
    pairs = ((was.name, now.name) for was in gone for now in come if was.name in now.aliases or now.name in was.aliases)
    found: dict[str, str] = {}
    for was, now in pairs:
        if was not in found and now not in found.values():
            found[was] = now
    return found


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    renamed = renames(old, new)
    for was in old.columns:
        name = renamed.get(was.name, was.name)
        if name not in new.column_names:
            why = "what is delivered there is no longer agreed on" + _answer(new.evolution.added)
            yield Change(kind="column_removed", subject=was.name, was=was.type, severity="risky", why=why)
            continue
        now = new.column(name)
        if now.name != was.name:
            yield Change(
                kind="column_renamed", subject=was.name, was=was.name, now=now.name, severity="risky",
                why=f"whoever reads {was.name} must read {now.name}",
            )  # fmt: skip
        yield from _names(was, now)
        yield from _type(was, now)
        yield from _nullable(was, now)
        yield from _form(was, now)
    for now in new.columns:
        if now.name not in old.column_names and now.name not in renamed.values():
            yield _added(now, new)


def _answer(answer: str) -> str:
    return f" (evolution.added: {answer})"


def _added(now: Column, new: Contract) -> Change:
    severity: Severity = "risky" if now.nullable else "breaking"
    why = "a delivery without it is refused" + (", and it may not be NULL" if not now.nullable else "")
    if now.nullable and now.name not in new.keys and new.evolution.removed == "ignore":
        severity, why = "compatible", "where it is not delivered it is NULL (evolution.removed: ignore)"
    return Change(kind="column_added", subject=now.name, now=now.type, severity=severity, why=why)


def _names(was: Column, now: Column) -> Iterator[Change]:
    for name in was.names:
        if name not in now.names:
            severity: Severity = "breaking" if name == was.name else "risky"
            why = f"{was.name} is no longer taken under the name {name}"
            yield Change(kind="alias_removed", subject=was.name, was=name, severity=severity, why=why)
    for name in now.aliases:
        if name not in was.names:
            why = f"{now.name} is taken under the name {name} too"
            yield Change(kind="alias_added", subject=was.name, now=name, severity="compatible", why=why)


def _type(was: Column, now: Column) -> Iterator[Change]:
    if was.type == now.type:
        return
    if is_wider(was.type, now.type):
        kind, severity, why = "type_widened", "compatible", "every value there was fits"
    elif is_wider(now.type, was.type):
        kind, severity, why = "type_narrowed", "breaking", "values that fitted go to quarantine, and tables stay wide"
    else:
        kind, severity, why = "type_changed", "breaking", "no table keeps its values through this change"
    yield Change.model_validate(
        {"kind": kind, "subject": was.name, "was": was.type, "now": now.type, "severity": severity, "why": why}
    )


def _nullable(was: Column, now: Column) -> Iterator[Change]:
    if was.nullable and not now.nullable:
        why = "rows with NULL there go to quarantine"
        yield Change(kind="nullable_tightened", subject=was.name, severity="risky", why=why)
    if not was.nullable and now.nullable:
        why = "readers can meet NULL there"
        yield Change(kind="nullable_loosened", subject=was.name, severity="compatible", why=why)


def _form(was: Column, now: Column) -> Iterator[Change]:
    """Formats, zone, PII class, protection and description."""
    if was.formats != now.formats:
        yield _formats(was, now)
    if was.zone != now.zone:
        same = (was.zone or "UTC") == (now.zone or "UTC")
        yield Change(
            kind="zone_changed", subject=was.name, was=was.zone or "", now=now.zone or "",
            severity="compatible" if same else "breaking",
            why="UTC is the default" if same else "the same text means another instant",
        )  # fmt: skip
    if was.pii != now.pii:
        why = "what quarantine shows of the raw record changes"
        yield Change(
            kind="pii_changed", subject=was.name, was=was.pii or "", now=now.pii or "", severity="risky", why=why
        )
    if was.protect != now.protect:
        told = [found.how if found else "" for found in (was.protect, now.protect)]
        yield Change(
            kind="protection_changed", subject=was.name, was=told[0], now=told[1], severity="breaking",
            why="the same value is written otherwise than in the rows that tables have",
        )  # fmt: skip
    if was.description != now.description:
        yield Change(kind="description_changed", subject=was.name, severity="compatible", why="readers alone see it")


def _formats(was: Column, now: Column) -> Change:
    severity: Severity = "risky"
    why = "other texts are read, or the same ones otherwise"
    if not now.formats:
        why = "texts are read as ISO 8601 alone"
    elif any(pattern not in now.formats for pattern in was.formats):
        severity, why = "breaking", "texts that were read go to quarantine"
    elif was.formats and was.formats == now.formats[: len(was.formats)]:
        severity, why = "compatible", "what was read is read as before"
    told = [" or ".join(column.formats) for column in (was, now)]
    return Change(kind="format_changed", subject=was.name, was=told[0], now=told[1], severity=severity, why=why)


def _keys(old: Contract, new: Contract) -> Iterator[Change]:
    renamed = renames(old, new)
    if {renamed.get(name, name) for name in old.keys} != set(new.keys):
        yield Change(
            kind="key_changed", subject="keys", was=", ".join(old.keys), now=", ".join(new.keys), severity="risky",
            why="rows stand for other things than before",
        )  # fmt: skip


_TURNS: dict[Turn, tuple[ChangeKind, Severity, str]] = {
    "added": ("rule_added", "risky", "rows that were good go to quarantine"),
    "removed": ("rule_removed", "compatible", "rows that were set aside come through"),
    "tightened": ("rule_tightened", "risky", "rows that were good go to quarantine"),
    "loosened": ("rule_loosened", "compatible", "rows that were set aside come through"),
    "changed": ("rule_changed", "risky", "other rows go to quarantine than before"),
}


def _rules(old: Contract, new: Contract) -> Iterator[Change]:
    """Rules are the same by kind and columns; of several such, the first is held against the first."""
    renamed = renames(old, new)
    left = list(new.row_rules)
    for rule in old.row_rules:
        was = moved(rule, renamed)
        now = next((other for other in left if other.title == was.title), None)
        if now is None:
            yield _rule(rule.title, "removed", rule.severity)
            continue
        left.remove(now)
        turned = turn(was, now)
        if turned:
            yield _rule(rule.title, turned, now.severity if turned != "loosened" else "reject")
    for now in left:
        yield _rule(now.title, "added", now.severity)


def _rule(title: str, turned: Turn, severity: str) -> Change:
    kind, how_bad, why = _TURNS[turned]
    if severity == "warn":
        how_bad, why = "compatible", "the rule only warns"
    return Change(kind=kind, subject=title, severity=how_bad, why=why)


def _policies(old: Evolution, new: Evolution) -> Iterator[Change]:
    for kind in Evolution.model_fields:
        was, now = getattr(old, kind), getattr(new, kind)
        if was == now:
            continue
        severity: Severity = "compatible"
        why = "deliveries that were refused are taken"
        if now == "refuse":
            severity, why = "risky", "deliveries that were taken are refused"
        elif kind == "removed":
            severity, why = "risky", "where a column is not delivered, NULL is published"
        yield Change(kind="policy_changed", subject=f"evolution.{kind}", was=was, now=now, severity=severity, why=why)


def _rest(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = old.quarantine_limit, new.quarantine_limit
    if was != now:
        lower = "deliveries that were taken with their bad rows set aside are refused"
        yield Change(
            kind="limit_changed", subject="quarantine_limit", was=str(was), now=str(now),
            severity="risky" if now < was else "compatible", why=lower if now < was else "more bad rows are set aside",
        )  # fmt: skip
    if old.description != new.description:
        yield Change(kind="description_changed", subject="contract", severity="compatible", why="readers alone see it")
