"""The environment a run lives in: where its zones, tables, topics and state machine are.

One JSON text, given to Lambdas as the variable ``GLUEHOUSE_ENVIRONMENT`` and to Glue jobs as the argument
``--environment``. Every zone is a URI without a trailing slash; a local path works as well, so that a stage
can be debugged with no AWS at all.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gluehouse.errors import ConfigError

Zone = Annotated[str, Field(min_length=1), AfterValidator(lambda uri: uri.rstrip("/") or "/")]

# The column by which staging is partitioned.
REJECTED = "_rejected"


class Environment(BaseModel):
    """Names and places of one deployment (``name``), the same for every pipeline and job in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    landing: Zone
    staging: Zone
    processed: Zone
    quarantine: Zone
    curated: Zone
    runs: Zone
    metrics: Zone
    config: Zone
    catalog: bool = False
    ledger_table: str | None = None
    lock_table: str | None = None
    event_bus: str = "default"
    alert_topic_arn: str | None = None
    success_topic_arn: str | None = None
    state_machine_arn: str | None = None
    salt_secret: str | None = Field(
        default=None, description="Secret of hashes and tokens: a name or ARN of Secrets Manager, or env:VARIABLE"
    )
    lock_seconds: int = Field(default=900, ge=60)
    quarantine_days: int | None = Field(default=None, ge=1)

    @classmethod
    def from_json(cls, text: str) -> Environment:
        """Read the JSON text of an environment; raises ConfigError GH1010 naming every wrong field."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'text'}: {e['msg']}" for e in error.errors())
            raise ConfigError(
                "GH1010",
                f"the environment is not valid: {found}.",
                "Correct --environment (Glue) or GLUEHOUSE_ENVIRONMENT (Lambda); the template writes both.",
            ) from error

    def staging_uri(self, pipeline: str, batch_id: str) -> str:
        return f"{self.staging}/{pipeline}/{batch_id}"

    def good_rows_uri(self, pipeline: str, batch_id: str) -> str:
        """Where the staged rows lie that nothing is wrong with: beside the rejected ones, apart by a partition."""
        return f"{self.staging_uri(pipeline, batch_id)}/{REJECTED}=false"

    def processed_uri(self, pipeline: str, batch_id: str) -> str:
        return f"{self.processed}/{pipeline}/{batch_id}"

    def export_uri(self, pipeline: str, batch_id: str, table: str) -> str:
        """Where rows lie on their way to a warehouse's table; no pipeline's name begins with ``_``."""
        return f"{self.processed}/_exports/{pipeline}/{batch_id}/{table.replace(':', '-')}"

    def quarantine_uri(self, pipeline: str, stage: str, batch_id: str) -> str:
        return f"{self.quarantine}/{pipeline}/stage={stage}/batch_id={batch_id}"

    def corrected_uri(self, pipeline: str, batch_id: str, digest: str, name: str) -> str:
        """Where the corrected records of a replay lie: under the digest of their content, beside what was set aside."""
        return f"{self.quarantine}/{pipeline}/corrected/{batch_id}/{digest}/{name}"

    def table_uri(self, database: str, table: str) -> str:
        return f"{self.curated}/{database}/{table}"

    def run_uri(self, pipeline: str, run_id: str) -> str:
        """The folder of one run: its plan, the manifest of each stage, its outcome."""
        return f"{self.runs}/{pipeline}/{run_id}"

    def manifest_uri(self, pipeline: str, run_id: str, stage: str) -> str:
        return f"{self.run_uri(pipeline, run_id)}/{stage}.json"

    def plan_uri(self, pipeline: str, run_id: str) -> str:
        return f"{self.run_uri(pipeline, run_id)}/plan.json"

    def outcome_uri(self, pipeline: str, run_id: str) -> str:
        return f"{self.run_uri(pipeline, run_id)}/outcome.json"
