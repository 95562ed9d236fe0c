"""What ingest reads of a replay: the delivery as it came, with corrected records in the place of those that are bad.

Which rows are bad is asked anew, of the contract of today. So nothing need tie a corrected record to the one that it
replaces, and nothing of a masked row need be kept by which it could be found again.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.frames.parse import GIVES_WAY, SOURCE_OBJECT, Replacing
from gluehouse.frames.rules import quoted
from gluehouse.sources import file
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.plan import ObjectRef
from gluehouse.stages.context import StageContext

REPLACED, CORRECTED = "replaced", "corrected"


def objects_of(context: StageContext) -> tuple[ObjectRef, ...]:
    """Every object that ingest reads: the delivered ones, and the corrected records of a replay."""
    corrected = _corrected(context)
    return (*context.plan.objects, *((corrected,) if corrected else ()))


def read(context: StageContext) -> DataFrame:
    """All delivered rows, and those of the corrected object, as ``sources.file.read`` answers them and raising what it
    raises; InputError GH2052 where nobody can tell to which delivered object the corrected records belong."""
    spec, contract = context.pipeline.spec, context.pipeline.contract
    uris = [delivered.uri for delivered in context.plan.objects]
    parts = file.parts(context.spark, uris, spec.source, contract)
    corrected = _corrected(context)
    if corrected is None:
        return file.together(parts, contract)
    from_key = _columns_from_key(context, uris)
    columns = tuple(column for column in contract.columns if column.name not in from_key)
    [own] = file.parts(
        context.spark,
        [corrected.uri],
        spec.source.model_copy(update={"columns_from_key": None}),
        contract.model_copy(update={"columns": columns}),
    )
    constants = (F.lit(value).cast("string").alias(name) for name, value in from_key.items())
    return file.together([*parts, file.Part(own.uri, own.frame.select("*", *constants))], contract)


def replacing(context: StageContext) -> Replacing | None:
    """Which rows give way, where a replay puts corrected records, or none, in the place of some."""
    replay, corrected = context.plan.replay, _corrected(context)
    if replay is None or not replay.replaces:
        return None
    return Replacing(corrected=corrected.uri if corrected else None, rule=replay.rule)


def counts(context: StageContext) -> tuple[Column, ...]:
    """Counts of parsed rows, to be observed: how many were replaced, and how many corrected records there are."""
    corrected = _corrected(context)
    own = F.lit(False) if corrected is None else quoted(SOURCE_OBJECT) == F.lit(corrected.uri)
    return F.count_if(quoted(GIVES_WAY)).alias(REPLACED), F.count_if(own).alias(CORRECTED)


def told(context: StageContext, replaced: int, corrected: int) -> tuple[RuleReport, ...]:
    """For the manifest: how many rows the corrected ones replaced."""
    if context.plan.replay is None:
        return ()
    rows: dict[str, float | None] = {REPLACED: replaced, CORRECTED: corrected}
    return (RuleReport(rule="replay", outcome="passed", severity="warn", metrics=rows, reason="rows of a replay"),)


def refusal(context: StageContext, replaced: int, corrected: int) -> InputError | None:
    """GH2053 where the corrected records are not as many as the rows they replace: some would be lost, or new."""
    replay = context.plan.replay
    if replay is None or not replay.replaces or replaced == corrected + replay.drop:
        return None
    broken = f"the rule {replay.rule}" if replay.rule else f"contract {context.pipeline.contract.contract}"
    return InputError(
        "GH2053",
        f"{replaced} rows of batch {replay.of} break {broken} today, but there are {corrected} corrected records, and "
        f"{replay.drop} rows are to be dropped.",
        "Give one record for each row, say by --rule which rows are meant, or by --drop how many have none.",
    )


def _corrected(context: StageContext) -> ObjectRef | None:
    return context.plan.replay.corrected if context.plan.replay else None


def _columns_from_key(context: StageContext, uris: list[str]) -> dict[str, str]:
    """What the keys of the delivered objects say of their rows; the corrected object's own key says nothing."""
    found = [file.columns_from_key(uri, context.pipeline.spec.source) for uri in uris]
    if any(one != found[0] for one in found):
        raise InputError(
            "GH2052",
            f"the objects {uris} differ in {sorted(found[0])}, which their keys give, so nobody can tell to which of "
            "them the corrected records belong.",
            "Deliver the corrected objects again.",
        )
    return found[0]
