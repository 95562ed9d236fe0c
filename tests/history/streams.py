"""Random streams of events, members and snapshots, cut into batches in any order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from domains import FLAGS, VALUES
from folding import Row
from plans import Plan

# A small table; a small batch into a large table; few keys of a large table; nothing is small.
WAYS = ("small", "small", "held", "held", "cut", "large")


@dataclass
class Batch:
    """Rows for one apply. ``types``: the columns that its frame has. ``way``: which it takes through the engine.
    ``sized``: whether Spark knows the frame's size; ``planned``: plan and apply are two calls; ``members``: the rows
    are members that facts tell of."""

    name: str
    rows: list[Row]
    types: dict[str, str]
    payload: list[str] | None
    way: str
    sized: bool = True
    planned: bool = False
    members: bool = False
    quarantined: list[Row] = field(default_factory=list)
    illegible: int = 0
    allow_mass_delete: bool = False


def random_batches(rng: random.Random, plan: Plan, keys: int = 40) -> list[Batch]:
    """As few as show everything: two or three, and in a third of the streams one that is a repeat in part."""
    count = 3 if plan.spec.lateness is not None or plan.added or plan.left else rng.choice([2, 2, 3])
    everyone = random_keys(rng, plan, keys)
    batches = _snapshots(rng, plan, everyone, count) if plan.snapshots else _events(rng, plan, everyone, count)
    if rng.random() < 0.3:
        at = rng.randint(1, len(batches))
        batches.insert(at, _told_again(rng, plan, rng.choice(batches[:at])))
    return batches


def random_keys(rng: random.Random, plan: Plan, count: int) -> list[Row]:
    found: dict[Any, Row] = {}
    for number in range(count * 5):
        row = {name: _key_part(rng, plan, plan.types[name], number) for name in plan.spec.keys}
        found.setdefault(repr(row), row)
        if len(found) == count:
            break
    return list(found.values())


def _key_part(rng: random.Random, plan: Plan, kind: str, number: int) -> Any:
    if kind in ("int", "bigint"):
        return number
    if kind == "decimal(12,4)":
        return Decimal(number) / 8
    if kind == "string" and len(plan.spec.keys) == 1 and number > 9:
        return rng.choice(VALUES["string"][1:]) + str(number)
    return rng.choice(VALUES[kind][1:])


def random_payload(rng: random.Random, plan: Plan) -> Row:
    empty = 0.5 if rng.random() < 0.3 else 0.0
    names = [name for name in plan.payload if name not in plan.order and name not in ("op", "tie")]
    return {name: None if rng.random() < empty else rng.choice(VALUES[plan.types[name]]) for name in names}


def _events(rng: random.Random, plan: Plan, keys: list[Row], count: int) -> list[Batch]:
    """Every event in some batch and a third of them in two."""
    pieces: list[list[Row]] = [[] for _ in range(count)]
    rows = random_rows(rng, plan, keys)
    for row in rng.sample(rows, len(rows)):
        for piece in _places(rng, plan, row, count):
            pieces[piece].append(dict(row))
    if rng.random() < 0.1:
        pieces[rng.randrange(count)] = []
    batches = _in_columns(rng, plan, pieces)
    if plan.members:
        batches.insert(rng.randint(0, len(batches)), _members(rng, plan, keys, "members"))
    return batches


def _places(rng: random.Random, plan: Plan, row: Row, count: int) -> list[int]:
    """The batches that an event comes in. With a lateness, time moves on from one to the next, and some come late."""
    times = 2 if rng.random() < 0.3 else 1
    if plan.spec.lateness is None or plan.time is None or row[plan.time] is None:
        return rng.sample(range(count), times)
    due = plan.order[plan.time].index(row[plan.time]) * count // len(plan.order[plan.time])
    return list({min(max(due + rng.choice([-1, 0, 0, 0, 1, 1]), 0), count - 1) for _ in range(times)})


def random_rows(rng: random.Random, plan: Plan, keys: list[Row], most: int = 8) -> list[Row]:
    """Events of all keys, truncates, and rows that can be no event. One event a position, but for a share of ties."""
    spec, rows, few = plan.spec, [], rng.random() < 0.5
    for key in keys:
        taken: set[str] = set()
        states = [random_payload(rng, plan) for _ in range(3)]
        for _ in range(rng.randint(1, most)):
            place = _place(rng, plan)
            if repr(place) in taken and rng.random() >= plan.tied:
                continue
            taken.add(repr(place))
            row = {**key, **place, **(rng.choice(states) if few else random_payload(rng, plan))}
            row |= _code(rng, plan, 0.2) | _tie(rng, plan)
            rows.append(row)
            if rng.random() < plan.tied:
                rows.append({**row, **_code(rng, plan, 0.3)})
    if spec.delete_flag and spec.delete_flag.truncates:
        for _ in range(rng.choice([0, 1, 1, 2])):
            code = {"op": rng.choice(spec.delete_flag.truncates)}
            rows.append({**dict.fromkeys(plan.types), **_place(rng, plan), **code})
    for row in rng.sample(rows, min(3, len(rows))):
        rows.append({**row, rng.choice([*spec.keys, *plan.order]): None})
    return rows


def _place(rng: random.Random, plan: Plan) -> Row:
    return {name: rng.choice(values) for name, values in plan.order.items()}


def _code(rng: random.Random, plan: Plan, deletes: float) -> Row:
    if not plan.spec.delete_flag:
        return {}
    codes = next(one for one in FLAGS if one[0] == plan.types["op"])
    return {"op": rng.choice(codes[2] if rng.random() < deletes else codes[1])}


def _tie(rng: random.Random, plan: Plan) -> Row:
    return {"tie": rng.choice(VALUES[plan.types["tie"]][:3])} if plan.spec.tie_breaker else {}


def _members(rng: random.Random, plan: Plan, keys: list[Row], name: str) -> Batch:
    """Half of the keys, some of them more than once or without a time, and keys of which nothing else is told."""
    assert plan.time is not None
    asked = [plan.time, *plan.spec.keys]
    kinds = {n: plan.types[n] for n in plan.spec.keys}
    strangers = [{n: _key_part(rng, plan, kind, 10**4 + number) for n, kind in kinds.items()} for number in range(3)]
    rows = [{**rng.choice([*keys, *strangers]), plan.time: rng.choice(plan.order[plan.time])} for _ in keys]
    rows.append({**rows[0], rng.choice(asked): None})
    types = {n: plan.types[n] for n in asked}
    return Batch(name, rows, types, None, rng.choice(WAYS), members=True)


def _snapshots(rng: random.Random, plan: Plan, everyone: list[Row], count: int) -> list[Batch]:
    """Snapshots at different times, in any order; some with bad rows, torn keys, quarantined keys."""
    times = list({repr(place): place for place in (_place(rng, plan) for _ in range(40))}.values())[:count]
    if plan.spec.lateness is not None and plan.time is not None and rng.random() < 0.5:
        times.sort(key=lambda place: plan.order[plan.time or ""].index(place[plan.time]))
    states = [[random_payload(rng, plan) for _ in range(2)] for _ in everyone]
    pieces = []
    for time in times:
        rows = []
        for index in rng.sample(range(len(everyone)), rng.randint(len(everyone) // 2, len(everyone))):
            rows.append({**everyone[index], **time, **rng.choice(states[index]), **_tie(rng, plan)})
            if rng.random() < plan.tied * 0.3:
                rows.append({**rows[-1], **random_payload(rng, plan)})
            if rng.random() < 0.05:
                rows.append(dict(rows[-1]))
        for names in (plan.spec.keys, plan.spec.sequence_by):
            if rng.random() < 0.2:
                rows.append({**rng.choice(rows), rng.choice(names): None})
        pieces.append(rows)
    batches = _in_columns(rng, plan, pieces)
    for batch in batches:
        batch.quarantined = rng.sample(everyone, 4) if rng.random() < 0.3 else []
        batch.illegible = 2 if rng.random() < 0.15 else 0
        batch.allow_mass_delete = rng.random() < 0.3
    return batches


def _in_columns(rng: random.Random, plan: Plan, pieces: list[list[Row]]) -> list[Batch]:
    """Batches in the columns and types that there are by then: first without those added later, then without those that
    leave for a while, at last all of them, in wider types."""
    grown = rng.randint(1, len(pieces) - 1)
    gone = rng.randint(1, len(pieces) - 1)
    batches = []
    for number, rows in enumerate(pieces):
        types = {**plan.types, **(plan.widened if number >= grown else {})}
        for column in [*(plan.added if number < grown else []), *(plan.left if number == gone else [])]:
            del types[column]
            for row in rows:
                row[column] = None
        for row in rows if number >= grown else ():
            for column in plan.widened:
                if plan.widened[column] == "bigint" and row[column] is not None and rng.random() < 0.3:
                    row[column] = rng.choice([2**40, -(2**35)])
        way = rng.choice(WAYS)
        batch = Batch(
            f"b{number}", rows, types, said_payload(plan, types), way, way in ("small", "held") or rng.random() < 0.5
        )
        batch.planned = rng.random() < 0.25
        batches.append(batch)
    return batches


def _told_again(rng: random.Random, plan: Plan, old: Batch) -> Batch:
    """The rows of a batch in another order, under its name or another; of a snapshot sometimes with another row."""
    again = replace(old, rows=rng.sample(old.rows, len(old.rows)), way=rng.choice(WAYS))
    again.sized = again.sized or again.way == "held"
    if rng.random() < 0.6:
        again.name = "again"
        if plan.snapshots and rng.random() < 0.4:
            again.rows[-1] = {**again.rows[-1], **random_payload(rng, plan)}
            again.rows[-1] |= dict.fromkeys(set(plan.payload) - set(again.types))
    return again


def said_payload(plan: Plan, types: dict[str, str]) -> list[str] | None:
    return [name for name in plan.payload if name in types] if plan.pass_payload else None
