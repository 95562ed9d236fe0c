"""Column types a contract may use, and how a value of one may widen to another. No Spark here.

The names are Spark SQL's, so that a contract can be read without a translation table.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

ATOMIC_TYPES = (
    "string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp", "binary",
)  # fmt: skip
_DECIMAL = re.compile(r"decimal\((\d{1,2}),\s*(\d{1,2})\)")
_NESTED = re.compile(r"(array|map|struct)<.+>")
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"


def _check_type(text: str) -> str:
    name = text.strip().lower() if not _NESTED.fullmatch(text.strip()) else text.strip()
    decimal = _DECIMAL.fullmatch(name)
    if decimal and 1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1]):
        return f"decimal({decimal[1]},{decimal[2]})"
    if name in ATOMIC_TYPES or _NESTED.fullmatch(name):
        return name
    accepted = ", ".join((*ATOMIC_TYPES, "decimal(p,s) with s <= p <= 38", "array<…>", "map<…>", "struct<…>"))
    raise ValueError(f"'{text}' is no column type; accepted are {accepted}")


ColumnType = Annotated[str, AfterValidator(_check_type)]
"""A Spark SQL type name in its canonical spelling.

>>> _check_type("DECIMAL(10, 2)"), _check_type("int")
('decimal(10,2)', 'int')
"""
