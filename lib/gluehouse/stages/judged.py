"""What the gate let through, as Publish is to find it again."""

from __future__ import annotations

from gluehouse.errors import QualityError
from gluehouse.quality.reconcile import sum_title
from gluehouse.spec.manifest import Manifest
from gluehouse.stages import checks
from gluehouse.stages.context import StageContext
from gluehouse.targets.reconcile import Judged


def judged_by_the_gate(context: StageContext) -> Judged | None:
    """Rows and sums of the run's stage 3; None where a stage is debugged alone and there was none.

    Raises QualityError GH3003 where stage 3 failed the batch: the gate is in the state machine, and Publish does not
    rely on how it was started.
    """
    manifest = context.verdict() if context.verdict else None
    if manifest is None or manifest.counts.rows_in is None:
        return None
    if manifest.outcome != "passed":
        raise QualityError(
            "GH3003",
            f"publish was started for run {manifest.run_id}, which stage 3 has failed. Nothing was published.",
            "Mend what stage 3 says, and run the batch again; never start the job of publish by hand.",
        )
    measures = checks.sums_of(context)
    return Judged(manifest.counts.rows_in, {name: _sum(manifest, name) for name in measures}, measures)


def _sum(manifest: Manifest, column: str) -> float | None:
    reports = (report for report in manifest.quality if report.rule == sum_title(column))
    return next((report.metrics.get("found") for report in reports), None)
