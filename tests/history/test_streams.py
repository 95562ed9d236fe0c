"""Random streams, cut and shuffled into batches, with repeats and late events: after every batch the table is the one
that all events ever accepted make when they are sorted and folded once, and a batch told again writes nothing.

What an example draws beside its case's own part (types, keys, sequences, options, the way through the engine) is in
plans.py and streams.py. Failures are reproducible: ``HISTORY_SEED=4711 pytest ... -k "the case"`` runs that seed alone;
``HISTORY_SEEDS=100`` runs a hundred new ones of each case.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from domains import FLAGS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from plans import Dice, random_plan
from pyspark.sql import SparkSession
from replay import Replay
from streams import random_batches

EVENTS: dict[str, Any] = {"snapshots": False, "members": False, "flag": FLAGS[0], "lateness": False}
TWO, LATE = {**EVENTS, "type": 2}, {"sequence": "date", "composite": False, "lateness": True, "files": 1}
BIGINT, HASH128 = {"surrogate_key": "bigint"}, {"surrogate_key": "hash128"}
# What each case is about; all else is random.
CASES: dict[str, dict[str, Any]] = {
    "a composite sequence": {**TWO, "effective_at": False, "composite": True, "tracking": "all", "ignore_nulls": False},
    "untracked in the interval": {**TWO, **BIGINT, "tracking": "untracked", "deletion_vectors": True},
    "untracked everywhere with ignored nulls": {**TWO, "tracking": "everywhere", "ignore_nulls": True},
    "effective_at": {**TWO, **HASH128, "effective_at": True},
    "ties": {"snapshots": False, "tie_breaker": True, "widening": True},
    "type 1 with a horizon": {**EVENTS, **LATE, "type": 1},
    "type 0": {**EVENTS, **BIGINT, "type": 0},
    "columns come and go": {**EVENTS, **HASH128, "columns": True, "ignore_nulls": False, "deletion_vectors": True},
    "a horizon": {**TWO, **LATE},
    "members with a horizon": {**EVENTS, **LATE, **BIGINT, "members": True},
    "snapshots": {"snapshots": True},
}

CHOSEN, MANY = os.environ.get("HISTORY_SEED"), os.environ.get("HISTORY_SEEDS")
SEEDS = st.integers(0, 2**32) if CHOSEN is None else st.just(int(CHOSEN))
EXAMPLES = settings(
    max_examples=int(MANY or 1),
    derandomize=not MANY,
    database=None,
    deadline=None,
    # No smaller seed is a simpler stream.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("case", CASES)
@given(seed=SEEDS)
@EXAMPLES
def test_any_stream_in_any_batches_makes_the_table_of_its_sorted_events(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, case: str, seed: int
) -> None:
    dice = Dice(f"{case} {seed}", CASES[case])
    plan = random_plan(dice)
    batches = random_batches(dice.rng, plan)
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        replay = Replay(spark, Path(folder), plan, f"{case}, seed {seed}")
        for batch in batches:
            replay.apply(batch)
        if replay.applied:
            again = dice.rng.choice(replay.applied)
            assert replay.versions == replay.reference.versions()
            replay.repeat(again if dice.rng.random() < 0.3 else replace(again, name="once more"))
