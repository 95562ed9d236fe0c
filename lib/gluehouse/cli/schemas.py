"""The JSON Schemas of the YAML files, generated from the specs, so that editors complete and check them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from gluehouse.spec.contract import Contract
from gluehouse.spec.deployment import Deployment
from gluehouse.spec.pipeline import PipelineSpec

FILES: dict[str, type[BaseModel]] = {
    "pipeline.schema.json": PipelineSpec,
    "contract.schema.json": Contract,
    "environment.schema.json": Deployment,
}


def texts() -> dict[str, str]:
    """File name -> JSON text, the same for the same specs."""
    return {
        name: json.dumps(model.model_json_schema(), indent=2, sort_keys=True) + "\n" for name, model in FILES.items()
    }


def write(folder: Path) -> list[Path]:
    """Write all schemas below ``folder``; answers the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in FILES]
