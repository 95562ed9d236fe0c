"""Deliveries of ports, good and bad, and their replays, over the four stages on local folders."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from gluehouse.history import FileLock
from gluehouse.spec.manifest import Manifest
from gluehouse.spec.plan import ObjectRef, Replay, RunPlan, batch_id_of_replay
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused
from gluehouse_local.stage import local_environment
from tests.spark.ports import CONTRACT as PORTS
from tests.spark.ports import SPEC as RELEASES
from tests.spark.ports import compiled, context_of, landed

CONTRACT: dict[str, Any] = {
    **PORTS,
    "columns": [*PORTS["columns"], {"name": "master", "type": "string", "pii": "direct"}],
    "quarantine_limit": 0.7,
}
SPEC: dict[str, Any] = {**RELEASES, "quality": {}}
FIRST = "code,master,depth\nRTM,Anna,24\nHAM,Bert,15.5\nANR,Cleo,17\n"
BAD = "code,master,depth\nRTM,Anna,240\nHAM,Bert,deep\nANR,Cleo,18\n"
THIRD = "code,master,depth\nRTM,Anna,24\nHAM,Bert,16\nANR,Cleo,19\n"


def ref(path: Path) -> ObjectRef:
    content = path.read_bytes()
    return ObjectRef(uri=str(path), size=len(content), etag=hashlib.md5(content, usedforsecurity=False).hexdigest())


def fused(context: StageContext) -> Manifest:
    return run_fused(context, lambda _manifest: None)


class Ports:
    """Deliveries into one folder of zones. ``spec``, ``agreed``: fields of pipeline and contract to be replaced;
    ``rules``: row rules beside the one of which ``top`` is the most that it allows."""

    def __init__(
        self,
        spark: SparkSession,
        folder: Path,
        lock: FileLock,
        spec: dict[str, Any] | None = None,
        agreed: dict[str, Any] | None = None,
        rules: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.spark, self.folder, self.lock = spark, folder, lock
        self.rules = rules
        self.spec, self.agreed = {**SPEC, **(spec or {})}, {**CONTRACT, **(agreed or {})}

    def context(self, name: str, text: str | None = None, top: float = 100) -> StageContext:
        delivered = self.folder / "landing/ports" / name
        if text is not None:
            delivered = landed(self.folder, f"ports/{name}", text)
        rules = [{"rule": "between", "column": "depth", "min": 0, "max": top}, *self.rules]
        pipeline = compiled(self.spec, {**self.agreed, "row_rules": rules})
        return context_of(self.spark, self.folder, pipeline, delivered, self.lock)

    def replay(self, name: str, corrected: str | None = None, top: float = 100, **fields: Any) -> StageContext:
        context = self.context(name, top=top)
        if corrected is not None:
            digest = hashlib.sha256(corrected.encode()).hexdigest()[:8]
            file = self.folder / f"quarantine/ports/corrected/{digest}/fixed.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(corrected)
            fields["corrected"] = ref(file)
        again = Replay(of=context.plan.batch_id, **fields)
        changed = {
            "replay": again,
            "batch_id": batch_id_of_replay("ports", again, context.pipeline.hash),
            "run_id": "r",
        }
        return replace(context, plan=RunPlan.model_validate({**context.plan.model_dump(), **changed}))

    def location(self, table: str = "ports") -> str:
        return local_environment(self.folder).table_uri("curated", table)
