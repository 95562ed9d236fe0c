"""Stage 3, processed -> verdict: record count, null shares, schema drift, rules, checks, anomalies. Writes no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gluehouse.errors import QualityError
from gluehouse.quality import anomaly, engine
from gluehouse.quality.anomaly import number
from gluehouse.quality.drift import drift, remembered, since_last_run, types_of
from gluehouse.quality.measured import measured
from gluehouse.quality.profile import profile
from gluehouse.spec.manifest import Counts, RuleReport
from gluehouse.stages import checks, zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.memory import run_of
from gluehouse.stages.report import Report

LAST_RUNS = 10
"""How many published runs are looked at for one of another batch that tells its columns."""


def run(context: StageContext) -> Report:
    """Judge what would be published. A failing rule of severity stop is the report's problem, GH3001."""
    contract, quality = context.pipeline.output_contract, context.pipeline.spec.quality
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    processed, written = zones.read_processed(context), context.spark.read.parquet(uri).schema
    rows, shares, more = profile(processed, contract, checks.asked(context))
    name = f"gluehouse_{context.environment.name}_{context.plan.pipeline}"
    judged = engine.evaluate(quality, processed, name, context.data_quality)
    aside = _set_aside(context)
    checked = checks.judge(context, processed, rows, more, aside)
    nulls = {column.name: share.metrics["null_share"] for column, share in zip(contract.columns, shares, strict=True)}
    values = {
        **measured(rows, sum(aside.values()), nulls, judged, checked),
        **remembered(types_of(written)),
    }
    reports = (
        drift(written, processed.schema, contract.contract),
        *shares,
        *(_measured_shown(report) for report in judged),
        *checked,
        *_from_memory(context, Report(measured=values), types_of(written)),
    )
    return Report(counts=Counts(**{"in": rows}), quality=reports, problem=_verdict(reports), measured=values)


def _measured_shown(report: RuleReport) -> RuleReport:
    """A failing rule in DQDL says what was measured; what was expected is the rule itself."""
    told = ", ".join(f"{name} = {number(value)}" for name, value in report.metrics.items() if value is not None)
    if report.outcome == "passed" or not told:
        return report
    return report.model_copy(update={"reason": f"{report.reason}; found {told}"})


def _set_aside(context: StageContext) -> dict[str, int]:
    """Rows of this batch in quarantine, by stage. A rerun may have skipped the one that put them there."""
    found = {stage: zones.read_quarantine(context, stage) for stage in ("ingest", "process")}
    return {stage: rows.count() for stage, rows in found.items() if rows is not None}


def _from_memory(context: StageContext, report: Report, columns: Mapping[str, str]) -> Iterable[RuleReport]:
    """What is judged by the runs before this one: its columns, then its metrics."""
    drifted = context.pipeline.spec.quality.drift
    if drifted is not None:
        # The batch's own runs are among the last ones, where it was run before, and say nothing.
        memory = context.metrics.earlier(context.plan.triggered_at, LAST_RUNS) if context.metrics else []
        yield since_last_run(drifted, columns, anomaly.comparable(memory, run_of(context, report)))
    yield from _anomalies(context, report)


def _anomalies(context: StageContext, report: Report) -> Iterable[RuleReport]:
    rules, plan = context.pipeline.spec.quality.anomaly, context.plan
    if not rules:
        return ()
    last = max(rule.window for rule in rules)
    memory = context.metrics.earlier(plan.triggered_at, last) if context.metrics else []
    return anomaly.evaluate(rules, report.measured, memory, run_of(context, report))


def _verdict(reports: tuple[RuleReport, ...]) -> QualityError | None:
    failed = [report for report in reports if report.outcome == "failed" and report.severity == "stop"]
    if not failed:
        return None
    told = "; ".join(f"{report.rule} ({report.reason})" for report in failed)
    return QualityError(
        "GH3001",
        f"{len(failed)} of {len(reports)} data set rules failed: {told}.",
        "Nothing was published. Mend the source or the rule, then run `gluehouse rerun RUN_ID --from process`. "
        "The report of stage 3, validate.json in the run's folder, has all rules with what was found.",
    )
