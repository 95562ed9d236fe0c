"""Random configurations: specs, types of columns, and what changes on the way."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from domains import COMPOSITE, FLAGS, INSTANTS, KEYS, NESTED, PLAIN, SEQUENCES, WIDER

from gluehouse.spec.history import HistorySpec

Choice = TypeVar("Choice")


class Dice:
    """Random choices by name, of which some are made beforehand. What is random does not depend on those."""

    def __init__(self, seed: Any, made: dict[str, Any]) -> None:
        self.rng, self.made = random.Random(seed), made

    def happens(self, name: str, share: float) -> bool:
        drawn = self.rng.random() < share
        return bool(self.made.get(name, drawn))

    def one_of(self, name: str, options: Sequence[Choice]) -> Choice:
        drawn = self.rng.choice(options)
        return self.made.get(name, drawn)


@dataclass
class Plan:
    """One configuration: the spec, each column's type, the payload, and what happens on the way.

    - ``order``: the values of the columns that order events; ``time``: the one of them that has effective times.
    - ``pass_payload``: the payload is said, not taken from the batch.
    - ``tied``: how often a position gets another event.
    - ``added``: columns that early batches have not; ``left``: those that one in the middle has not; ``widened``: the
      types that columns have in late ones.
    - ``files``: memory is compacted from this many on.
    - ``members``: facts tell of keys before they come.
    """

    spec: HistorySpec
    types: dict[str, str]
    payload: list[str]
    order: dict[str, list[Any]]
    time: str | None = None
    pass_payload: bool = False
    tied: float = 0.0
    added: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    widened: dict[str, str] = field(default_factory=dict)
    files: int = 32
    members: bool = False

    @property
    def snapshots(self) -> bool:
        return self.spec.deletes == "absence"


def random_plan(dice: Dice) -> Plan:
    """The names of what can be decided beforehand stand here, in quotes, and below."""
    rng = dice.rng
    types: dict[str, str] = {}
    order: dict[str, list[Any]] = {}
    how: dict[str, Any] = {"keys": _keys(rng, types)}
    snapshots = dice.happens("snapshots", 0.25)
    how["type"] = dice.one_of("type", [2, 2, 2, 2, 1, 0])
    time = _times(dice, how, types, order, not snapshots and how["type"] == 2)
    how |= _lateness(dice, time and types[time])
    payload = _payload_columns(rng, types)
    pass_payload = rng.random() < 0.4
    how |= _deletes(dice, snapshots, types)
    how["ignore_nulls"] = dice.happens("ignore_nulls", 0.25)
    how["deletion_vectors"] = dice.happens("deletion_vectors", 0.3)
    tied = dice.one_of("tied", [0.0, 0.0, 0.15])
    if dice.happens("tie_breaker", 0.3):
        types["tie"] = rng.choice(["int", "string", "timestamp", "double"])
        how["tie_breaker"], tied = "tie", 0.3
    aside = [name for name in ("op", "tie", "seq") if name in types]
    if pass_payload:
        payload += [name for name in aside if rng.random() < 0.3]
    tracking, said = _tracking(dice, payload, [] if pass_payload else aside)
    if not pass_payload:
        payload += [name for name in aside if name in said]
    kind = dice.one_of("surrogate_key", [None, None, "bigint", "hash128"])
    if kind:
        how["surrogate_key"] = {"kind": kind, "column": "Sk"}
    plan = Plan(HistorySpec(**how, **tracking), types, payload, order, time, pass_payload, tied)
    plan.files = dice.one_of("files", [1, 4, 32])
    plan.members = bool(not snapshots and time) and dice.happens("members", 0.15)
    free = [name for name in payload if name not in aside]
    unsaid = [name for name in free if name not in said]
    if dice.happens("columns", 0.3):
        plan.added = [name for name in unsaid if rng.random() < 0.4]
        plan.left = [name for name in unsaid if name not in plan.added and rng.random() < 0.6]
    if dice.happens("widening", 0.3):
        plan.widened = {name: WIDER[types[name]] for name in free if types[name] in WIDER}
    return plan


def _keys(rng: random.Random, types: dict[str, str]) -> list[str]:
    kinds = rng.choice(KEYS)
    names = [f"Key{number}" if number else "iD" for number in range(len(kinds))]
    types.update(zip(names, kinds, strict=True))
    return names


def _times(
    dice: Dice, how: dict[str, Any], types: dict[str, str], order: dict[str, list[Any]], may_be_valid: bool
) -> str | None:
    """``effective_at`` and ``sequence_by``; the one column that has effective times."""
    rng = dice.rng
    if dice.happens("effective_at", 0.3) and may_be_valid:
        how["effective_at"] = "Valid"
        types["Valid"] = rng.choice(list(INSTANTS))
        order["Valid"] = INSTANTS[types["Valid"]]
    if dice.happens("composite", 0.3):
        how["sequence_by"] = []
        for number, (kind, values) in enumerate(rng.choice(COMPOSITE)):
            name = f"Seq{number}"
            how["sequence_by"].append(name)
            types[name], order[name] = kind, values
        return how.get("effective_at")
    how["sequence_by"] = ["seq"]
    types["seq"] = dice.one_of("sequence", list(SEQUENCES))
    order["seq"] = SEQUENCES[types["seq"]]
    return how.get("effective_at", "seq")


def _lateness(dice: Dice, kind: str | None) -> dict[str, Any]:
    days = dice.rng.choice([0, 1, 2, 4])
    late = dice.happens("lateness", 0.3) and kind in INSTANTS
    return {"lateness": dt.timedelta(days=days)} if late else {}


def _payload_columns(rng: random.Random, types: dict[str, str]) -> list[str]:
    names = []
    # Two or three: the engine's plans grow with each column, above all with one of a nested type.
    kinds = [*rng.sample(PLAIN, rng.choice([1, 2])), *rng.sample(NESTED, rng.choice([0, 0, 1]))]
    for number, kind in enumerate(rng.sample(kinds, len(kinds))):
        names.append(f"v{number}" if number else rng.choice(["Val.ue", "Val", "Val"]))
        types[names[-1]] = kind
    return names


def _deletes(dice: Dice, snapshots: bool, types: dict[str, str]) -> dict[str, Any]:
    if snapshots:
        never, soon = {"share": 1.0, "keys": 10**6}, {"share": 0.3, "keys": 5}
        return {"deletes": "absence", "breaker": dice.rng.choice([never, never, soon])}
    flag = dice.one_of("flag", [None, *FLAGS, *FLAGS])
    if flag is None:
        return {}
    types["op"] = flag[0]
    return {"deletes": {"column": "op", "values": flag[2], "truncates": flag[3]}}


def _tracking(dice: Dice, payload: list[str], aside: list[str]) -> tuple[dict[str, Any], list[str]]:
    """What the spec says of tracking, and the columns it names; those of ``aside`` become payload by that alone."""
    rng = dice.rng
    some = rng.sample(payload, rng.randint(rng.random() < 0.9, len(payload)))
    if rng.random() < 0.3:
        some += [name for name in aside if rng.random() < 0.4]
    ways: dict[str, dict[str, Any]] = {
        "all": {},
        "untracked": {"untracked": some},
        "everywhere": {"untracked": {"columns": some, "mode": "all_versions"}},
        "tracked": {"tracked": some},
    }
    way = dice.one_of("tracking", ["all", "untracked", "untracked", "everywhere", "tracked"])
    return ways[way], [] if way == "all" else some
