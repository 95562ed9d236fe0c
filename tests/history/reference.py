"""The slow reference: every event ever accepted, kept position by position, sorted and folded whenever it is asked.

It takes batches as the engine does, because what is set aside (undecided ties, lateness) and what an event says of a
column that left the contract depend on arrival. It knows nothing of memory, of change sets or of Spark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from folding import INFERRED, Event, Row, Version, fold, plain, rank, tracked_of

from gluehouse.spec.history import HistorySpec

Position = tuple[Any, Any]
"""(when it holds, what orders it)."""
Aside = list[tuple[Row, str]]
"""Rows set aside, each with its rule."""


class Refused(Exception):
    """The whole batch is refused, with the code that the rules give."""


@dataclass
class Accepted:
    """What one position of a key holds: a delete, or the upsert with the highest tie-breaker; ``fresh``: it is of the
    batch that is being accepted."""

    deleted: bool = False
    tie: Any = None
    payload: Row | None = None
    fresh: bool = True


@dataclass
class Told:
    """A remembered snapshot: its rows, the keys that it does not speak for, whether it deletes the others, and all that
    was accepted of it."""

    time: Any
    rows: dict[Any, Row]
    silent: set[Any]
    speaks: bool
    content: Any
    fresh: bool = True


@dataclass
class Reference:
    """A history table as the rules say it must be; ``columns``: all the payload it will ever have."""

    spec: HistorySpec
    columns: list[str]
    keys: dict[Any, dict[Position, Accepted]] = field(default_factory=dict)
    truncates: set[Position] = field(default_factory=set)
    snapshots: list[Told] = field(default_factory=list)
    members: dict[Any, set[Position]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def events(self, rows: Iterable[Row], columns: Collection[str]) -> Aside:
        """Accept a batch of change events that has these columns of the payload."""
        lacks = self._lacks(columns)
        good, aside = self._sorted_out(rows)
        flag = self.spec.delete_flag
        upserts: dict[tuple[Any, Position], list[Row]] = {}
        for row in good:
            key, position = self.key(row), self.position(row)
            if flag and row[flag.column] in flag.truncates:
                self.truncates.add(position)
            elif flag and row[flag.column] in flag.values:
                self._at(key).setdefault(position, Accepted()).deleted = True
            else:
                upserts.setdefault((key, position), []).append(row)
        for (key, position), told in upserts.items():
            if self._are_undecided(key, position, told, lacks):
                aside += [(row, "history.undecided_tie") for row in told]
        self._keep_what_left(lacks)
        return aside

    def infer(self, rows: Iterable[Row]) -> Aside:
        """Accept members that facts have told of: rows of the key and of the one time, NULL for no time."""
        spec, earliest = self.spec, self._earliest()
        time = spec.effective_at or spec.sequence_by[0]
        no_time = "history.null_effective_at" if spec.effective_at else "history.null_sequence"
        aside: Aside = []
        for row in rows:
            at = plain(row[time])
            if None in self.key(row):
                aside.append((row, "history.null_key"))
            elif at is None:
                aside.append((row, no_time))
            elif earliest is not None and _instant(at) < earliest:
                aside.append((row, "history.too_late"))
            else:
                self.members.setdefault(self.key(row), set()).add((at, None if spec.effective_at else at))
        return aside

    def snapshot(
        self,
        rows: Iterable[Row],
        columns: Collection[str],
        quarantined: Iterable[Any] = (),
        illegible: int = 0,
        allow_mass_delete: bool = False,
    ) -> Aside:
        """Accept a full snapshot that has these columns of the payload. Raises Refused, with nothing changed."""
        good, aside = self._sorted_out(rows)
        if not good and any(rule == "history.too_late" for _, rule in aside):
            return aside
        if not good:
            raise Refused("GH4003")
        times = {self.position(row)[1] for row in good}
        if len(times) > 1:
            raise Refused("GH4005")
        (time,) = times
        bad = [self.key(row) for row, _ in aside]
        illegible += sum(None in key for key in bad)
        silent = {*quarantined, *(key for key in bad if None not in key)}
        of_key: dict[Any, list[Row]] = {}
        for row in good:
            of_key.setdefault(self.key(row), []).append(row)
        content = {key: frozenset(_frozen(self.payload(row)) for row in told) for key, told in of_key.items()}
        known = next((one for one in self.snapshots if one.time == time), None)
        if known and known.content != content:
            raise Refused("GH4002")
        torn = {key for key, told in of_key.items() if len(self._strongest(told)) > 1}
        aside += [(row, "history.undecided_tie") for key in torn for row in of_key[key]]
        if known:
            return aside
        if not allow_mass_delete and illegible == 0:
            self._break_if_too_many_lack(time, set(of_key) | silent)
        sure = {key: self.payload(self._strongest(told)[0]) for key, told in of_key.items() if key not in torn}
        self.snapshots.append(Told(time, sure, silent | torn, illegible == 0, content))
        self._keep_what_left(self._lacks(columns))
        return aside

    def versions(self) -> dict[Any, list[Version]]:
        """The versions of each key that has one, in order."""
        told = {*self.keys, *self.members, *(key for one in self.snapshots for key in one.rows)}
        found = {key: fold(self.spec, self.columns, self._of(key)) for key in told}
        return {key: rows for key, rows in found.items() if rows}

    def position(self, row: Row) -> Position:
        values = tuple(plain(row[name]) for name in self.spec.sequence_by)
        seq = values[0] if len(values) == 1 else values
        return (plain(row[self.spec.effective_at]), seq) if self.spec.effective_at else (seq, seq)

    def key(self, row: Row) -> tuple[Any, ...]:
        return tuple(plain(row[name]) for name in self.spec.keys)

    def payload(self, row: Row) -> Row:
        return {name: plain(row.get(name)) for name in self.columns}

    def newest(self) -> Any:
        """The newest accepted effective time, None where there is none."""
        times = [at for places in self.keys.values() for at, _ in places]
        times += [at for places in self.members.values() for at, _ in places]
        times += [at for at, _ in self.truncates] + [one.time for one in self.snapshots]
        return max(times, default=None)

    def ends_later(self, key: Any, position: Position) -> bool:
        """Whether a delete of the key comes after a position."""
        return any(payload is None and rank(place) > rank(position) for place, payload in self._sorted(key))

    def _at(self, key: Any) -> dict[Position, Accepted]:
        return self.keys.setdefault(key, {})

    def _sorted_out(self, rows: Iterable[Row]) -> tuple[list[Row], Aside]:
        spec, flag = self.spec, self.spec.delete_flag
        earliest = self._earliest()
        good: list[Row] = []
        aside: Aside = []
        for row in rows:
            empties = flag is not None and row[flag.column] in flag.truncates
            if not empties and None in self.key(row):
                aside.append((row, "history.null_key"))
            elif any(row[name] is None for name in spec.sequence_by):
                aside.append((row, "history.null_sequence"))
            elif spec.effective_at and row[spec.effective_at] is None:
                aside.append((row, "history.null_effective_at"))
            elif earliest is not None and _instant(self.position(row)[0]) < earliest:
                aside.append((row, "history.too_late"))
            else:
                good.append(row)
        return good, aside

    def _earliest(self) -> dt.datetime | None:
        """Before it events come too late."""
        newest = self.newest() if self.spec.lateness is not None else None
        return None if newest is None or self.spec.lateness is None else _instant(newest) - self.spec.lateness

    def _tie(self, row: Row) -> Any:
        return plain(row[self.spec.tie_breaker]) if self.spec.tie_breaker else None

    def _strongest(self, rows: list[Row]) -> list[Row]:
        """One row for each payload among those with the highest tie-breaker."""
        top = max((self._tie(row) for row in rows), key=rank)
        return list({_frozen(self.payload(row)): row for row in rows if self._tie(row) == top}.values())

    def _are_undecided(self, key: Any, position: Position, told: list[Row], lacks: Collection[str]) -> bool:
        """Whether a batch's upserts at one position are undecided; if they are not, the strongest of all is kept."""
        here = self._at(key).get(position)
        if (here and here.deleted) or position in self.truncates:
            return False
        top = self._strongest(told)
        tie, payload = self._tie(top[0]), self.payload(top[0])
        if here is not None and rank(tie) < rank(here.tie):
            return False
        if len(top) > 1:
            return True
        if here is not None and tie == here.tie:
            return _frozen(payload, lacks) != _frozen(here.payload or {}, lacks)
        self._at(key)[position] = Accepted(tie=tie, payload=payload)
        return False

    def _break_if_too_many_lack(self, time: Any, seen: set[Any]) -> None:
        valid = {key for key, rows in self.versions().items() if any(_covers(row, time) for row in rows)}
        absent, breaker = len(valid - seen), self.spec.breaker
        if absent >= breaker.keys and absent > breaker.share * len(valid):
            raise Refused("GH4001")

    def _lacks(self, columns: Collection[str]) -> set[str]:
        """The columns that were known before this batch, and that it has not."""
        lacks = self.known - set(columns)
        self.known |= set(columns)
        return lacks

    def _keep_what_left(self, lacks: Collection[str]) -> None:
        """A column that left the contract says nothing: a fresh event that repeats the one before it in all other
        columns repeats it in that one too. (Where NULLs are ignored, values flow on.) Nothing is fresh afterwards."""
        fresh = {key for key, places in self.keys.items() if any(one.fresh for one in places.values())}
        fresh |= {key for one in self.snapshots if one.fresh for key in one.rows}
        if lacks and not self.spec.ignore_nulls:
            for key in fresh:
                self._repeat_what_left(key, lacks)
        for key in fresh:
            for one in self.keys.get(key, {}).values():
                one.fresh = False
        for snapshot in self.snapshots:
            snapshot.fresh = False

    def _repeat_what_left(self, key: Any, lacks: Collection[str]) -> None:
        compared = [n for n in tracked_of(self.spec, self.known) or self.known if n not in lacks]
        said: Any = None
        kept: Row | None = None
        for position, payload in self._sorted(key):
            if payload is INFERRED:
                continue
            now = None if payload is None else {n: payload[n] for n in compared}
            kept = kept if now == said else None
            said = now
            if payload is None:
                continue
            if not self._is_fresh(key, position):
                kept = payload
            elif kept is not None:
                payload.update({n: kept[n] for n in lacks})

    def _is_fresh(self, key: Any, position: Position) -> bool:
        here = self.keys.get(key, {}).get(position)
        return here.fresh if here else any(one.fresh for one in self.snapshots if one.time == position[1])

    def _of(self, key: Any) -> list[Event]:
        return [(at, payload) for (at, _), payload in self._sorted(key)]

    def _sorted(self, key: Any) -> list[tuple[Position, Row | None]]:
        """(position, payload or None for a delete) of a key: one event a position."""
        found: dict[Position, Row | None] = dict.fromkeys(self.members.get(key, ()), INFERRED)
        for position, one in self.keys.get(key, {}).items():
            found[position] = None if one.deleted else one.payload
        for snapshot in self.snapshots:
            if key in snapshot.rows:
                found[(snapshot.time, snapshot.time)] = snapshot.rows[key]
            elif snapshot.speaks and key not in snapshot.silent:
                found[(snapshot.time, snapshot.time)] = None
        found.update(dict.fromkeys(self.truncates))
        return [(position, found[position]) for position in sorted(found, key=rank)]


def _covers(version: Version, time: Any) -> bool:
    start, end, _ = version
    return bool(rank(start) <= rank(time) and (end is None or rank(time) < rank(end)))


def _frozen(payload: Row, but: Collection[str] = ()) -> Any:
    return frozenset((name, value) for name, value in payload.items() if value is not None and name not in but)


def _instant(value: Any) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
