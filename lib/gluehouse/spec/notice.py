"""What people and programs are told about the end of a run: one subject, one text, one event detail."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from gluehouse.spec.failure import Failure
from gluehouse.spec.ledger import Published

_SUBJECT_LENGTH = 100  # SNS refuses longer ones, line breaks and anything but ASCII


class RunRef(BaseModel):
    """Which run, and where everything about it lies: ``where`` is the folder of its plan and manifests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    pipeline: str
    run_id: str
    batch_id: str
    execution_arn: str
    where: str


class Notice(BaseModel):
    """``subject`` and ``text`` for people (SNS), ``detail`` for programs (EventBridge); no row's values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    text: str
    detail: dict[str, Any]


class Look(BaseModel):
    """Where the rows behind a failure lie: URIs of the zones that this batch has a folder in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processed: str
    quarantine: str


def ways_to_look(run: RunRef, failure: Failure, look: Look | None) -> list[str]:
    """How to see the rules and the rows, where a stage's gate stopped the run; nothing for other failures.

    Rules, values found and values expected are in the failure's message; here are the report with all of them, the
    rows that were judged, and those that were set aside.
    """
    stage = _stage_of(failure)
    if look is None or stage is None or not run.batch_id:
        return []
    judged = [f"Rows that were judged (Parquet): {look.processed}"] if stage in ("validate", "publish") else []
    return [
        f"Report: {run.where}/{stage}.json",
        *judged,
        f"Rows set aside, if any: gluehouse quarantine show {run.batch_id} --stack gluehouse-{run.environment}",
        f"  or their Parquet: {look.quarantine}/stage=*/batch_id={run.batch_id}",
    ]


def _stage_of(failure: Failure) -> str | None:
    """The stage whose data were refused, whether it ran by itself or with the others."""
    if failure.state in ("ingest", "process", "validate", "publish"):
        return failure.state
    if failure.state != "fused":
        return None
    by_family = {"GH2": "ingest", "GH3": "validate" if failure.code == "GH3001" else "publish", "GH4": "publish"}
    return by_family.get(failure.code[:3])


def failure_notice(run: RunRef, failure: Failure, published: Published, look: Look | None = None) -> Notice:
    said = {
        "yes": "was published",
        "no": "Nothing was published",
        "unknown": "Whether anything was published is unknown",
    }
    lines = [
        f"{failure.code}: {failure.message}",
        *([f"What to do: {failure.hint}"] if failure.hint else []),
        "",
        *_who(run),
        f"Failed in: {failure.state}",
        f"Published: {published} ({said[published]})" if published != "yes" else "Published: yes, before the failure",
        *_where(run, failure.log),
        *ways_to_look(run, failure, look),
    ]
    detail = {
        **run.model_dump(), "stage": failure.state, "code": failure.code, "message": failure.message,
        "hint": failure.hint, "published": published, "log": failure.log,
    }  # fmt: skip
    return Notice(
        subject=_subject(f"[{run.environment}] {run.pipeline} FAILED {failure.code}"),
        text="\n".join(lines),
        detail=detail,
    )


def success_notice(run: RunRef, manifest: dict[str, Any]) -> Notice:
    counts = {name: rows for name, rows in (manifest.get("counts") or {}).items() if rows is not None}
    tables = manifest.get("tables") or []
    lines = [
        f"Rows: {', '.join(f'{name} {rows}' for name, rows in counts.items()) or 'not counted'}",
        *(_table_line(table) for table in tables),
        "",
        *_who(run),
        "Published: yes",
        *_where(run, ""),
    ]
    detail = {**run.model_dump(), "published": "yes", "counts": counts, "tables": tables}
    return Notice(
        subject=_subject(f"[{run.environment}] {run.pipeline} succeeded"),
        text="\n".join(lines),
        detail=detail,
    )


def _table_line(table: dict[str, Any]) -> str:
    changes = ", ".join(f"{name} {table.get(name, 0)}" for name in ("opened", "closed", "updated", "rejected"))
    versions = f"version {table.get('version_before')} -> {table.get('version_after')}"
    return f"Table {table.get('table')}: {versions}, {changes}"


def _who(run: RunRef) -> list[str]:
    return [f"Pipeline: {run.pipeline}", f"Run: {run.run_id}", f"Batch: {run.batch_id or 'not planned'}"]


def _where(run: RunRef, log: str) -> list[str]:
    return [f"Manifests: {run.where}", f"Execution: {run.execution_arn}", *([f"Log: {log}"] if log else [])]


def _subject(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= _SUBJECT_LENGTH else plain[: _SUBJECT_LENGTH - 3] + "..."
