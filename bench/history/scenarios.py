"""What happens to the table: which batches were applied before, and which one is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.history.data import event, late_event, picked, versions_of


@dataclass(frozen=True)
class Size:
    """Current keys, how many versions each has (``half``: every second key has a closed one), changed keys."""

    keys: int
    depth: str = "half"
    changes: int = 20_000

    @property
    def table(self) -> str:
        return f"{self.keys}-{self.depth}"

    @property
    def name(self) -> str:
        return f"{self.table}-{self.changes}"


@dataclass(frozen=True)
class Batch:
    """A batch's name and its events, as SQL."""

    name: str
    events: str


@dataclass(frozen=True)
class Scenario:
    """``before``: batches applied beforehand. ``timed``: the measured one."""

    name: str
    title: str
    before: Callable[[Size], list[Batch]]
    timed: Callable[[Size], Batch]


def _nothing(_: Size) -> list[Batch]:
    return []


def _next(size: Size) -> str:
    return versions_of(size.depth)


def _random(size: Size) -> Batch:
    return Batch("random", event(picked(size.keys, size.changes), _next(size)))


def _local(size: Size) -> Batch:
    wide = min(size.keys, size.changes + size.changes // 4)
    start = (size.keys - wide) // 2
    keys = f"SELECT id + {start} AS id FROM ({picked(wide, size.changes)})"
    return Batch("local", event(keys, _next(size)))


def _many(size: Size) -> Batch:
    return Batch("many", event(picked(size.keys, size.changes * 5), _next(size)))


def _hundred(size: Size) -> Batch:
    return Batch("hundred", event(picked(size.keys, 100), _next(size)))


def _new(size: Size) -> Batch:
    return Batch("new", event(f"SELECT range AS id FROM range({size.keys}, {size.keys + size.changes})", "0"))


def _confirm(size: Size) -> Batch:
    return Batch("confirm", event(picked(size.keys, size.changes), f"{_next(size)} - 1"))


def _cdc(size: Size) -> Batch:
    """As many events as the other batches have, of about a third as many keys, in no order.

    Of eight keys two change twice, one is changed and deleted, one deleted and inserted again, one gets an event that
    belongs between its old versions, one such an event and a new one, one changes with an exact repeat, one is new.
    """
    keys, n = picked(size.keys, size.changes * 2 // 5), _next(size)

    def of(*cases: int) -> str:
        return f"SELECT id FROM ({keys}) WHERE rank % 8 IN ({', '.join(map(str, cases))})"

    born = f"SELECT id + {size.keys} AS id FROM ({of(7)})"
    later = f"{n} + 1"
    parts = [
        event(of(0, 1), n), event(of(0, 1), later, nth="1"),
        event(of(2), n), event(of(2), later, nth="1", operation="D"),
        event(of(3), n, operation="D"), event(of(3), later, nth="1"),
        late_event(of(4), 3, "7"),
        late_event(of(5), 5, "8"), event(of(5), n, nth="2"),
        event(of(6), n), event(of(6), n), event(of(6), later, nth="3"),
        event(born, "0"), event(born, "1", nth="1"),
    ]  # fmt: skip
    shuffled = " UNION ALL ".join(f"({part})" for part in parts)
    return Batch("cdc", f"SELECT * FROM ({shuffled}) ORDER BY hash(id, updated_at, op, 3), updated_at")


SCENARIOS = {
    found.name: found
    for found in (
        Scenario("random", "random changes", _nothing, _random),
        Scenario("local", "changes within a narrow range of keys", _nothing, _local),
        Scenario("hundred", "100 random changes", _nothing, _hundred),
        Scenario("many", "five times as many random changes", _nothing, _many),
        Scenario("new", "new keys only", _nothing, _new),
        Scenario("repeat", "the same batch again", lambda size: [_random(size)], _random),
        Scenario("confirm", "the same values at a later time", _nothing, _confirm),
        Scenario("cdc", "shuffled changes: several a key, late ones, repeats, deletes", _nothing, _cdc),
    )
}
