"""From what was delivered to the contract's types: cleaning, casts that reject instead of nulling, and row rules.

One pass, and a shuffle where rows are compared with each other: every delivered row becomes one row that carries its
typed columns and all that is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretBytes
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from gluehouse.frames.cleanse import cleaned, without_tokens
from gluehouse.frames.mask import as_json, masked_columns, record
from gluehouse.frames.protect import protected
from gluehouse.frames.reference import missing, with_references
from gluehouse.frames.repeats import with_repeats, with_unique
from gluehouse.frames.rules import VIOLATION, broken, check, quoted, violation, violations
from gluehouse.spec.cleanse import Cleanse
from gluehouse.spec.contract import Column as ContractColumn
from gluehouse.spec.contract import Contract
from gluehouse.spec.row_rule import Reference, RowRule, Unique

RAW = "_raw"
WARNED = "_warned"
DEDUPLICATED = "_deduplicated"
VIOLATIONS = "_violations"
SOURCE_OBJECT = "_source_object"
MALFORMED = "_malformed"
MALFORMED_RULE = "malformed"
_DELIVERED, _REPEATED = "_delivered", "_repeated"


@dataclass(frozen=True)
class How:
    """What parsing needs where the contract or the pipeline asks for it: how rows are cleaned, the published ``tables``
    that rules refer to, by name, and the ``salt`` of hashes and tokens."""

    cleanse: Cleanse = field(default_factory=Cleanse)
    tables: Mapping[str, DataFrame] = field(default_factory=dict)
    salt: SecretBytes | None = None


def parse(
    delivered: DataFrame, contract: Contract, null_tokens: Sequence[str] = (), how: How | None = None
) -> DataFrame:
    """Clean, cast and check every row.

    ``delivered``: columns by the contract's names (text or typed; others are ignored), ``_source_object``
    (string) and ``_malformed`` (string; the raw record where it does not have the format's shape, else NULL).
    Answers the contract's columns, typed and protected, in its order, then ``_violations`` (array of rule and reason),
    ``_raw`` (string: the record as delivered, with its PII masked, only where there are violations),
    ``_source_object``, ``_warned`` (array of booleans, which ``warnings`` counts) and ``_deduplicated`` (boolean: the
    row repeats another, and is to be dropped). Grain: one row a delivered row. Raises ConfigError GH1091.
    """
    how = how or How()
    cast = _cast(delivered, contract, null_tokens, how.cleanse)
    checked = with_references(cast, _references(contract), how.tables).withColumn(VIOLATIONS, _violations(contract))
    judged = _with_repeats(checked, contract, how.cleanse)
    masked = masked_columns(contract)
    as_delivered = F.coalesce(record(quoted(MALFORMED), masked), as_json(contract.column_names, masked, _DELIVERED))
    return judged.select(
        *(_protected(column, how.salt).alias(column.name) for column in contract.columns),
        quoted(VIOLATIONS),
        F.when(F.size(quoted(VIOLATIONS)) > 0, as_delivered).alias(RAW),
        quoted(SOURCE_OBJECT),
        _warned(contract).alias(WARNED),
        quoted(DEDUPLICATED),
    )


def warnings(contract: Contract) -> tuple[tuple[str, Column], ...]:
    """For each row rule of severity warn its title, and how many good rows of what ``parse`` answers break it (a
    count)."""
    good = (F.size(quoted(VIOLATIONS)) == 0) & ~quoted(DEDUPLICATED)
    return tuple(
        (rule.title, F.count_if(good & quoted(WARNED)[place])) for place, rule in enumerate(_warning(contract))
    )


def _cast(delivered: DataFrame, contract: Contract, null_tokens: Sequence[str], cleanse: Cleanse) -> DataFrame:
    """``_delivered`` and ``_in`` (structs of the values as they came and as they were cleaned), and the typed columns.

    A text is cleaned in a projection of its own: the last look for null tokens reads it twice.
    """
    types, names = delivered.schema, contract.column_names
    texts = [name for name in names if isinstance(types[name].dataType, StringType)]
    tokens = {name: (*null_tokens, *cleanse.steps(name).null_tokens) for name in texts}
    opened = delivered.select(
        F.struct(*(quoted(name) for name in names)).alias(_DELIVERED), quoted(MALFORMED), quoted(SOURCE_OBJECT),
        *(_text(name, tokens[name], cleanse) if name in texts else quoted(name) for name in names),
    )  # fmt: skip
    again = {name for name in texts if cleanse.steps(name).changes_text}
    values = (without_tokens(quoted(name), tokens[name]) if name in again else quoted(name) for name in names)
    cleaned_rows = opened.select(
        quoted(_DELIVERED), quoted(MALFORMED), quoted(SOURCE_OBJECT),
        F.struct(*(value.alias(name) for name, value in zip(names, values, strict=True))).alias("_in"),
    )  # fmt: skip
    typed = (_with_default(_typed(types, c), c, cleanse.default(c.name)).alias(c.name) for c in contract.columns)
    return cleaned_rows.select("*", *typed)


def _text(name: str, tokens: Sequence[str], cleanse: Cleanse) -> Column:
    return cleaned(without_tokens(quoted(name), tokens), cleanse.steps(name)).alias(name)


def _with_default(value: Column, column: ContractColumn, default: str | None) -> Column:
    """A value that was delivered and could not be cast stays NULL: that is a violation."""
    if default is None:
        return value
    return F.when(F.col(f"_in.`{column.name}`").isNull(), F.lit(default).cast(column.type)).otherwise(value)


def _with_repeats(checked: DataFrame, contract: Contract, cleanse: Cleanse) -> DataFrame:
    """Adds ``_deduplicated``, and what the rules of uniqueness find among the rows that are left and good."""
    names, good = contract.column_names, F.size(quoted(VIOLATIONS)) == 0
    rows = checked.withColumn(DEDUPLICATED, F.lit(False))
    if cleanse.deduplicate:
        rows = with_repeats(checked, names, cleanse.deduplicate, good, DEDUPLICATED)
    rules = _unique(contract)
    if not rules:
        return rows
    rows = with_unique(rows, names, rules, good & ~quoted(DEDUPLICATED), _REPEATED)
    stopping = [broken(r, quoted(_REPEATED)[place]) for place, r in enumerate(rules) if r.severity == "reject"]
    return rows.withColumn(VIOLATIONS, F.concat(quoted(VIOLATIONS), violations(stopping)))


def _warned(contract: Contract) -> Column:
    """Whether the row breaks each rule that only warns, by the values that stand behind a protection."""
    found = {id(rule): where for rule, where in zip(_references(contract), missing(_references(contract)), strict=True)}
    found |= {id(rule): quoted(_REPEATED)[place] for place, rule in enumerate(_unique(contract))}
    told = [found[id(rule)] if id(rule) in found else check(rule).isNotNull() for rule in _warning(contract)]
    return F.array(*told).cast("array<boolean>")


def _warning(contract: Contract) -> list[RowRule]:
    return [rule for rule in contract.row_rules if rule.severity == "warn"]


def _references(contract: Contract) -> list[Reference]:
    return [rule for rule in contract.row_rules if isinstance(rule, Reference)]


def _unique(contract: Contract) -> list[Unique]:
    return [rule for rule in contract.row_rules if isinstance(rule, Unique)]


def _protected(column: ContractColumn, salt: SecretBytes | None) -> Column:
    value = quoted(column.name)
    return value if column.protect is None else protected(column.protect, value, column.name, salt)


def _typed(types: StructType, column: ContractColumn) -> Column:
    """The value in the contract's type, NULL where it cannot be had without loss.

    ``try_cast`` has ANSI semantics whatever the session says ('1.9' is no INT), but it lets 3.7 become 3:
    a typed value must therefore be the same after casting back.
    """
    source = f"_in.`{column.name}`"
    delivered_type = types[column.name].dataType.simpleString()
    if column.formats and delivered_type == "string":
        read = F.coalesce(*(F.try_to_timestamp(F.col(source), F.lit(pattern)) for pattern in column.formats))
        return _in_zone(read, column.zone).cast(column.type)
    if column.zone and delivered_type == "timestamp_ntz":
        return _in_zone(F.col(source).cast("timestamp"), column.zone)
    value = F.expr(f"try_cast({source} AS {column.type})")
    if delivered_type == "string":
        return F.when(_whole_text(source, column.type), value)
    if delivered_type == column.type:
        return value
    back = F.expr(f"try_cast(try_cast({source} AS {column.type}) AS {delivered_type})")
    return F.when(back.eqNullSafe(F.col(source)), value)


def _in_zone(clock: Column, zone: str | None) -> Column:
    """The instant at which clocks of ``zone`` showed what ``clock`` shows in UTC, the zone of every session of ours.

    NULL for an hour that the zone's clocks skipped. Of an hour that they showed twice it is the first.
    """
    if zone is None:
        return clock
    instant = F.to_utc_timestamp(clock, zone)
    return F.when(F.from_utc_timestamp(instant, zone) == clock, instant)


def _whole_text(source: str, to: str) -> Column:
    """Whether the cast of a text uses all of it: one to DATE stops at a T, one to DECIMAL rounds, and one to DOUBLE
    makes an infinity of a number that is too large."""
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", to)
    if decimal:
        whole_digits = int(decimal[1]) - int(decimal[2])
        exact = f"try_cast({source} AS decimal(38,{38 - whole_digits}))"
        return F.expr(f"try_cast({source} AS {to}) = {exact}")
    if to in ("float", "double"):
        finite = f"abs(try_cast({source} AS {to})) < double('Infinity')"
        return F.expr(f"{finite} OR NOT {source} RLIKE '[0-9]'")
    if to == "date":
        return F.col(source).rlike(r"^\s*\d{4}-\d{2}-\d{2}\s*$")
    return F.lit(True)


def _violations(contract: Contract) -> Column:
    """What is wrong with a row. A malformed row has that one violation: its cells cannot be trusted."""
    cells = [
        violation(
            F.col(f"_in.`{c.name}`").isNotNull() & quoted(c.name).isNull(),
            f"type({c.name})",
            f"{c.name} is no {c.type}" + _form(c),
        )
        for c in contract.columns
        if c.type != "string"
    ]
    nulls = [
        violation(
            F.col(f"_in.`{c.name}`").isNull() & quoted(c.name).isNull(),
            f"not_null({c.name})",
            f"{c.name} is NULL or empty",
        )
        for c in contract.columns
        if not c.nullable
    ]
    own = [check(r) for r in contract.row_rules if r.severity == "reject" and not isinstance(r, Reference | Unique)]
    pairs = zip(_references(contract), missing(_references(contract)), strict=True)
    gone = [broken(rule, where) for rule, where in pairs if rule.severity == "reject"]
    found = violations([*cells, *nulls, *own, *gone])
    shape = F.array(
        F.struct(
            F.lit(MALFORMED_RULE).alias("rule"),
            F.lit("the record is not what its format, header and encoding say").alias("reason"),
        ).cast(VIOLATION)
    )
    return F.when(quoted(MALFORMED).isNotNull(), shape).otherwise(found)


def _form(column: ContractColumn) -> str:
    """How a value of the column is written, for the reason of a violation."""
    several = "in the format " if len(column.formats) == 1 else "in any of the formats "
    formats = f" {several}{' or '.join(column.formats)}" if column.formats else ""
    return formats + (f", or not a time of {column.zone}" if column.zone else "")
