"""What lies in quarantine, for those who look at it: read with pyarrow, so that no Spark need start.

Layout: ``<quarantine>/<pipeline>/stage=<stage>/batch_id=<batch>/*.parquet``, as ``stages.zones`` writes it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gluehouse.aws import storage
from gluehouse.errors import SetupError

STAGES = ("ingest", "process", "publish")


@dataclass(frozen=True)
class AsideRow:
    """One row in quarantine. ``key``: column -> value, None where it is not legible; ``at``: when it was set aside."""

    stage: str
    run_id: str
    rules: tuple[str, ...]
    fingerprints: tuple[str, ...]
    reasons: tuple[str, ...]
    raw: str | None
    source_object: str
    key: dict[str, Any] | None
    at: datetime


class AsideZone:
    """The quarantine of an environment (``uri``). Raises InfrastructureError GH9001, SetupError GH7505."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def batches_of(self, pipeline: str) -> list[str]:
        """The batches with rows of any stage in quarantine."""
        found: set[str] = set()
        for stage in STAGES:
            prefix = f"{self._uri}/{pipeline}/stage={stage}/"
            found |= {_last(folder).removeprefix("batch_id=") for folder in storage.list_folders(prefix)}
        return sorted(found)

    def pipeline_of(self, batch_id: str) -> str | None:
        """The pipeline that has the batch in quarantine, or None."""
        for folder in storage.list_folders(f"{self._uri}/"):
            pipeline = _last(folder)
            if any(self._files(pipeline, stage, batch_id) for stage in STAGES):
                return pipeline
        return None

    def rows_of(self, pipeline: str, batch_id: str) -> Iterator[AsideRow]:
        """The batch's rows, stage by stage."""
        for stage in STAGES:
            for file in self._files(pipeline, stage, batch_id):
                yield from (_row(stage, values) for values in _records(storage.read_bytes(file)))

    def _files(self, pipeline: str, stage: str, batch_id: str) -> Sequence[str]:
        folder = f"{self._uri}/{pipeline}/stage={stage}/batch_id={batch_id}/"
        return [uri for uri in storage.list_uris(folder) if uri.endswith(".parquet")]


def _last(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _records(content: bytes) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SetupError(
            "GH7505", "PyArrow is not installed here.", "pip install pyarrow. In a checkout: `make setup`."
        ) from None
    table = parquet.read_table(io.BytesIO(content))
    # Earlier releases wrote the bytes of a malformed record as they came, and PyArrow makes no text of all of them.
    raws = table.column("raw").cast(pa.binary()).to_pylist()
    rows: list[dict[str, Any]] = table.drop_columns("raw").to_pylist()
    return [
        {**row, "raw": None if raw is None else raw.decode(errors="replace")}
        for row, raw in zip(rows, raws, strict=True)
    ]


def _row(stage: str, values: dict[str, Any]) -> AsideRow:
    at: datetime = values["quarantined_at"]
    return AsideRow(
        stage=stage,
        run_id=values["run_id"],
        rules=tuple(values["rules"]),
        # Rows that an earlier release set aside have none.
        fingerprints=tuple(values.get("fingerprints") or ()),
        reasons=tuple(values["reasons"]),
        raw=values["raw"],
        source_object=values["source_object"],
        key=values["key"] if isinstance(values["key"], dict) else None,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
    )
