"""Dataset rules that the check accepts, each rule type at least once, and the contract that they are about."""

from __future__ import annotations

from gluehouse.spec.contract import Contract

CONTRACT = Contract.model_validate(
    {
        "contract": "orders.v1",
        "columns": [
            {"name": "id", "type": "bigint", "nullable": False},
            {"name": "line", "type": "int", "nullable": False},
            {"name": "amount", "type": "decimal(12,2)"},
            {"name": "rate", "type": "double"},
            {"name": "status", "type": "string", "nullable": False},
            {"name": "note", "type": "string"},
            {"name": "paid", "type": "boolean"},
            {"name": "ordered", "type": "date"},
            {"name": "changed", "type": "timestamp"},
            {"name": "tags", "type": "array<string>"},
        ],
    }
)

ACCEPTED = [
    'AggregateMatch "sum(amount)" "sum(rate)" >= 0.9',
    'ColumnCorrelation "amount" "rate" > 0.8',
    "ColumnCount = 10",
    'ColumnDataType "note" = "INTEGER"',
    'ColumnExists "note"',
    'ColumnLength "status" between 1 and 12',
    'ColumnLength "note" > 3 where "note is not null"',
    'ColumnLength "note" <= 3',
    'ColumnNamesMatchPattern "^[a-z_]+$"',
    'ColumnValues "amount" >= 0',
    'ColumnValues "amount" not in [1, 2.5, NULL]',
    'ColumnValues "status" in ["new", "paid", EMPTY, WHITESPACES_ONLY, NULL]',
    'ColumnValues "status" matches "(new|paid)[|]?"',
    'ColumnValues "note" = NULL',
    'ColumnValues "note" != EMPTY where "note is not null"',
    'ColumnValues "amount" in ["1.5", "-2"]',
    'ColumnValues "ordered" > (now() - 3 days)',
    'ColumnValues "ordered" between "2024-01-01" and now()',
    'ColumnValues "changed" >= "2024-01-01"',
    'Completeness "note" >= 0.95 where "status = \'paid\' and amount > -1"',
    'DataFreshness "changed" <= 24 hours',
    'DistinctValuesCount "status" in [3, 4]',
    'Entropy "status" > 1',
    'IsComplete "note"',
    'IsPrimaryKey "id" "line"',
    "IsPrimaryKey id",
    'IsPrimaryKey "note"',
    'IsUnique "id"',
    'Mean "rate" not between -5 and 5',
    "RowCount > 10",
    'StandardDeviation "rate" < 3.5',
    'Sum "amount" != 0',
    'UniqueValueRatio "note" > 0.2',
    'Uniqueness "note" >= 0.9',
    '(RowCount > 10) and ((IsComplete "note") or (Mean "rate" > 3))',
]
