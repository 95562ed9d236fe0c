"""What the engine is measured against keeps rule 1 by itself: order, cut and repetition of batches do not matter."""

from __future__ import annotations

import random

import pytest
from folding import Row
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import Dice, Plan, random_plan
from reference import Reference
from streams import Batch, random_batches

CALM = {"tied": 0.0, "tie_breaker": False, "lateness": False, "columns": False, "widening": False}


def accepted(plan: Plan, batches: list[Batch]) -> Reference:
    reference = Reference(
        plan.spec.model_copy(update={"breaker": plan.spec.breaker.model_copy(update={"share": 1.0})}), plan.payload
    )
    for batch in batches:
        if batch.members:
            reference.infer(batch.rows)
        elif plan.snapshots:
            mute = [reference.key(row) for row in batch.quarantined]
            reference.snapshot(batch.rows, plan.payload, mute, batch.illegible)
        else:
            reference.events(batch.rows, plan.payload)
    return reference


def cut_anew(rng: random.Random, plan: Plan, batches: list[Batch]) -> list[Batch]:
    """The same rows in other batches, some of them twice; a snapshot stays one."""
    if plan.snapshots:
        return rng.sample(batches, len(batches)) + batches[:1]
    found: list[Batch] = []
    for members in (True, False):
        rows: list[Row] = [row for batch in batches if batch.members == members for row in batch.rows]
        rows = rng.sample(rows, len(rows)) + rng.sample(rows, len(rows) // 4)
        ends = sorted(rng.sample(range(len(rows) + 1), 2)) if rows else [0, 0]
        for piece in (rows[: ends[0]], rows[ends[0] : ends[1]], rows[ends[1] :]):
            found.append(Batch("piece", piece, plan.types, None, "small", members=members))
    return rng.sample(found, len(found))


@pytest.mark.parametrize("snapshots", [False, True], ids=["events", "snapshots"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_the_table_of_all_events_is_the_same_for_every_order_cut_and_repetition(snapshots: bool, seed: int) -> None:
    dice = Dice(seed, {**CALM, "snapshots": snapshots})
    plan = random_plan(dice)
    batches = [batch for batch in random_batches(dice.rng, plan, keys=8) if batch.name != "again"]
    first = accepted(plan, batches)
    other = accepted(plan, cut_anew(dice.rng, plan, batches))
    assert first.versions() == other.versions(), plan.spec
