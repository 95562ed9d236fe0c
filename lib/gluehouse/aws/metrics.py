"""The metrics of a pipeline's runs: small JSON-lines objects below the metrics zone, on S3 or in a local folder.

``<metrics>/pipeline=<pipeline>/month=<YYYY-MM>/<time of planning>_<run>_measured.jsonl``, and beside it
``…_published.jsonl`` once the run was published. Names sort by time and say what became of a run, so that the last runs
are found without reading the others. The folders are Hive partitions: Athena, DuckDB and Spark read all as one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from gluehouse.aws import storage
from gluehouse.spec.metrics import RunMetrics, line_of_publication, lines_of, read_lines

MEASURED, PUBLISHED = "_measured.jsonl", "_published.jsonl"


class MetricsFolder:
    """The runs of ``pipeline`` below the zone ``metrics``; a port of the stages (see ``stages.context.Metrics``).

    A run that is kept again overwrites its own object with the same text. Raises InfrastructureError GH9001.
    """

    def __init__(self, metrics: str, pipeline: str) -> None:
        self._home = f"{metrics}/pipeline={pipeline}"

    def keep(self, run: RunMetrics) -> None:
        storage.write_text(self._stem(run) + MEASURED, lines_of(run), "application/x-ndjson")

    def mark_published(self, run: RunMetrics) -> None:
        storage.write_text(self._stem(run) + PUBLISHED, line_of_publication(run), "application/x-ndjson")

    def earlier(self, before: datetime, last: int, refused_too: bool = False) -> list[RunMetrics]:
        """Up to ``last`` published runs (``refused_too``: of any fate) planned before a time, oldest first.

        Costs one listing of the months, one of each month needed, and one read a run. Raises ConfigError GH1052.
        """
        found: list[tuple[str, bool]] = []
        for month in self._months(before):
            stems = [(stem, published) for stem, published in _runs(month) if _name(stem) < _stamp(before)]
            found += sorted(((s, p) for s, p in stems if p or refused_too), reverse=True)
            if len(found) >= last:
                break
        chosen = sorted(found[:last])
        texts = storage.read_texts([stem + MEASURED for stem, _ in chosen])
        return [read_lines(text, kind, stem) for text, (stem, kind) in zip(texts, chosen, strict=True)]

    def _months(self, before: datetime) -> Iterator[str]:
        newest = f"month={before.astimezone(UTC):%Y-%m}"
        for folder in sorted(storage.list_folders(f"{self._home}/"), reverse=True):
            if _name(folder.rstrip("/")) <= newest:
                yield folder

    def _stem(self, run: RunMetrics) -> str:
        return f"{self._home}/month={run.day:%Y-%m}/{_stamp(run.planned_at)}_{run.run_id}"


def _runs(month: str) -> list[tuple[str, bool]]:
    """The objects of a month without their endings, and whether each run was published."""
    names = set(storage.list_uris(month))
    stems = [name.removesuffix(MEASURED) for name in names if name.endswith(MEASURED)]
    return [(stem, stem + PUBLISHED in names) for stem in stems]


def _stamp(at: datetime) -> str:
    # No colons: a file's name cannot have them everywhere, nor can a path of Hadoop.
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]
