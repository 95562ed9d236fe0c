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
    # (key, at, seq) of inferred members; with effective_at, seq is one that comes before all others.
    members: list[tuple[Any, Any, Any]] = field(default_factory=list)

    def all_keys(self) -> set[Any]:
        told = {key for _, rows, _ in self.snapshots for key in rows} | {key for key, _, _ in self.members}
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
        found += [_event(key, at, seq, False, None) for of, at, seq in self.members if of == key]
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


def _strength(event: dict[str, Any]) -> tuple[bool, bool, bool, Any]:
    return event["delete"], event["payload"] is not None, event["tie"] is not None, event["tie"] or 0


def _fold(events: list[dict[str, Any]], rules: Rules) -> list[tuple[Any, Any, dict[str, Any]]]:
    states = _states(events, rules)
    last_of_instant = {at: (state, knows) for at, state, knows in states}
    tracked_of = _tracked(rules)
    rows: list[list[Any]] = []
    current: dict[str, Any] | None = None
    for at, (state, _) in sorted(last_of_instant.items(), key=lambda pair: pair[0]):
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
            for _, (state, knows) in sorted(last_of_instant.items(), key=lambda pair: pair[0], reverse=True)
            if state is not None and knows
        ),
        Nothing(),
    )
    if rules.type != 2:
        rows = [row for row in rows if row[1] is None]
    return [
        (start, end, dict(_shown(first, newest if rules.all_versions else last, rules)))
        for start, end, first, last in rows
    ]


class Nothing(dict[str, Any]):
    """The state of a member of which only facts have told: NULL in every column."""

    def __missing__(self, name: str) -> None:
        return None


def _states(events: list[dict[str, Any]], rules: Rules) -> list[tuple[Any, dict[str, Any] | None, bool]]:
    """(at, state that the event leaves, whether it knows any value) of each event that says something."""
    states: list[tuple[Any, dict[str, Any] | None, bool]] = []
    before: dict[str, Any] | None = None
    for number, event in enumerate(events):
        told = event
        if _is_inferred(event):
            if before is not None:
                continue
            told = next((one for one in events[number:] if not _is_inferred(one)), event)
            if told["delete"] or told is event:
                told = {**event, "payload": Nothing()}
        if told["delete"]:
            before = None
        elif rules.ignore_nulls and before is not None:
            before = {n: before[n] if value is None else value for n, value in told["payload"].items()}
        else:
            before = told["payload"]
        states.append((event["at"], before, not isinstance(before, Nothing)))
    return states


def _is_inferred(event: dict[str, Any]) -> bool:
    return not event["delete"] and event["payload"] is None


def _tracked(rules: Rules):  # type: ignore[no-untyped-def]
    if rules.type != 2:
        return lambda state: ()
    return lambda state: {name: v for name, v in state.items() if name not in rules.untracked and v is not None}


def _shown(first: dict[str, Any], last: dict[str, Any], rules: Rules) -> dict[str, Any]:
    if rules.type == 0:
        return first
    if rules.type == 1:
        return last
    return {name: (last if name in rules.untracked else first)[name] for name in first or last}
