"""Stage 1, landing -> staging + quarantine: parse, hold against the contract, part good rows from bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from gluehouse.errors import InputError, Unexpected
from gluehouse.frames.parse import DEDUPLICATED, GIVES_WAY, VIOLATIONS, WARNED, parse, warnings
from gluehouse.frames.rules import quoted
from gluehouse.sources.unreadable import refusing_damaged_objects
from gluehouse.spec.manifest import Counts, RuleReport
from gluehouse.stages import replayed, zones
from gluehouse.stages.context import StageContext
from gluehouse.stages.preparation import how
from gluehouse.stages.report import Report
from gluehouse.stages.thrown import naming_rules_that_throw

_COUNTED = ("in", "good", "quarantined", "deduplicated")


def run(context: StageContext) -> Report:
    """Every delivered row ends in staging or in quarantine, or repeats one; their counts add up to what was read.

    Raises InputError where the delivery as a whole cannot be taken (GH2010 to GH2020), and ConfigError GH1090 to GH1093
    where what the contract asks for is not at hand, or throws on a row. Too many bad rows, a snapshot without a good
    one, or a replay whose corrected records do not add up, are the report's problem.
    """
    spec, contract = context.pipeline.spec, context.pipeline.contract
    uris = [delivered.uri for delivered in replayed.objects_of(context)]
    _refuse_changed(context)
    prepared = replace(how(context), replacing=replayed.replacing(context))
    with naming_rules_that_throw(contract), refusing_damaged_objects(uris):
        delivered = replayed.read(context)
        seen, warned, kept = Observation(), warnings(contract), ~quoted(GIVES_WAY)
        bad, dropped = F.size(quoted(VIOLATIONS)) > 0, quoted(DEDUPLICATED)
        parsed = parse(delivered, contract, spec.source.null_tokens, prepared).observe(
            seen,
            F.count_if(kept).alias("in"),
            F.count_if(kept & ~bad & ~dropped).alias("good"),
            F.count_if(kept & bad).alias("quarantined"),
            F.count_if(dropped).alias("deduplicated"),
            *replayed.counts(context),
            *(count.alias(f"warned_{place}") for place, (_, count) in enumerate(warned)),
        )
        staging = zones.write_staging(context, parsed.where(kept & ~dropped).drop(DEDUPLICATED, GIVES_WAY, WARNED))
    _refuse_changed(context)
    counts = _adding_up(Counts.model_validate({name: seen.get[name] for name in _COUNTED}))
    outputs = {"staging": staging}
    replaced = seen.get[replayed.REPLACED], seen.get[replayed.CORRECTED]
    broken = replayed.told(context, *replaced) + _kept([title for title, _ in warned], seen)
    if counts.quarantined:
        rejected = zones.read_staging(context, rejected=True)
        outputs["quarantine"] = zones.write_quarantine(context, "ingest", rejected, _keys(context))
        broken += _broken_rules(rejected)
    else:
        zones.clear_quarantine(context, "ingest")
    problem = replayed.refusal(context, *replaced) or _judge(context, counts)
    return Report(counts=counts, quality=broken, outputs=outputs, problem=problem, measured=_measured(counts))


def _adding_up(counts: Counts) -> Counts:
    """The counts; raises Unexpected GH8030 where a row would have been lost or doubled."""
    told = (counts.good or 0) + (counts.quarantined or 0) + (counts.deduplicated or 0)
    if counts.rows_in != told:
        raise Unexpected(
            "GH8030",
            f"{counts.rows_in} rows were read, but {counts.good} are good, {counts.quarantined} set aside and "
            f"{counts.deduplicated} dropped as repeats: {told}.",
            "Nothing was published. Report a defect, with the contract.",
        )
    return counts


def _refuse_changed(context: StageContext) -> None:
    """Asked before and after the read: bytes of another delivery must not come in under this one's batch id."""
    for planned in replayed.objects_of(context) if context.look_up else ():
        found = context.look_up(planned.uri)  # type: ignore[misc]
        if found is None or found.etag != planned.etag:
            raise InputError(
                "GH2007",
                f"{planned.uri} was {'deleted' if found is None else 'overwritten'} since the run was planned.",
                "New content is a batch of its own, started by its own event.",
            )


def _measured(counts: Counts) -> dict[str, float | None]:
    """For a delivery that is refused here; of others stage 3 tells more."""
    aside, rows = counts.quarantined or 0, counts.rows_in or 0
    return {"quarantined": aside, "quarantined_share": aside / rows if rows else None}


def _keys(context: StageContext) -> tuple[str, ...]:
    """The key columns, where a row has here the key that the history knows it by."""
    history = context.pipeline.spec.history
    keys = tuple(history.keys) if history else context.pipeline.contract.keys
    kept = context.pipeline.spec.process.keys_are_kept and set(keys) <= set(context.pipeline.contract.column_names)
    return keys if kept else ()


def _broken_rules(rejected: DataFrame) -> tuple[RuleReport, ...]:
    """How many rows each row rule rejected. A row that breaks two is counted at both."""
    found = rejected.select(F.explode(quoted(VIOLATIONS)["rule"]).alias("rule")).groupBy("rule").count().sort("rule")
    return tuple(_told(row["rule"], row["count"], "row rule") for row in found.collect())


def _kept(titles: Sequence[str], seen: Observation) -> tuple[RuleReport, ...]:
    """How many of the kept rows break each rule that only warns."""
    rows = [seen.get[f"warned_{place}"] for place in range(len(titles))]
    return tuple(_told(title, count, "row rule, rows kept") for title, count in zip(titles, rows, strict=True) if count)


def _told(rule: str, rows: int, reason: str) -> RuleReport:
    return RuleReport(rule=rule, outcome="failed", severity="warn", metrics={"rows": rows}, reason=reason)


def _judge(context: StageContext, counts: Counts) -> InputError | None:
    rows, quarantined = counts.rows_in or 0, counts.quarantined or 0
    limit = context.pipeline.contract.quarantine_limit
    if rows and quarantined > limit * rows:
        return InputError(
            "GH2030",
            f"{quarantined} of {rows} rows broke contract {context.pipeline.contract.contract}, more than the "
            f"{limit:.1%} that it allows.",
            "Look at the rules and reasons in the quarantine, mend the source or the contract, and deliver again.",
        )
    if not counts.good and context.pipeline.spec.source.mode == "snapshot":
        return InputError(
            "GH2031",
            f"the snapshot {[o.uri for o in context.plan.objects]} has no good row; it would delete everything.",
            "Deliver a complete snapshot.",
        )
    return None
