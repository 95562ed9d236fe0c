"""The plan of an earlier run, which a rerun and a replay start from."""

from __future__ import annotations

from gluehouse.aws import storage
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.plan import RunPlan


def read_plan(uri: str, missing: str, hint: str) -> RunPlan:
    """The plan at ``uri``; raises InputError GH2008, which says what is ``missing``, where there is none."""
    try:
        return RunPlan.model_validate_json(storage.read_text(uri))
    except ConfigError as error:
        raise InputError("GH2008", missing, hint) from error
