"""delta-rs: its MERGE with the same two rows a change as Delta's documentation, without any Java.

What changes is found by DuckDB, over the rows of the batch's keys that delta-rs's PyArrow dataset reads. It gets the
upserts alone. Null-safe, which costs nothing here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from bench.history.data import KEY, PAYLOAD, TIME, connect
from bench.history.systems.system import Seed, System

_DIFFERS = " OR ".join(f"b.{name} IS DISTINCT FROM t.{name}" for name in PAYLOAD)
_COLUMNS = ", ".join(f"b.{name}" for name in (KEY, *PAYLOAD, TIME))


class DeltaRs(System):
    def start(self) -> None:
        self.duckdb = connect()

    def create(self, table: Path, seed: Seed) -> None:
        raise NotImplementedError("it takes the table that Spark wrote for the other peers")

    def apply(self, table: Path, batch: Path, batch_id: str) -> dict[str, Any]:
        history = DeltaTable(str(table))
        events = pq.read_table(batch)
        wanted = pc.field(KEY).isin(events[KEY].combine_chunks().unique()) & pc.field("is_current")
        current = history.to_pyarrow_dataset().to_table(columns=[KEY, *PAYLOAD], filter=wanted)
        self.duckdb.register("batch", events)
        self.duckdb.register("current", current)
        changed = f"""
            WITH changed AS (
                SELECT {_COLUMNS}, t.{KEY} IS NULL AS is_new FROM batch b LEFT JOIN current t USING ({KEY})
                WHERE b.op = 'U' AND (t.{KEY} IS NULL OR {_DIFFERS}))
            SELECT NULL::BIGINT AS merge_key, * EXCLUDE is_new FROM changed
            UNION ALL SELECT {KEY} AS merge_key, * EXCLUDE is_new FROM changed WHERE NOT is_new"""
        staged = self.duckdb.execute(changed).to_arrow_table()
        if staged.num_rows == 0:
            return {}
        merged = (
            history.merge(staged, "t.id = s.merge_key", source_alias="s", target_alias="t")
            .when_matched_update({"is_current": "false", "end_time": f"s.{TIME}"}, predicate="t.is_current = true")
            .when_not_matched_insert(
                {
                    KEY: f"s.{KEY}",
                    **{name: f"s.{name}" for name in PAYLOAD},
                    "is_current": "true",
                    "effective_time": f"s.{TIME}",
                    "end_time": "NULL",
                }
            )
            .execute()
        )
        return {"rows": {name: merged[name] for name in merged if name.startswith("num_")}}


def system(name: str) -> DeltaRs:
    return DeltaRs(name)
