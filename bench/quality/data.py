"""The delivery: orders as CSV, one in a hundred rows bad in one way, by arithmetic and so always the same."""

from __future__ import annotations

from pathlib import Path

import duckdb

CONTRACT = {
    "contract": "orders.v1",
    "columns": [
        {"name": "id", "type": "bigint", "nullable": False},
        {"name": "code", "type": "string"},
        {"name": "customer", "type": "bigint"},
        {"name": "email", "type": "string"},
        {"name": "country", "type": "string"},
        {"name": "kind", "type": "string"},
        {"name": "amount", "type": "decimal(12,2)"},
        {"name": "quantity", "type": "int"},
        {"name": "price", "type": "double"},
        {"name": "placed_on", "type": "date"},
        {"name": "shipped_on", "type": "date"},
        {"name": "note", "type": "string"},
    ],
    "keys": ["id"],
    "row_rules": [
        {"rule": "in_set", "column": "country", "values": ["AT", "CH", "DE", "FR", "IT"]},
        {"rule": "in_set", "column": "kind", "values": ["sale", "refund", "gift"]},
        {"rule": "between", "column": "amount", "min": 0, "max": 1_000_000},
        {"rule": "between", "column": "quantity", "min": 1, "max": 1000},
        {"rule": "between", "column": "price", "min": 0},
        {"rule": "pattern", "column": "code", "pattern": "[A-Z]{2}-[0-9]+"},
        {"rule": "pattern", "column": "email", "pattern": "[^@ ]+@[^@ ]+"},
        {"rule": "length", "column": "note", "max": 80},
        {"rule": "comparison", "column": "placed_on", "operator": "<=", "other": "shipped_on"},
        {"rule": "expression", "name": "gifts_are_free", "sql": "kind != 'gift' OR amount = 0"},
        {"rule": "unique", "columns": ["id"]},
        {"rule": "unique", "columns": ["code"]},
    ],
    "quarantine_limit": 0.05,
}
# The same twelve, for Deequ: what share of the rows must keep each is not its concern here, so all must.
DQDL = """Rules = [
    ColumnValues "country" in ["AT", "CH", "DE", "FR", "IT"],
    ColumnValues "kind" in ["sale", "refund", "gift"],
    ColumnValues "amount" between -0.01 and 1000000.01,
    ColumnValues "quantity" between 0 and 1001,
    ColumnValues "price" >= 0,
    ColumnValues "code" matches "[A-Z]{2}-[0-9]+",
    ColumnValues "email" matches "[^@ ]+@[^@ ]+",
    ColumnLength "note" <= 80,
    CustomSql "select count(*) from primary where placed_on > shipped_on" = 0,
    CustomSql "select count(*) from primary where not (kind != 'gift' or amount = 0)" = 0,
    IsUnique "id",
    IsUnique "code"
]"""
# What is wrong with a row whose number ends in 00, by the hundreds before: twelve kinds, in turn.
_CASES = 12


def to_set_aside(rows: int, unique: bool) -> int:
    """How many of so many rows are bad, by the rules of uniqueness too or by the others alone."""
    bad = range(0, rows, 100)
    repeating = sum((number // 100) % _CASES in (10, 11) for number in bad)
    # A row that repeats another's id or code spoils that one, too.
    return len(bad) + repeating if unique else len(bad) - repeating


def delivery(folder: Path, rows: int) -> Path:
    """The CSV of so many rows, made where it is missing."""
    file = folder / f"orders-{rows}.csv"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".part")
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({_orders(rows)}) TO '{half}' (HEADER, DELIMITER ',')")
        half.rename(file)
    return file


def _orders(rows: int) -> str:
    def unless(case: int, bad: str, good: str) -> str:
        return f"CASE WHEN n % 100 = 0 AND (n // 100) % {_CASES} = {case} THEN {bad} ELSE {good} END"

    return f"""
        SELECT {unless(10, "n + 1", "n")} AS id,
               {unless(5, "'x'", unless(11, "'AB-' || (n + 1)", "'AB-' || n"))} AS code,
               n % 50000 AS customer,
               {unless(6, "'nobody'", "'c' || (n % 50000) || '@example.org'")} AS email,
               {unless(0, "'XX'", "['AT', 'CH', 'DE', 'FR', 'IT'][1 + n % 5]")} AS country,
               {unless(1, "'theft'", unless(9, "'gift'", "['sale', 'refund'][1 + n % 2]"))} AS kind,
               {unless(2, "-1.00", "((n * 7919) % 100000 + 1)::DECIMAL(12, 2) / 100")}::DECIMAL(12, 2) AS amount,
               {unless(3, "0", "1 + n % 900")} AS quantity,
               {unless(4, "-0.5", "(n % 1000) / 8")} AS price,
               DATE '2024-01-01' + (n % 300)::INTEGER AS placed_on,
               DATE '2024-01-01' + (n % 300)::INTEGER + {unless(8, "-1", "2")}::INTEGER AS shipped_on,
               {unless(7, "repeat('n', 81)", "'note ' || n")} AS note
        FROM (SELECT range AS n FROM range({rows}))"""
