"""The slow reference: every event ever accepted, sorted and folded in plain Python, straight from the rules.

It knows nothing of batches, memory or Spark. An event is a dict with key, at, seq, delete, tie and payload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rules:
    """What of a HistorySpec the fold needs; ``tracked`` None means every payload column."""

    type: int = 2
    untracked: tuple[str, ...] = ()
    all_versions: bool = False
    ignore_nulls: bool = False


@dataclass
class Log:
    """All that was ever accepted, in any order."""

    events: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[tuple[Any, dict[Any, dict[str, Any]], set[Any]]] = field(default_factory=list)
    truncates: list[tuple[Any, Any]] = field(default_factory=list)

    def all_keys(self) -> set[Any]:
        told = {key for _, rows, _ in self.snapshots for key in rows}
        return told | {event["key"] for event in self.events}

    def of(self, key: Any) -> list[dict[str, Any]]:
        """One event a position of the key: a delete wins, then the higher tie-breaker."""
        found = [event for event in self.events if event["key"] == key]
        for at, seq in self.truncates:
            found.append(_event(key, at, seq, True, None))
        for time, rows, silent in self.snapshots:
            if key in rows:
                found.append(_event(key, time, time, False, rows[key]))
            elif key not in silent:
                found.append(_event(key, time, time, True, None))
        best: dict[tuple[Any, Any], dict[str, Any]] = {}
        for event in found:
            place = (event["at"], event["seq"])
            if place not in best or _strength(event) > _strength(best[place]):
                best[place] = event
        return [best[place] for place in sorted(best)]


def versions(log: Log, rules: Rules) -> dict[Any, list[tuple[Any, Any, dict[str, Any]]]]:
    """key -> [(effective_from, effective_to, payload)] in order; keys without a version are left out."""
    found = {key: _fold(log.of(key), rules) for key in log.all_keys()}
    return {key: rows for key, rows in found.items() if rows}


def _event(key: Any, at: Any, seq: Any, delete: bool, payload: dict[str, Any] | None) -> dict[str, Any]:
    return {"key": key, "at": at, "seq": seq, "delete": delete, "tie": None, "payload": payload}


def _strength(event: dict[str, Any]) -> tuple[bool, bool, Any]:
    return event["delete"], event["tie"] is not None, event["tie"] or 0


def _fold(events: list[dict[str, Any]], rules: Rules) -> list[tuple[Any, Any, dict[str, Any]]]:
    states = _states(events, rules)
    last_of_instant = dict(states)
    tracked_of = _tracked(rules)
    rows: list[list[Any]] = []
    current: dict[str, Any] | None = None
    for at, state in sorted(last_of_instant.items(), key=lambda pair: pair[0]):
        if state is None:
            if current is not None:
                rows[-1][1] = at
            current = None
        elif current is None or tracked_of(state) != tracked_of(current):
            if current is not None:
                rows[-1][1] = at
            rows.append([at, None, state, state])
            current = state
        else:
            rows[-1][3] = state
            current = state
    newest = next(
        (
            state
            for _, state in sorted(last_of_instant.items(), key=lambda pair: pair[0], reverse=True)
            if state is not None
        ),
        None,
    )
    if rules.type != 2:
        rows = [row for row in rows if row[1] is None]
    return [
        (start, end, _shown(first, newest if rules.all_versions else last, rules)) for start, end, first, last in rows
    ]


def _states(events: list[dict[str, Any]], rules: Rules) -> list[tuple[Any, dict[str, Any] | None]]:
    states: list[tuple[Any, dict[str, Any] | None]] = []
    before: dict[str, Any] | None = None
    for event in events:
        if event["delete"]:
            before = None
        elif rules.ignore_nulls and before is not None:
            before = {n: before[n] if value is None else value for n, value in event["payload"].items()}
        else:
            before = dict(event["payload"])
        states.append((event["at"], before))
    return states


def _tracked(rules: Rules):  # type: ignore[no-untyped-def]
    if rules.type != 2:
        return lambda state: ()
    return lambda state: tuple(value for name, value in sorted(state.items()) if name not in rules.untracked)


def _shown(first: dict[str, Any], last: dict[str, Any], rules: Rules) -> dict[str, Any]:
    if rules.type == 0:
        return first
    if rules.type == 1:
        return last
    return {name: (last if name in rules.untracked else first)[name] for name in first}
