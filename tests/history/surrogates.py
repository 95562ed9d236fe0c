"""What is promised of surrogate keys, checked from one batch to the next."""

from __future__ import annotations

from typing import Any

from folding import Version, rank

from gluehouse.history import HistoryResult
from gluehouse.spec.history import SurrogateKey

Identity = tuple[Any, Any]
"""(key, effective_from)."""


class Surrogates:
    """The surrogate keys of a table as it was, and all that were ever given."""

    def __init__(self, spec: SurrogateKey) -> None:
        self.kind, self.column = spec.kind, spec.column
        self.was: dict[Identity, Any] = {}
        self.ever: set[Any] = set()

    def compare(self, now: dict[Identity, Any], versions: dict[Any, list[Version]], result: HistoryResult) -> None:
        """Each is there, unique, and stays with its identity; a number is never given again, and stays with a version
        that only starts earlier; keys that are gone are told with their heirs."""
        was = self.was
        assert None not in now.values()
        assert len(set(now.values())) == len(now)
        assert {one: now[one] for one in now.keys() & was.keys()} == {one: was[one] for one in now.keys() & was.keys()}
        # For each identity that is gone, the identity of the version that holds at its start now.
        heirs = {one: _covering(one, versions) for one in was.keys() - now.keys()}
        if self.kind == "bigint":
            assert not (set(now.values()) - set(was.values())) & self.ever, "a number was given again"
            for heir in {heir for heir in heirs.values() if heir is not None and heir not in was}:
                first = min((one for one in was if _covering(one, versions) == heir), key=lambda one: rank(one[1]))
                assert now[heir] == was[first], "a version that only starts earlier has another number"
        retired = {sk: one for one, sk in was.items() if sk not in set(now.values())}
        want = [(sk, None if heirs[one] is None else now[heirs[one]]) for sk, one in retired.items()]
        told = [tuple(row) for row in result.retired_keys.collect()] if result.retired_keys is not None else []
        assert sorted(map(repr, told)) == sorted(map(repr, want))
        self.was = now
        self.ever |= set(now.values())


def _covering(identity: Identity, versions: dict[Any, list[Version]]) -> Identity | None:
    key, time = identity
    for start, end, _ in versions.get(key, []):
        if rank(start) <= rank(time) and (end is None or rank(time) < rank(end)):
            return key, start
    return None
