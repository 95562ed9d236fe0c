"""A floor: one UPDATE and one INSERT in DuckDB's own format. No lake format, no commit log, nobody else can read it.

One change a key and batch; it gets the upserts alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from bench.history.data import KEY, PAYLOAD, TIME, connect
from bench.history.systems.system import Seed, System

_NAMES = ", ".join(PAYLOAD)
_DIFFERS = " OR ".join(f"b.{name} IS DISTINCT FROM t.{name}" for name in PAYLOAD)


class Floor(System):
    def start(self) -> None:
        connect().close()

    def create(self, table: Path, seed: Seed) -> None:
        with self._opened(table) as database:
            database.execute(
                f"CREATE TABLE history AS SELECT {KEY}, {_NAMES}, effective_to IS NULL AS is_current, "
                f"effective_from AS effective_time, effective_to AS end_time "
                f"FROM read_parquet('{seed.versions}') ORDER BY {KEY}"
            )

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        with self._opened(table) as database:
            database.execute("BEGIN")
            database.execute(
                f"CREATE TEMP TABLE changed AS SELECT b.* FROM read_parquet('{batch}') b "
                f"LEFT JOIN (SELECT * FROM history WHERE is_current) t USING ({KEY}) "
                f"WHERE b.op = 'U' AND (t.{KEY} IS NULL OR {_DIFFERS})"
            )
            database.execute(
                f"UPDATE history SET is_current = false, end_time = c.{TIME} FROM changed c "
                f"WHERE history.{KEY} = c.{KEY} AND history.is_current"
            )
            database.execute(f"INSERT INTO history SELECT {KEY}, {_NAMES}, true, {TIME}, NULL FROM changed")
            database.execute("COMMIT")
        return {}

    def _opened(self, table: Path) -> duckdb.DuckDBPyConnection:
        table.mkdir(parents=True, exist_ok=True)
        return connect(table / "history.duckdb")


def system(name: str) -> Floor:
    return Floor(name)
