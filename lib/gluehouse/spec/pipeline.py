"""What a pipeline IS: one YAML file, and its compiled form that the jobs and the state machine read."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gluehouse.errors import InputError
from gluehouse.spec.anomaly import MEASURED_BY_A_RULE, AnomalyRule
from gluehouse.spec.check import Audit, DriftCheck, FreshnessCheck, Reconcile, ReferenceCheck
from gluehouse.spec.cleanse import Cleanse, unfit
from gluehouse.spec.contract import CONTRACT_NAME, Contract
from gluehouse.spec.delivered import differences, refuse, unmet
from gluehouse.spec.dqdl.support import RuleEngine
from gluehouse.spec.formats import FORMATS
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.judgeable import unjudgeable
from gluehouse.spec.model import Spec
from gluehouse.spec.plan import Engine, Execution
from gluehouse.spec.protect import Mask
from gluehouse.spec.source import FileSource
from gluehouse.spec.target import DeltaTarget, Target, WarehouseTarget
from gluehouse.spec.warehouse import unfit_for_warehouses

BUILT_IN_TRANSFORMS = {
    "dimension_key": "gluehouse.history.dimension:dimension_key_step",
    "lookup": "gluehouse.frames.lookup:lookup",
}


def _step(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class TransformStep(Spec):
    """One function ``(frame, params) -> frame``: a built-in's name or ``package.module:function``."""

    use: str = Field(pattern=r"^([a-z_]+|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _built_in_is_known(self) -> TransformStep:
        if ":" not in self.use and self.use not in BUILT_IN_TRANSFORMS:
            raise ValueError(
                f"'{self.use}' is no built-in transform ({', '.join(BUILT_IN_TRANSFORMS)}) nor package.module:function"
            )
        return self

    @property
    def function(self) -> str:
        return BUILT_IN_TRANSFORMS.get(self.use, self.use)


class Process(Spec):
    """Which engine transforms, and by what."""

    engine: Engine
    transforms: tuple[Annotated[TransformStep, BeforeValidator(_step)], ...] = ()
    keeps_keys: bool = Field(
        default=False,
        description="The logic hands key columns on as they came, so that a quarantined row's key is the history's",
    )
    sql: str | None = Field(
        default=None, pattern=r"^[a-z][a-z0-9_]*\.sql$", description="File in sql/<pipeline>/; engine glue_sql"
    )

    @model_validator(mode="after")
    def _engine_has_its_logic(self) -> Process:
        if self.engine == "glue_sql" and (self.sql is None or self.transforms):
            raise ValueError("engine glue_sql takes `sql: FILE.sql` and no transforms")
        built_in = [step.use for step in self.transforms if step.use in BUILT_IN_TRANSFORMS]
        if self.engine == "lambda" and built_in:
            raise ValueError(f"the built-in transforms {built_in} need Spark; use engine glue_pyspark")
        if self.engine != "glue_sql" and self.sql is not None:
            raise ValueError(f"`sql` is for engine glue_sql, but the engine is {self.engine}")
        return self

    @property
    def keys_are_kept(self) -> bool:
        """Whether a row's key at ingest is its key in the history; the built-in transforms keep it."""
        own = [step.use for step in self.transforms if step.use not in BUILT_IN_TRANSFORMS]
        return self.keeps_keys or (self.sql is None and not own)


class Quality(Spec):
    """The dataset rules of the gate (DQDL), which stop publishing, those that only warn, and what DQDL cannot say."""

    engine: RuleEngine = Field(
        default="deequ",
        description="Who evaluates rules and warn: PyDeequ, on the laptop as on Glue, or Glue Data Quality, on Glue",
    )
    rules: str | None = Field(default=None, description="DQDL: Rules = [ … ]; a failing rule blocks publishing")
    warn: str | None = Field(default=None, description="DQDL: Rules = [ … ]; a failing rule is reported only")
    anomaly: tuple[AnomalyRule, ...] = Field(
        default=(), description="Metrics of the run against the median and the spread of earlier published runs"
    )
    drift: DriftCheck | None = Field(default=None, description="Columns and types against the last published run")
    reconcile: Reconcile | None = Field(default=None, description="Rows, sums and keys against what was staged")
    freshness: tuple[FreshnessCheck, ...] = ()
    references: tuple[ReferenceCheck, ...] = Field(default=(), description="Columns that name rows of other tables")
    audits: tuple[Audit, ...] = Field(
        default=(), description="Files of sql/<pipeline>/audits that do not stop at the first row"
    )

    @model_validator(mode="after")
    def _an_engine_has_rules(self) -> Quality:
        if self.engine == "glue" and self.rules is None and self.warn is None:
            raise ValueError("engine: glue has nothing to evaluate; write rules or warn, or leave the engine out")
        return self

    @model_validator(mode="after")
    def _metrics_are_measured(self) -> Quality:
        if self.rules is None and self.warn is None:
            unmeasured = [rule.metric for rule in self.anomaly if MEASURED_BY_A_RULE.fullmatch(rule.metric)]
            if unmeasured:
                raise ValueError(f"no dataset rule measures {unmeasured}; write one in rules or in warn")
        return self


class Notify(Spec):
    on: tuple[Literal["success", "failure"], ...] = ("success", "failure")

    @model_validator(mode="after")
    def _failure_is_never_silent(self) -> Notify:
        if "failure" not in self.on:
            raise ValueError("notify.on must contain failure: no failure is swallowed")
        return self


class PipelineSpec(Spec):
    """One file of ``config/pipelines``."""

    pipeline: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name; also the file's name without .yaml")
    description: str = ""
    source: FileSource
    cleanse: Cleanse = Field(default=Cleanse(), description="What is done to delivered rows before they are judged")
    contract: str = Field(pattern=CONTRACT_NAME, description="Of the input")
    output_contract: str | None = Field(
        default=None, pattern=CONTRACT_NAME, description="Where the transform changes the shape"
    )
    execution: Execution = "fused"
    process: Process
    history: HistorySpec | None = None
    quality: Quality = Quality()
    publish: tuple[Target, ...] = Field(min_length=1)
    notify: Notify = Notify()
    schedule: str | None = Field(
        default=None, pattern=r"^(cron|rate|at)\(.+\)$", description="EventBridge Scheduler expression, UTC"
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> PipelineSpec:
        if self.process.engine == "lambda" and self.execution == "fused":
            raise ValueError(
                "execution: fused runs in one Glue run, which cannot hold a Lambda; write execution: staged"
            )
        deletes_by_absence = self.history is not None and self.history.deletes == "absence"
        if deletes_by_absence and self.source.mode != "snapshot":
            raise ValueError(
                "history.deletes: absence needs source.mode: snapshot; a change that is absent deletes nothing"
            )
        if self.history:
            self._targets_keep_a_history()
        tables = [target.name for target in self.publish]
        if len(set(tables)) != len(tables):
            raise ValueError(f"publish names a table twice: {sorted(tables)}")
        return self

    def _targets_keep_a_history(self) -> None:
        of_record = False
        for target in self.publish:
            if target.mode != "overwrite" or (isinstance(target, DeltaTarget) and target.partition_by):
                raise ValueError(f"{target.name} is a history table: it takes no mode and no partition_by of its own")
            of_record = of_record or isinstance(target, DeltaTarget)
            if not of_record:
                raise ValueError(
                    f"{target.name} follows the history of a Delta table, and none is listed before it; "
                    "write a `target: delta` above it"
                )

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables written, in the order in which their locks are taken."""
        return tuple(sorted(target.name for target in self.publish))

    @property
    def delta_targets(self) -> tuple[DeltaTarget, ...]:
        return tuple(target for target in self.publish if isinstance(target, DeltaTarget))

    @property
    def warehouse_targets(self) -> tuple[WarehouseTarget, ...]:
        return tuple(target for target in self.publish if not isinstance(target, DeltaTarget))

    def history_of_record(self, target: WarehouseTarget) -> DeltaTarget:
        """The Delta table that a warehouse's history follows: the nearest one listed before it."""
        before = self.publish[: self.publish.index(target)]
        return next(one for one in reversed(before) if isinstance(one, DeltaTarget))


class CompiledPipeline(Spec):
    """The JSON artifact that Glue and Step Functions read: pipeline, contracts and SQL under one hash."""

    name: str
    spec: PipelineSpec
    contract: Contract
    output_contract: Contract
    sql: dict[str, str] = Field(default_factory=dict, description="File name -> text")
    audits: dict[str, str] = Field(default_factory=dict, description="File name in audits/ -> text")
    hash: str = ""

    @model_validator(mode="after")
    def _history_survives_the_transform(self) -> CompiledPipeline:
        for column in self.spec.source.key_columns:
            if column not in self.contract.column_names:
                raise ValueError(f"columns_from_key gives '{column}', which contract {self.contract.contract} lacks")
        partitions = tuple(name for target in self.spec.delta_targets for name in target.partition_by)
        for name in partitions:
            if name not in self.output_contract.column_names:
                raise ValueError(f"partition_by names {name}, which {self.output_contract.contract} lacks")
        watched = (rule.column for rule in self.spec.quality.anomaly)
        unknown = [name for name in watched if name is not None and name not in self.output_contract.column_names]
        if unknown:
            raise ValueError(f"quality.anomaly names {unknown}, which {self.output_contract.contract} lacks")
        lost = [name for name in _needed_by(self.spec.history) if name not in self.output_contract.column_names]
        if lost:
            had = list(self.output_contract.column_names)
            raise ValueError(f"history needs {lost}, but {self.output_contract.contract} has {had}")
        return self

    @model_validator(mode="after")
    def _warehouses_can_hold_it(self) -> CompiledPipeline:
        found = list(unfit_for_warehouses(self.spec.warehouse_targets, self.output_contract, self.spec.history))
        if found:
            raise ValueError("; ".join(found))
        return self

    @model_validator(mode="after")
    def _the_checks_can_be_judged(self) -> CompiledPipeline:
        found = list(unjudgeable(self.spec, self.contract, self.output_contract, self.audits))
        if found:
            raise ValueError("; ".join(f"{key} {message}" for key, message in found))
        return self

    @model_validator(mode="after")
    def _the_contract_can_be_acted_on(self) -> CompiledPipeline:
        source, contract = self.spec.source, self.contract
        columns = FORMATS[source.format].columns
        problems = list(unmet(contract.evolution, source.format, columns == "typed", columns != "by_record"))
        if source.declared_columns is not None:
            try:
                found = differences(contract, dict.fromkeys(source.declared_columns), source.key_columns)
                refuse(f"source.{source.format}", contract, found)
            except InputError as error:
                problems.append(error.message)
        aliased = [column.name for column in contract.columns if column.aliases and column.name in source.key_columns]
        if aliased:
            problems.append(f"columns_from_key gives {aliased}, so nothing is delivered under their aliases")
        loose = [column.name for column in contract.columns if column.nullable and column.name not in contract.keys]
        needed = [name for name in _ordering(self.spec.history) if name in loose and name not in source.key_columns]
        if contract.evolution.removed == "ignore" and needed:
            problems.append(
                f"evolution.removed: ignore would leave {needed} NULL, which history needs; write nullable: false there"
            )
        if problems:
            raise ValueError(f"{contract.contract} cannot be kept by source {source.kind}: {'; '.join(problems)}")
        return self

    @model_validator(mode="after")
    def _rows_are_cleaned_and_protected_as_the_history_needs(self) -> CompiledPipeline:
        contract, history = self.contract, self.spec.history
        problems = list(unfit(self.spec.cleanse, contract, self.spec.source.format))
        for name in _ordering(history):
            column = contract.column(name) if name in contract.column_names else None
            if column is None or history is None:
                continue
            if name in history.keys and self.spec.cleanse.default(name) is not None:
                problems.append(f"cleanse.columns gives {name} a default, but it is a key of the history")
            if isinstance(column.protect, Mask) or (column.protect is not None and name not in history.keys):
                problems.append(f"{name} is protected by {column.protect.how}, and history needs its values")
        if problems:
            raise ValueError(f"{contract.contract} cannot be kept: {'; '.join(dict.fromkeys(problems))}")
        return self

    def sealed(self) -> CompiledPipeline:
        """The same pipeline with ``hash``: the first 32 hex digits of SHA-256 over its canonical JSON."""
        bare = self.model_copy(update={"hash": ""})
        return bare.model_copy(update={"hash": hashlib.sha256(bare.model_dump_json().encode()).hexdigest()[:32]})


def _ordering(history: HistorySpec | None) -> tuple[str, ...]:
    """The columns without which an event has no key, no place among the others, or no kind."""
    if history is None:
        return ()
    flag = history.delete_flag.column if history.delete_flag else None
    named = (*history.keys, *history.sequence_by, history.effective_at, history.tie_breaker, flag)
    return tuple(name for name in named if name is not None)


def _needed_by(history: HistorySpec | None) -> tuple[str, ...]:
    """The columns that a batch must still have when it reaches the history engine."""
    if history is None:
        return ()
    named = (
        *history.keys,
        *history.sequence_by,
        history.effective_at,
        history.tie_breaker,
        *(history.tracked or ()),
        *history.untracked.columns,
    )
    flag = (history.delete_flag.column,) if history.delete_flag else ()
    return tuple(name for name in (*named, *flag) if name is not None)
