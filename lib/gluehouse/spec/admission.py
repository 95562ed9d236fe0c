"""Which pipeline reads an object, and the answer that ValidateInput gives the state machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.environment import Environment
from gluehouse.spec.plan import RunPlan


class PipelineEntry(BaseModel):
    """One line of ``config/index.json``: where a pipeline's compiled artifact is, and the prefix it reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str
    hash: str
    prefix: str
    schedule: str | None = None


class PipelineIndex(BaseModel):
    """``config/index.json``: every published pipeline by name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pipelines: dict[str, PipelineEntry]

    def reading(self, uris: Iterable[str], landing: str) -> str:
        """The name of the one pipeline that reads all of ``uris``; the longest prefix wins.

        Raises InputError GH2002 where no pipeline reads one, or several read them.
        """
        readers = {
            uri: self._reader(uri.removeprefix(f"{landing}/")) if uri.startswith(f"{landing}/") else None
            for uri in uris
        }
        orphans = [uri for uri, name in readers.items() if name is None]
        if orphans:
            prefixes = ", ".join(f"{landing}/{entry.prefix}" for entry in self.pipelines.values())
            raise InputError(
                "GH2002",
                f"no pipeline reads {', '.join(orphans)}.",
                f"Deliver under one of: {prefixes or 'none yet'}.",
            )
        names = sorted({name for name in readers.values() if name is not None})
        if len(names) > 1:
            raise InputError(
                "GH2002",
                f"the objects belong to several pipelines: {', '.join(names)}.",
                "Send one event for each.",
            )
        return names[0]

    def entry(self, name: str) -> PipelineEntry:
        """Raises ConfigError GH1011 for a pipeline that is not published."""
        if name not in self.pipelines:
            known = ", ".join(sorted(self.pipelines)) or "none"
            raise ConfigError(
                "GH1011",
                f"pipeline {name} is not published; published are: {known}.",
                "Publish it: `make deploy ENV=...`.",
            )
        return self.pipelines[name]

    def _reader(self, key: str) -> str | None:
        fitting = [(len(entry.prefix), name) for name, entry in self.pipelines.items() if key.startswith(entry.prefix)]
        return max(fitting)[1] if fitting else None


class Answer(BaseModel):
    """What the state machine knows of a run: pointers and choices, never rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str
    reason: str
    pipeline: str
    run_id: str
    batch_id: str
    engine: str = ""
    execution: str = ""
    from_stage: str = ""
    plan_uri: str = ""
    sql_uri: str = ""
    tables: tuple[str, ...] = ()
    runs_bucket: str = ""
    runs_prefix: str = ""
    notify_success: bool = False


def skip(reason: str, pipeline: str, run_id: str, batch_id: str) -> Answer:
    return Answer(action="skip", reason=reason, pipeline=pipeline, run_id=run_id, batch_id=batch_id)


def run(plan: RunPlan, environment: Environment, notify_on: Iterable[str], reason: str) -> Answer:
    bucket, _, prefix = environment.run_uri(plan.pipeline, plan.run_id).removeprefix("s3://").partition("/")
    return Answer(
        action="run",
        reason=reason,
        **plan.model_dump(include={"pipeline", "run_id", "batch_id", "engine", "execution", "from_stage", "tables"}),
        plan_uri=environment.plan_uri(plan.pipeline, plan.run_id),
        sql_uri=plan.sql_uri or "",
        runs_bucket=bucket,
        runs_prefix=prefix,
        notify_success="success" in set(notify_on),
    )


def sql_uri_of(entry: PipelineEntry, sql: str | None) -> str | None:
    """The pipeline's SQL file lies beside its compiled artifact."""
    return f"{entry.uri.rpartition('/')[0]}/{sql}" if sql else None


def folder_markers(uris: Iterable[str]) -> Mapping[bool, tuple[str, ...]]:
    """Folder markers, which a console makes and nobody delivers (True), and objects (False)."""
    listed = tuple(uris)
    return {
        True: tuple(uri for uri in listed if uri.endswith("/")),
        False: tuple(uri for uri in listed if not uri.endswith("/")),
    }
