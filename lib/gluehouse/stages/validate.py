"""Stage 3, processed -> verdict: record count, null shares, schema drift, data set rules. Nothing is written."""

from __future__ import annotations

from gluehouse.errors import QualityError
from gluehouse.quality import dqdl
from gluehouse.quality.drift import drift
from gluehouse.quality.profile import profile
from gluehouse.spec.manifest import Counts, RuleReport
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.report import Report


def run(context: StageContext) -> Report:
    """Judge what would be published. A failing rule of severity stop is the report's problem, GH3001."""
    contract, quality = context.pipeline.output_contract, context.pipeline.spec.quality
    uri = context.environment.processed_uri(context.plan.pipeline, context.plan.batch_id)
    processed = zones.read_processed(context)
    rows, shares = profile(processed, contract)
    reports = (
        drift(context.spark.read.parquet(uri).schema, processed.schema, contract.contract),
        *shares,
        *(dqdl.evaluate(context.spark, processed, quality.rules, "stop") if quality.rules else ()),
        *(dqdl.evaluate(context.spark, processed, quality.warn, "warn") if quality.warn else ()),
    )
    return Report(counts=Counts(**{"in": rows}), quality=reports, problem=_verdict(reports))


def _verdict(reports: tuple[RuleReport, ...]) -> QualityError | None:
    failed = [report for report in reports if report.outcome == "failed" and report.severity == "stop"]
    if not failed:
        return None
    told = "; ".join(f"{report.rule} ({report.reason})" for report in failed)
    return QualityError(
        "GH3001",
        f"{len(failed)} of {len(reports)} data set rules failed: {told}.",
        "Nothing was published. Mend the source or the rule, then run `gluehouse rerun RUN_ID --from process`.",
    )
