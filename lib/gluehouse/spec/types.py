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
TABLE_NAME = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"


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

_WIDER: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint", "double"),
    "smallint": ("int", "bigint", "double"),
    "int": ("bigint", "double"),
    "float": ("double",),
}
# The smallest decimal that holds every value of an integer type, by its whole digits.
_WHOLE_DIGITS = {"tinyint": 10, "smallint": 10, "int": 10, "bigint": 20}


def is_wider(old: str, new: str) -> bool:
    """Whether ``new`` holds every value of ``old``, and is another type: the widenings that Delta documents.

    ``old`` and ``new`` are canonical type names. Nested types widen field by field and are not told here.
    Source: https://docs.delta.io/delta-type-widening (4.0); date to timestamp without zone is left out, because a
    contract knows no such type.

    >>> is_wider("int", "bigint"), is_wider("bigint", "int"), is_wider("bigint", "double")
    (True, False, False)
    >>> is_wider("decimal(10,1)", "decimal(12,3)"), is_wider("decimal(10,1)", "decimal(11,3)")
    (True, False)
    >>> is_wider("int", "decimal(12,2)"), is_wider("int", "decimal(11,2)")
    (True, False)
    """
    to = _DECIMAL.fullmatch(new)
    if to is None or old == new:
        return new in _WIDER.get(old, ())
    of = _DECIMAL.fullmatch(old)
    whole, scale = (int(of[1]) - int(of[2]), int(of[2])) if of else (_WHOLE_DIGITS.get(old, 99), 0)
    return whole <= int(to[1]) - int(to[2]) and scale <= int(to[2])


def widens_by_itself(old: str, new: str) -> bool:
    """Whether a history table takes ``new`` where it had ``old``: a number never changes its family unasked.

    >>> widens_by_itself("int", "bigint"), widens_by_itself("int", "double"), widens_by_itself("int", "decimal(10,0)")
    (True, False, False)
    """
    return is_wider(old, new) and family(old) == family(new)


def family(name: str) -> str:
    """The kind of a type: types of one kind can be compared, and a history column keeps its kind.

    >>> family("int"), family("float"), family("decimal(3,1)"), family("date"), family("array<int>")
    ('integer', 'floating', 'decimal', 'date', 'array<int>')
    """
    if _DECIMAL.fullmatch(name):
        return "decimal"
    return {"tinyint": "integer", "smallint": "integer", "int": "integer", "bigint": "integer"}.get(
        name, "floating" if name in ("float", "double") else name
    )
