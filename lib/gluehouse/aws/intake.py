"""From an event to a plan: resolve the pipeline, find the delivery, claim its batch, check it, write the plan.

The claim is a conditional write: of two events for one delivery exactly one gets it. It comes before the check,
so that a delivery that is refused stands in the ledger as FAILED: else the schedule would take it for new every
night, and never come to those behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gluehouse.aws import replays, storage
from gluehouse.aws.landing import Landing
from gluehouse.aws.ledger import DynamoLedger
from gluehouse.aws.plans import read_plan
from gluehouse.errors import ConfigError, GluehouseError, InputError, LockError
from gluehouse.spec import admission
from gluehouse.spec.admission import Answer, PipelineEntry, PipelineIndex
from gluehouse.spec.arrival import ObjectsArrived, ReplayRequest, RerunRequest, ScheduledStart, read_arrival
from gluehouse.spec.environment import Environment
from gluehouse.spec.ledger import Judgement, LedgerRow, judge
from gluehouse.spec.pipeline import CompiledPipeline
from gluehouse.spec.plan import FromStage, ObjectRef, Replay, RunPlan, batch_id_of, batch_id_of_replay
from gluehouse.spec.sniff import HEAD_BYTES, TAIL_BYTES, check_looks

_CLAIM_TRIES = 3
STAGES: tuple[FromStage, ...] = ("ingest", "process", "validate", "publish")


@dataclass(frozen=True)
class Delivery:
    """What is to be run: the objects of one batch of ``pipeline``, and from which stage on."""

    pipeline: str
    objects: tuple[ObjectRef, ...]
    from_stage: FromStage = "ingest"
    again: bool = False
    allow_mass_delete: bool = False
    first_triggered_at: datetime | None = None
    replay: Replay | None = None
    planned_batch: str = ""

    @property
    def batch_id(self) -> str:
        return self.planned_batch or batch_id_of(self.pipeline, self.objects)

    @property
    def was_planned(self) -> bool:
        """Whether the objects are those of an earlier plan, so that they may be others by now."""
        return self.again or self.replay is not None


@dataclass(frozen=True)
class Intake:
    """The ports ValidateInput works over; ``is_alive(execution_arn)`` asks Step Functions."""

    environment: Environment
    ledger: DynamoLedger
    landing: Landing
    is_alive: Callable[[str], bool]

    def admit(self, event: dict[str, object], run_id: str, execution_arn: str, now: datetime) -> Answer:
        """The answer to ``event`` for run ``run_id``; raises InputError GH20xx, ConfigError, InfrastructureError."""
        index = PipelineIndex.model_validate_json(storage.read_text(f"{self.environment.config}/index.json"))
        delivery = self._delivery(event, index)
        if delivery is None or not delivery.objects:
            name = delivery.pipeline if delivery else "_unplanned"
            return admission.skip("nothing was delivered that is to be run", name, run_id, "")
        entry = index.entry(delivery.pipeline)
        pipeline = CompiledPipeline.model_validate_json(storage.read_text(entry.uri))
        plan = _plan(delivery, entry, pipeline, run_id, now)
        judgement = self._claim(delivery, plan, execution_arn)
        if not judgement.run:
            return admission.skip(judgement.reason, delivery.pipeline, run_id, delivery.batch_id)
        try:
            replays.refuse_without_history(delivery.replay, pipeline)
            if delivery.from_stage == "ingest":
                self._check(delivery, pipeline)
            storage.write_text(self.environment.plan_uri(plan.pipeline, run_id), plan.to_json())
        except GluehouseError as error:
            self.ledger.fail(plan.pipeline, plan.batch_id, run_id, now, error.code, "no")
            raise
        return admission.run(plan, self.environment, pipeline.spec.notify.on, judgement.reason)

    def _delivery(self, event: dict[str, object], index: PipelineIndex) -> Delivery | None:
        arrival = read_arrival(event)
        if isinstance(arrival, RerunRequest):
            return _as_planned(arrival)
        if isinstance(arrival, ReplayRequest):
            return self._replay(arrival, index)
        if isinstance(arrival, ScheduledStart):
            return self._next_of(arrival.pipeline, index.entry(arrival.pipeline))
        return self._arrived(arrival, index)

    def _arrived(self, arrival: ObjectsArrived, index: PipelineIndex) -> Delivery | None:
        uris = admission.folder_markers(arrival.uris)[False]
        if not uris:
            return None
        pipeline = index.reading(uris, self.environment.landing)
        return Delivery(pipeline, tuple(self._existing(uri) for uri in uris))

    def _replay(self, request: ReplayRequest, index: PipelineIndex) -> Delivery:
        """The objects of the replayed batch under an id of their own: the same corrections are the same batch."""
        plan = replays.plan_of(request)
        rows = self.ledger.rows_of(plan.pipeline)
        earlier = sorted(row.batch_id for row in rows if row.replay_of == request.replay_of)
        corrected = self._existing(request.corrected) if request.corrected else None
        replay = Replay(of=request.replay_of, corrected=corrected, rule=request.rule, drop=request.drop)
        batch_id = batch_id_of_replay(plan.pipeline, replay, index.entry(plan.pipeline).hash)
        known = replay.model_copy(update={"earlier": tuple(one for one in earlier if one != batch_id)})
        return Delivery(
            plan.pipeline, plan.objects, first_triggered_at=plan.due_at, replay=known, planned_batch=batch_id
        )

    def _next_of(self, pipeline: str, entry: PipelineEntry) -> Delivery:
        """The oldest delivery that is to be run. One that failed waits behind those never tried, and
        behind those that failed longer ago: else it would hold them up every night."""
        rows = {row.batch_id: row for row in self.ledger.rows_of(pipeline)}
        waiting: list[tuple[str, Delivery]] = []
        for listed in self.landing.under(f"{self.environment.landing}/{entry.prefix}"):
            delivery = Delivery(pipeline, (listed.found,))
            row = rows.get(delivery.batch_id)
            if row is not None and row.status == "FAILED":
                waiting.append((row.ended_at.isoformat() if row.ended_at else "", delivery))
            elif judge(row, "", self.is_alive).run:
                return delivery
        return min(waiting, key=lambda tried: tried[0])[1] if waiting else Delivery(pipeline, ())

    def _existing(self, uri: str) -> ObjectRef:
        found = self.landing.look_up(uri)
        if found is None:
            raise InputError(
                "GH2003", f"{uri} does not exist (any more).", "Deliver it again; the event starts a new run."
            )
        return found

    def _check(self, delivery: Delivery, pipeline: CompiledPipeline) -> None:
        for planned in delivery.objects:
            found = self._existing(planned.uri) if delivery.was_planned else planned
            if found.etag != planned.etag:
                raise InputError(
                    "GH2007",
                    f"{planned.uri} was overwritten since the run that is to be repeated.",
                    "The new content is a batch of its own, started by its own event.",
                )
            self._look_at(found, pipeline)
        if delivery.replay and delivery.replay.corrected:
            self._look_at(delivery.replay.corrected, pipeline)

    def _look_at(self, found: ObjectRef, pipeline: CompiledPipeline) -> None:
        head, tail = self.landing.outermost(found, HEAD_BYTES, TAIL_BYTES) if found.size else (b"", b"")
        check_looks(found, pipeline.spec.source, pipeline.contract, head, tail)

    def _claim(self, delivery: Delivery, plan: RunPlan, execution_arn: str) -> Judgement:
        wanted = LedgerRow(
            pipeline=plan.pipeline,
            batch_id=plan.batch_id,
            status="RUNNING",
            run_id=plan.run_id,
            execution_arn=execution_arn,
            started_at=plan.triggered_at,
            config_hash=plan.config_hash,
            plan_uri=self.environment.plan_uri(plan.pipeline, plan.run_id),
            replay_of=plan.replay.of if plan.replay else None,
        )
        for _ in range(_CLAIM_TRIES):
            row = self.ledger.find(plan.pipeline, plan.batch_id)
            judgement = judge(row, plan.run_id, self.is_alive, delivery.again)
            known = wanted.model_copy(update={"published": row.published}) if row else wanted
            if not judgement.run or self.ledger.claim(known, replacing=row):
                return judgement
        raise LockError(
            "GH6004",
            f"batch {plan.batch_id} changes hands faster than it can be claimed.",
            "Look at its runs.",
        )


def _as_planned(request: RerunRequest) -> Delivery:
    plan = read_plan(
        request.plan_uri,
        f"run {request.rerun_of} has no plan at {request.plan_uri}: it failed before it had one.",
        "Start its pipeline by the event or the schedule.",
    )
    _refuse_unless_passed(request, plan)
    return Delivery(
        plan.pipeline,
        plan.objects,
        request.from_stage,
        True,
        request.allow_mass_delete,
        plan.due_at,
        plan.replay,
        plan.batch_id if plan.replay else "",
    )


def _refuse_unless_passed(request: RerunRequest, plan: RunPlan) -> None:
    """What a rerun skips must have passed its gate in the run that is repeated, or been skipped there for that."""
    folder = request.plan_uri.rpartition("/")[0]
    # A rerun from publish enters at validate.
    skipped = STAGES[STAGES.index(plan.from_stage) : min(STAGES.index(request.from_stage), STAGES.index("validate"))]
    for stage in skipped:
        try:
            passed = json.loads(storage.read_text(f"{folder}/{stage}.json")).get("outcome") == "passed"
        except ConfigError:
            passed = False
        if not passed:
            raise InputError(
                "GH2009",
                f"stage {stage} of run {request.rerun_of} has not passed, so it cannot be skipped.",
                f"Run it again from there: --from {stage}.",
            )


def _plan(delivery: Delivery, entry: PipelineEntry, pipeline: CompiledPipeline, run_id: str, now: datetime) -> RunPlan:
    return RunPlan(
        pipeline=delivery.pipeline,
        run_id=run_id,
        batch_id=delivery.batch_id,
        config_uri=entry.uri,
        config_hash=pipeline.hash,
        engine=pipeline.spec.process.engine,
        execution=pipeline.spec.execution,
        from_stage=delivery.from_stage,
        allow_mass_delete=delivery.allow_mass_delete,
        objects=delivery.objects,
        tables=pipeline.spec.tables,
        sql_uri=admission.sql_uri_of(entry, pipeline.spec.process.sql),
        triggered_at=now,
        first_triggered_at=delivery.first_triggered_at,
        replay=delivery.replay,
    )
