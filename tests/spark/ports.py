"""A pipeline that stages are tried with: releases of ports, and the context of one delivery on local folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from gluehouse.history import FileLock
from gluehouse.spec.contract import Contract
from gluehouse.spec.pipeline import CompiledPipeline, PipelineSpec
from gluehouse.stages.context import StageContext
from gluehouse_local.stage import local_environment, plan_of

CONTRACT: dict[str, Any] = {
    "contract": "ports.v1",
    "columns": [
        {"name": "code", "type": "string", "nullable": False},
        {"name": "depth", "type": "double"},
        {"name": "released_on", "type": "date", "nullable": False, "format": "yyyy-MM-dd"},
    ],
    "keys": ["code"],
    "row_rules": [{"rule": "between", "column": "depth", "min": 0, "max": 100}],
    "quarantine_limit": 0.5,
}
SPEC: dict[str, Any] = {
    "pipeline": "ports",
    "source": {
        "kind": "file",
        "format": "csv",
        "prefix": "ports/",
        "mode": "snapshot",
        "columns_from_key": r"(?P<released_on>\d{4}-\d{2}-\d{2})\.csv",
    },
    "contract": "ports.v1",
    "process": {"engine": "glue_pyspark"},
    "history": {"type": 2, "keys": ["code"], "sequence_by": ["released_on"], "deletes": "absence"},
    "quality": {"rules": 'Rules = [ RowCount > 1, IsPrimaryKey "code" ]'},
    "publish": [{"target": "delta", "table": "curated.ports"}],
}


def landed(folder: Path, key: str, content: str | bytes) -> Path:
    """The object ``key`` of the landing zone below ``folder``."""
    file = folder / "landing" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def compiled(spec: dict[str, Any], contract: dict[str, Any], **more: Any) -> CompiledPipeline:
    """The pipeline of a specification, whose transform leaves the columns as they are."""
    agreed, name = Contract.model_validate(contract), spec["pipeline"]
    given = {"spec": PipelineSpec.model_validate(spec), "contract": agreed, "output_contract": agreed}
    return CompiledPipeline(name=name, **given, **more).sealed()


def context_of(
    spark: SparkSession, folder: Path, pipeline: CompiledPipeline, file: Path, lock: FileLock, **more: Any
) -> StageContext:
    """A run over the delivered ``file``, with its zones below ``folder``."""
    environment = local_environment(folder)
    plan = plan_of(pipeline, environment, (file,))
    return StageContext(spark, plan, pipeline, environment, lambda _table: lock, **more)
