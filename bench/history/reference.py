"""The right table, from the rules alone: all events ever, sorted and folded by one SQL window query in DuckDB.

It shares no code with the engine. Two payloads are the same when their 64-bit hashes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.history.data import KEY, OPERATION, PAYLOAD, TIME


@dataclass(frozen=True)
class Difference:
    """Rows that a table should not have, rows that it lacks, and how many (key, start) are wrong in either way."""

    wrong: int
    extra: int
    missing: int
    rows: int


def versions(events: str) -> str:
    """The history of a query of events, as SQL: ``id``, payload, ``effective_from``, ``effective_to`` (open: NULL).

    Of several events of a key at one time a delete wins; there is no other tie in the benchmark's data.
    """
    columns = ", ".join(PAYLOAD)
    return f"""
        WITH events AS ({events}),
        once AS (
            SELECT * FROM events
            QUALIFY row_number() OVER (PARTITION BY {KEY}, {TIME} ORDER BY {OPERATION} = 'D' DESC) = 1),
        folded AS (
            SELECT *, {OPERATION} = 'D' AS gone, {fingerprint()} AS content,
                   lag({OPERATION} = 'D') OVER place AS gone_before, lag({fingerprint()}) OVER place AS content_before
            FROM once WINDOW place AS (PARTITION BY {KEY} ORDER BY {TIME})),
        steps AS (
            SELECT * FROM folded
            WHERE CASE WHEN gone THEN NOT coalesce(gone_before, true)
                       ELSE coalesce(gone_before, true) OR content <> content_before END),
        ended AS (SELECT *, lead({TIME}) OVER (PARTITION BY {KEY} ORDER BY {TIME}) AS ended_at FROM steps)
        SELECT {KEY}, {columns}, {TIME} AS effective_from, ended_at AS effective_to FROM ended WHERE NOT gone"""


def fingerprint() -> str:
    return f"hash({', '.join(PAYLOAD)})"


def compare(connection: duckdb.DuckDBPyConnection, found: str, wanted: Path) -> Difference:
    """How the query ``found`` (key, payload, effective_from, effective_to) differs from the Parquet file ``wanted``."""
    row = f"{KEY}, effective_from, effective_to, {fingerprint()} AS content"
    counted = connection.execute(
        f"""
        WITH both_sides AS (
            SELECT {row}, 1 AS side FROM ({found}) UNION ALL SELECT {row}, -1 AS side FROM read_parquet('{wanted}')),
        balance AS (
            SELECT {KEY}, effective_from, sum(side) AS more FROM both_sides
            GROUP BY {KEY}, effective_from, effective_to, content HAVING sum(side) <> 0),
        places AS (
            SELECT sum(greatest(more, 0)) AS extra, sum(greatest(-more, 0)) AS missing
            FROM balance GROUP BY {KEY}, effective_from)
        SELECT coalesce(sum(greatest(extra, missing)), 0), coalesce(sum(extra), 0), coalesce(sum(missing), 0),
               (SELECT count(*) FROM ({found})) FROM places"""
    ).fetchone()
    assert counted is not None
    return Difference(*(int(number) for number in counted))
