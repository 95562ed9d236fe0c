"""What a run leaves behind for those after it: its metrics, whatever became of it, and that it was published."""

from __future__ import annotations

from gluehouse.spec.manifest import Stage
from gluehouse.spec.metrics import RunMetrics
from gluehouse.stages.context import StageContext
from gluehouse.stages.report import Report


def remember(context: StageContext, stage: Stage, report: Report) -> None:
    """Keep the metrics where the run's verdict is known: after stage 3, or where an earlier one refuses the batch."""
    if context.metrics is None:
        return
    if stage == "publish":
        # A target that refused leaves the run unpublished here, though others may have taken it: bands want whole runs.
        if report.published and report.problem is None:
            context.metrics.mark_published(run_of(context, report))
    elif stage == "validate" or report.problem is not None:
        context.metrics.keep(run_of(context, report))


def run_of(context: StageContext, report: Report) -> RunMetrics:
    """The run with its verdict and what it measured; its time is that of its plan, which is the same for each try."""
    plan, problem = context.plan, report.problem
    return RunMetrics(
        run_id=plan.run_id,
        batch_id=plan.batch_id,
        planned_at=plan.triggered_at,
        outcome="failed" if problem else "passed",
        problem=problem.code if problem else None,
        values=report.measured,
    )
