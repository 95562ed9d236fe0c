"""The data of the benchmark: a customer table with a history, and batches of changes to it, all computed by DuckDB.

Every value is a hash of (key, group, generation), so the data is the same on every machine and in every run. A row
has the key, 12 payload columns, the time of the event and its operation; with a peer's ``is_current`` and its two
time columns that is 16 columns a version, some 65 bytes a row in Parquet with Snappy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# One change alters one of these groups. Each has a column that always differs, so a change is a change.
GROUPS = (
    ("name", "email", "opened_on"),
    ("city", "country", "balance", "credit_limit"),
    ("segment", "status", "score", "last_login"),
    ("note",),
)
PAYLOAD = ("name", "email", "city", "country", "segment", "status", "balance", "credit_limit", "score", "opened_on",
           "last_login", "note")  # fmt: skip
KEY, TIME, OPERATION = "id", "updated_at", "op"

_VALUES = {
    "name": "'Customer ' || printf('%06x', {h} % 16777216)",
    "email": "printf('%010x', {h} % 1099511627776) || '@example.org'",
    "city": "'City ' || ({h} % 997)",
    "country": "'C' || ({h} % 193)",
    "segment": "'segment ' || ({h} % 5)",
    "status": "['new', 'active', 'idle', 'gone'][1 + ({h} % 4)::INT]",
    "balance": "(({h} % 9007199254740993) % 100000000 / 100)::DECIMAL(12, 2)",
    "credit_limit": "CASE WHEN {h} % 10 > 0 THEN (1000 * ({h} % 50))::INT END",
    "score": "({h} % 1000003) / 1000003.0::DOUBLE",
    "opened_on": "DATE '2010-01-01' + ({h} % 5000)::INT",
    "last_login": "to_timestamp(1700000000 + {h} % 10000000)",
    # NULL in every eighth, never twice in a row: NULL -> value and value -> NULL are changes.
    "note": "CASE WHEN {g} % 2 = 1 OR {h} % 4 > 0 THEN 'note ' || printf('%08x', {h} % 4294967296) END",
}
# Versions of the table begin ten days apart, each key at a second of its own; batches come 200 days later and more.
_VERSION_TIME = "to_timestamp(1704067200 + ({v}) * 864000 + hash(id, 'time') % 86400)"
_BATCH_TIME = "to_timestamp(1721347200 + ({day}) * 86400 + hash(id, 'time') % 3600 + ({nth}) * 3600)"


def connect(database: Path | str = ":memory:") -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(database, config={"threads": 2, "autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read_delta(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read Delta tables, by the extension in its PyPI package: nothing is downloaded."""
    import duckdb_extension_delta

    folder = Path(duckdb_extension_delta.__file__).parent
    connection.load_extension(str(next(folder.glob("extensions/*/delta.duckdb_extension"))))


def payload(version: str = "v", salt: str = "0") -> str:
    """The payload columns of key ``id`` as SQL, at its version number ``v``; another ``salt`` makes another payload."""
    group_of = {name: number for number, group in enumerate(GROUPS) for name in group}
    parts = []
    for name in PAYLOAD:
        generation = f"((id + {version} - {group_of[name]} + 4) // 4)"
        value = _VALUES[name].format(h=f"hash(id, '{name}', {generation}, {salt})", g=generation)
        parts.append(f"{value} AS {name}")
    return ", ".join(parts)


def versions_of(depth: str) -> str:
    """How many versions a key has, as SQL: a number, or ``half`` for one closed version of every second key."""
    return "(1 + id % 2)" if depth == "half" else f"({int(depth)})"


def base_events(keys: int, depth: str) -> str:
    """The events that made the table, one a version, as SQL; columns ``id``, payload, ``updated_at``, ``op``."""
    return (
        f"WITH k AS (SELECT range AS id FROM range({keys})), "
        f"e AS (SELECT id, unnest(range({versions_of(depth)})) AS v FROM k) "
        f"SELECT id, {payload()}, {_VERSION_TIME.format(v='v')} AS {TIME}, 'U' AS {OPERATION} FROM e"
    )


def event(keys: str, version: str, day: int = 0, nth: str = "0", operation: str = "U", salt: str = "0") -> str:
    """One event for each ``id`` of the query ``keys``, in the hour ``nth`` of the batch's ``day``."""
    return (
        f"SELECT id, {payload(version, salt)}, {_BATCH_TIME.format(day=day, nth=nth)} AS {TIME}, "
        f"'{operation}' AS {OPERATION} FROM ({keys})"
    )


def late_event(keys: str, days: int, salt: str) -> str:
    """One event for each ``id``, with a payload of its own, ``days`` after the key's first version began."""
    time = f"{_VERSION_TIME.format(v='0')} + INTERVAL {days} DAY"
    return f"SELECT id, {payload('0', salt)}, {time} AS {TIME}, 'U' AS {OPERATION} FROM ({keys})"


def picked(keys: int, count: int, seed: int = 1) -> str:
    """``count`` random keys of the table, as SQL with columns ``id`` and ``rank``."""
    return (
        f"SELECT range AS id, row_number() OVER (ORDER BY hash(range, {seed}), range) - 1 AS rank "
        f"FROM range({keys}) QUALIFY rank < {count}"
    )


def write(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    """Write a query's rows as one Parquet file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    connection.execute(f"COPY ({query}) TO '{draft}' (FORMAT parquet, COMPRESSION zstd)")
    draft.rename(file)
