"""Values that a person writes: keys and instants, read as the types that a table has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError
from gluehouse.history.value import literal, type_text, typed

_INTEGERS = {T.ByteType: 8, T.ShortType: 16, T.IntegerType: 32, T.LongType: 64}
_FORMS = {
    "date": "2024-01-31",
    "timestamp": "2024-01-31T08:00:00Z (without a zone it is UTC)",
    "timestamp_ntz": "2024-01-31T08:00:00 (without a zone)",
    "boolean": "true or false",
}


def parsed(text: str, kind: T.DataType, name: str) -> Column:
    """The text as a literal of the type; a struct's fields as ``fields_of`` reads them.

    Raises ConfigError GH1471 where it is none.
    """
    if isinstance(kind, T.StructType):
        parts = fields_of(text, kind.fieldNames(), name)
        return F.struct(*[parsed(parts[f.name], f.dataType, f"{name}.{f.name}").alias(f.name) for f in kind.fields])
    try:
        return _literal(text, kind)
    except (ValueError, InvalidOperation):
        form = _FORMS.get(type_text(kind))
        raise ConfigError(
            "GH1471",
            f"what was given for {name} is no {type_text(kind)}.",
            f"write it like {form}." if form else "write a value of that type.",
        ) from None


def fields_of(text: str, names: Sequence[str], what: str) -> dict[str, str]:
    """``id=1,region=EU``, the bare values in order, or a JSON object, as name -> text. Raises ConfigError GH1471.

    >>> fields_of("id=1,region=EU", ["id", "region"], "the key")
    {'id': '1', 'region': 'EU'}
    >>> fields_of("a,b", ["id"], "the key"), fields_of('{"id": "a,b", "n": 1}', ["id", "n"], "the key")
    ({'id': 'a,b'}, {'id': 'a,b', 'n': '1'})
    """
    if text.startswith("{"):
        found = _json_fields(text)
    elif len(names) == 1:
        found = {names[0]: text.removeprefix(f"{names[0]}=")}
    else:
        parts = text.split(",")
        named = dict(part.split("=", 1) for part in parts if "=" in part)
        found = named if set(named) == set(names) else dict(zip(names, parts, strict=False))
        if len(parts) != len(names):
            found = {}
    if set(found) != set(names):
        raise ConfigError(
            "GH1471",
            f"{what} has the parts {', '.join(names)}; what was given has others.",
            f"write {','.join(f'{name}=…' for name in names)}, or a JSON object where a value has a comma.",
        )
    return {name: found[name] for name in names}


def _json_fields(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _literal(text: str, kind: T.DataType) -> Column:
    if isinstance(kind, T.StringType):
        return F.lit(text)
    if isinstance(kind, T.BooleanType):
        return F.lit({"true": True, "false": False}[_known(text.lower(), ("true", "false"))])
    for integer, bits in _INTEGERS.items():
        if isinstance(kind, integer):
            number = int(text)
            if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
                raise ValueError
            return typed(F.lit(number), kind)
    if isinstance(kind, T.FloatType | T.DoubleType):
        return typed(F.lit(float(text)), kind)
    if isinstance(kind, T.DecimalType):
        return typed(F.lit(_fitting(Decimal(text), kind)), kind)
    if isinstance(kind, T.DateType):
        return literal((date.fromisoformat(text) - date(1970, 1, 1)).days, kind)
    if isinstance(kind, T.TimestampType):
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        since = at - datetime(1970, 1, 1, tzinfo=UTC)
        return F.timestamp_micros(
            typed(F.lit((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds), "bigint")
        )
    if isinstance(kind, T.TimestampNTZType):
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            raise ValueError
        return typed(F.lit(local.isoformat()), kind)
    raise ConfigError(
        "GH1471", f"a value of type {type_text(kind)} cannot be written here.", "ask the table with Spark instead."
    )


def _fitting(number: Decimal, kind: T.DecimalType) -> Decimal:
    exact = number.quantize(Decimal(1).scaleb(-kind.scale)) if number.is_finite() else Decimal(0)
    if exact != number or len(exact.as_tuple().digits) > kind.precision:
        raise ValueError
    return exact


def _known(text: str, values: Sequence[str]) -> str:
    if text not in values:
        raise ValueError
    return text
