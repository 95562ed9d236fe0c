"""What an environment file IS (``config/environments/<name>.yaml``): where a stack goes and how large it is."""

from __future__ import annotations

from pydantic import Field

from gluehouse.spec.model import Spec


class Deployment(Spec):
    """One deployment of ``deploy/template.yaml``. ``parameters`` are the template's own, by their names there."""

    environment: str = Field(
        pattern=r"^[a-z][a-z0-9]{1,15}$", description="Also the file's name; part of resource names"
    )
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    code_bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Made before the stack: it holds the code"
    )
    parameters: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def stack(self) -> str:
        return f"gluehouse-{self.environment}"
