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


# The most digits of an integer type's values.
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}


def common_type(one: str, other: str, agreed: str) -> str | None:
    """The type into which values of two types go exactly, and from which they come to the same in a column of type
    ``agreed`` as from their own; None where there is none. Nested types are not told here.

    >>> common_type("int", "bigint", "string"), common_type("bigint", "double", "bigint")
    ('bigint', None)
    >>> common_type("int", "float", "double"), common_type("int", "double", "string")
    ('double', None)
    >>> common_type("decimal(10,2)", "decimal(9,4)", "decimal(12,2)"), common_type("bigint", "decimal(5,2)", "bigint")
    ('decimal(12,4)', 'decimal(21,2)')
    >>> common_type("decimal(38,0)", "decimal(38,18)", "decimal(38,0)"), common_type("int", "string", "string")
    (None, None)
    >>> common_type("date", "timestamp", "date"), common_type("timestamp", "timestamp_ntz", "timestamp")
    ('timestamp', None)
    """
    pair = {one, other}
    if len(pair) == 1:
        return one
    if pair <= {*_DIGITS}:
        return None if agreed == "binary" else max(pair, key=lambda name: _DIGITS[name])
    if pair == {"date", "timestamp"}:
        return "timestamp" if agreed in pair else None
    is_decimal = agreed in _DIGITS or bool(_DECIMAL.fullmatch(agreed))
    if pair <= {*_WIDER, "double"} - {"bigint"}:
        # As a DOUBLE a FLOAT has more decimals, which a DECIMAL would take over.
        exact = agreed in ("float", "double") or (is_decimal and ("float" not in pair or agreed in _DIGITS))
        return "double" if exact else None
    digits = [_whole_and_scale(name) for name in pair]
    whole, scale = max(found[0] for found in digits), max(found[1] for found in digits)
    # A text shows how many decimals there are, and a FLOAT is held against all of them.
    same_scale = agreed in ("string", "float") and len({found[1] for found in digits}) == 1
    exact = is_decimal or agreed == "double" or same_scale
    return f"decimal({whole + scale},{scale})" if exact and whole + scale <= 38 else None


def _whole_and_scale(name: str) -> tuple[int, int]:
    """How many digits the type's values have before and behind the point; too many where it is no exact number."""
    decimal = _DECIMAL.fullmatch(name)
    return (int(decimal[1]) - int(decimal[2]), int(decimal[2])) if decimal else (_DIGITS.get(name, 99), 0)


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
