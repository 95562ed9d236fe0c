"""A Lambda run around the process stage: staged objects in, one processed object and the manifest out."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pyarrow.parquet as pq
from pyarrow import BufferReader

from gluehouse import __version__
from gluehouse.aws import storage
from gluehouse.aws.run_locks import held_locks
from gluehouse.errors import InputError
from gluehouse.spec.environment import Environment
from gluehouse.spec.manifest import Counts, Manifest, Problem
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import RunPlan
from gluehouse.stages.process_arrow import transform

MEMORY_LIMIT = 256 * 1024 * 1024
"""Bytes of staged Parquet that a Lambda takes: in memory they are several times as many."""


def run(plan_uri: str, environment: Environment, limit: int = MEMORY_LIMIT) -> Manifest:
    """Process a batch; running it again writes the same. A batch that is too large is a failed outcome, GH2040."""
    started, clock = datetime.now(UTC), time.monotonic()
    plan = RunPlan.model_validate_json(storage.read_text(plan_uri))
    pipeline = CompiledPipeline.model_validate_json(storage.read_text(plan.config_uri))
    folder = environment.processed_uri(plan.pipeline, plan.batch_id)
    problem, rows = None, None
    try:
        with held_locks(environment, plan):
            parts = _staged(environment, plan, limit)
            output = transform(parts, pipeline)
            rows = pq.read_metadata(BufferReader(output)).num_rows
            # What an earlier run of this batch left, possibly by another engine, goes first: a folder is one batch.
            storage.delete(uri for uri in storage.list_uris(f"{folder}/") if uri != f"{folder}/part-00000.parquet")
            storage.write_bytes(f"{folder}/part-00000.parquet", output)
    except InputError as refusal:
        problem = Problem(code=refusal.code, message=refusal.message, hint=refusal.hint)
    manifest = Manifest(
        stage="process",
        pipeline=plan.pipeline,
        run_id=plan.run_id,
        batch_id=plan.batch_id,
        outcome="failed" if problem else "passed",
        problem=problem,
        counts=Counts(out=rows),
        config_hash=pipeline.hash,
        wheel_version=__version__,
        started_at=started,
        seconds=round(time.monotonic() - clock, 3),
        outputs={"processed": folder},
    )
    storage.write_text(environment.manifest_uri(plan.pipeline, plan.run_id, "process"), manifest.to_json())
    return manifest


def _staged(environment: Environment, plan: RunPlan, limit: int) -> list[bytes]:
    folder = f"{environment.good_rows_uri(plan.pipeline, plan.batch_id)}/"
    parts, size = [], 0
    for uri in storage.list_uris(folder):
        if uri.endswith(".parquet"):
            parts.append(storage.read_bytes(uri))
            size += len(parts[-1])
        if size > limit:
            raise InputError(
                "GH2040",
                f"the batch has more than {limit} bytes staged, which a Lambda cannot hold.",
                "Set process.engine to glue_pyspark or glue_sql.",
            )
    return parts
