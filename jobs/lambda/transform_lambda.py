"""Lambda of stage 2, engine lambda: staging -> processed by the pipeline's pyarrow functions."""

import os
from typing import Any

from gluehouse.aws import transform
from gluehouse.spec.environment import Environment


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``event``: {"plan_uri": URI}. Answers {"stage", "outcome"}; the manifest has the rest."""
    environment = Environment.from_json(os.environ["GLUEHOUSE_ENVIRONMENT"])
    manifest = transform.run(event["plan_uri"], environment)
    return {"stage": manifest.stage, "outcome": manifest.outcome}
