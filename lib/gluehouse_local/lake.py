"""Looking at published Delta tables with DuckDB: fast, and with nothing running."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

_EXTENSION = next(
    Path(str(found)) for version in files("duckdb_extension_delta").joinpath("extensions").iterdir()
    for found in version.iterdir() if found.name == "delta.duckdb_extension"
)  # fmt: skip


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB that reads Delta tables, from the extension in its PyPI package: nothing is downloaded."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.load_extension(str(_EXTENSION))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def rows(table: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of ``sql`` over the Delta table at ``table``, which it calls ``t``."""
    with connect() as connection:
        result = connection.execute(f"WITH t AS (FROM delta_scan('{table}')) {sql}")
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one_liners(table: Path) -> dict[str, str]:
    """Commands to paste into a shell in the checkout, each printing the newest versions of ``table``."""
    duck = (
        f'import duckdb; d = duckdb.connect(); d.load_extension("{_EXTENSION}"); '
        f'print(d.sql("FROM delta_scan($${table}$$) ORDER BY effective_from DESC LIMIT 10"))'
    )
    spark = (
        "from gluehouse_local.debug_spark import session; "
        f'session().sql("SELECT * FROM delta.`{table}` ORDER BY effective_from DESC LIMIT 10").show()'
    )
    return {"DuckDB": f".venv/bin/python -c '{duck}'", "Spark": f".venv/bin/python -c '{spark}'"}
