"""Running a stage: time it, turn its report or its refusal into the run's manifest, hand that over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from gluehouse import __version__
from gluehouse.errors import DataError
from gluehouse.spec.manifest import Counts, Manifest, Problem, Stage
from gluehouse.spec.plan import FromStage
from gluehouse.stages import ingest, memory, process, publish, validate
from gluehouse.stages.context import StageContext
from gluehouse.stages.report import Report

STAGES: dict[Stage, Callable[[StageContext], Report]] = {
    "ingest": ingest.run,
    "process": process.run,
    "validate": validate.run,
    "publish": publish.run,
}

Record = Callable[[Manifest], None]


def run_stage(context: StageContext, stage: Stage, record: Record) -> Manifest:
    """Run one stage and record its manifest. Bad data is an outcome; any other error passes through."""
    started, clock = datetime.now(UTC), time.monotonic()
    try:
        report = STAGES[stage](context)
    except DataError as refusal:
        report = Report(problem=refusal)
    # Before the manifest: the gate lets go on what has one, and a stage that dies between the two is run again.
    memory.remember(context, stage, report)
    manifest = _manifest(context, stage, report, started, time.monotonic() - clock)
    record(manifest)
    return manifest


def run_fused(context: StageContext, record: Record) -> Manifest:
    """The stages in one session, with the same gate between them: the first failed outcome is the last stage.

    A rerun starts where its plan says; one from publish starts at validate, for the gate is never skipped.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    done: list[Manifest] = []
    for stage in _from(context.plan.from_stage):
        done.append(run_stage(replace(context, verdict=_verdict(done)), stage, record))
        if done[-1].outcome == "failed":
            break
    manifest = _joined(context, done, started, time.monotonic() - clock)
    record(manifest)
    return manifest


def _verdict(done: list[Manifest]) -> Callable[[], Manifest | None]:
    return lambda: next((manifest for manifest in done if manifest.stage == "validate"), None)


def _from(stage: FromStage) -> list[Stage]:
    names = list(STAGES)
    return names[names.index("validate" if stage == "publish" else stage) :]


def _manifest(context: StageContext, stage: Stage, report: Report, started: datetime, seconds: float) -> Manifest:
    problem = report.problem
    return Manifest(
        stage=stage,
        pipeline=context.plan.pipeline,
        run_id=context.plan.run_id,
        batch_id=context.plan.batch_id,
        outcome="failed" if problem else "passed",
        problem=Problem(code=problem.code, message=problem.message, hint=problem.hint) if problem else None,
        published=report.published,
        counts=report.counts,
        tables=report.tables,
        quality=report.quality,
        config_hash=context.pipeline.hash,
        wheel_version=__version__,
        started_at=started,
        seconds=round(seconds, 3),
        dpu_hours=round(context.dpus * max(seconds, 60) / 3600, 4),
        outputs=report.outputs,
    )


def _joined(context: StageContext, done: list[Manifest], started: datetime, seconds: float) -> Manifest:
    """One manifest of the whole run: rows in and dropped at ingest, rows set aside by any stage, the last problem."""
    last = done[-1]
    counts = Counts(
        **{"in": done[0].counts.rows_in},
        good=done[0].counts.good,
        quarantined=sum(manifest.counts.quarantined or 0 for manifest in done),
        deduplicated=done[0].counts.deduplicated,
        out=next((m.counts.out for m in reversed(done) if m.counts.out is not None), None),
    )
    return last.model_copy(
        update={
            "stage": "fused",
            "counts": counts,
            "quality": tuple(report for manifest in done for report in manifest.quality),
            "outputs": {name: uri for manifest in done for name, uri in manifest.outputs.items()},
            "started_at": started,
            "seconds": round(seconds, 3),
            "dpu_hours": round(context.dpus * max(seconds, 60) / 3600, 4),
        }
    )
