"""The parameters of a built-in transform, checked as a spec."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from gluehouse.errors import ConfigError
from gluehouse.spec.model import Spec

Params = TypeVar("Params", bound=Spec)


def checked(kind: type[Params], params: dict[str, Any], step: str, see: str) -> Params:
    """``params`` of the transform ``step``. Raises ConfigError GH1023, naming those that do not fit, and ``see``."""
    try:
        return kind.model_validate(params)
    except ValidationError as problem:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors())
        raise ConfigError("GH1023", f"the parameters of {step} do not fit: {told}.", f"See {see}.") from problem
