"""A first contract for data that has none: what was seen in a sample, turned into columns, keys and row rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.row_rule import Between, InSet, RowRule

_INT, _BIGINT = 2**31 - 1, 2**63 - 1
# Wide enough for money and measures; what has more digits is a measurement, kept as double.
_MOST_DIGITS, _MOST_SCALE = 18, 6


@dataclass(frozen=True)
class Seen:
    """One column of the sample. Counts are of its rows; text of a delivered file has type ``string``."""

    name: str
    type: str
    rows: int
    nulls: int
    kind: str = "String"
    """What Deequ found the texts to be: Integral, Fractional, Boolean, String, or Unknown where all are NULL."""
    unique: bool = False
    digits: int = 0
    """The most digits before a decimal point, and (``scale``) behind one."""
    scale: int = 0
    odd_numbers: int = 0
    """Numbers that would not come back as they were written: with leading zeros, a plus sign or an exponent."""
    time: tuple[str, str] | None = None
    """Type (date, timestamp) and pattern that every text matches."""
    categories: tuple[str, ...] = ()
    not_negative: bool = False


def draft(name: str, seen: Sequence[Seen]) -> Contract:
    """The contract ``name`` that the sample would pass whole; raises ValueError where no contract can be made of it."""
    names = dict(zip((one.name for one in seen), _identifiers(one.name for one in seen), strict=True))
    columns = tuple(_column(one, names[one.name]) for one in seen)
    key = next((one for one in seen if one.unique and not one.nulls and one.rows), None)
    return Contract(
        contract=name,
        columns=columns,
        keys=(names[key.name],) if key else (),
        row_rules=tuple(
            rule for one, column in zip(seen, columns, strict=True) if one is not key for rule in _rules(one, column)
        ),
    )


def as_yaml(contract: Contract, seen: Sequence[Seen]) -> str:
    """The draft as the file of ``config/contracts`` that people will edit: one line a column, with what it rests on."""
    return "\n".join(_lines(contract, seen)) + "\n"


def _lines(contract: Contract, seen: Sequence[Seen]) -> Iterator[str]:
    rows = seen[0].rows if seen else 0
    yield f"# Drafted from {rows} rows. What a sample has is not what was agreed: read every line before you use it."
    yield f"contract: {contract.contract}"
    yield 'description: "What a row is, and whose data this is"'
    yield "columns:"
    for column, one in zip(contract.columns, seen, strict=True):
        told = column.model_dump(exclude_defaults=True)
        yield f"  - {_flow(told)}  # {_evidence(one)}"
    if contract.keys:
        yield f"keys: {_flow(list(contract.keys))}  # no value twice in the sample"
    if contract.row_rules:
        yield "row_rules:"
        yield from (f"  - {_flow(rule.model_dump(exclude_defaults=True))}" for rule in contract.row_rules)


def _flow(value: Any) -> str:
    """YAML in one line. JSON is YAML, too; keys and plain words lose their quotes, as people write them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(found)}" for key, found in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) and value.lower() not in _WORDS
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


# What YAML 1.1 reads as something else than text.
_WORDS = {"y", "n", "yes", "no", "true", "false", "on", "off", "null"}


def _evidence(one: Seen) -> str:
    return "never NULL" if not one.nulls else f"{one.nulls / one.rows:.1%} NULL"


def _column(one: Seen, name: str) -> Column:
    type_, pattern = _type(one)
    return Column(
        name=name,
        type=type_,
        format=pattern,
        nullable=one.nulls > 0 or one.rows == 0,
        aliases=() if name == one.name else (one.name,),
    )


def _type(one: Seen) -> tuple[str, str | None]:
    """Type and datetime pattern: the narrowest that gives every text of the sample back unchanged."""
    if one.type != "string" or one.rows == one.nulls:
        return one.type, None
    if one.time is not None:
        return one.time
    if one.kind == "Boolean":
        return "boolean", None
    if one.kind not in ("Integral", "Fractional") or (one.odd_numbers and one.kind == "Integral"):
        return "string", None
    if one.kind == "Integral":
        return _integer(one.digits), None
    short = one.digits + one.scale <= _MOST_DIGITS and one.scale <= _MOST_SCALE and not one.odd_numbers
    # Room for amounts ten thousand times those of the sample.
    return (f"decimal({one.digits + 4 + one.scale},{one.scale})" if short else "double"), None


def _integer(digits: int) -> str:
    if digits < len(str(_INT)):
        return "int"
    return "bigint" if digits < len(str(_BIGINT)) else f"decimal({min(digits, 38)},0)" if digits <= 38 else "string"


def _rules(one: Seen, column: Column) -> Iterator[RowRule]:
    if one.categories and column.type == "string":
        yield InSet(rule="in_set", column=column.name, values=tuple(sorted(one.categories)))
    if one.not_negative and column.type.startswith(("int", "bigint", "double", "float", "decimal", "smallint")):
        yield Between(rule="between", column=column.name, min=Decimal(0))


def _identifiers(names: Iterable[str]) -> Iterator[str]:
    """Each name as an identifier of its own, whatever its letter case.

    >>> list(_identifiers(["id", "Amount (EUR)", "amount eur", "2024"]))
    ['id', 'Amount_EUR', 'amount_eur_2', '_2024']
    """
    taken: set[str] = set()
    for name in names:
        bare = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "column"
        bare = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"_{bare}" if bare[0].isdigit() else bare
        found, number = bare[:120], 1
        while found.lower() in taken:
            number += 1
            found = f"{bare[:120]}_{number}"
        taken.add(found.lower())
        yield found
