"""From what was delivered to the contract's types: casts that reject instead of nulling, and row rules.

One pass: every delivered row becomes one row that carries its typed columns and all that is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from gluehouse.frames.mask import as_json, masked_columns, record
from gluehouse.frames.rules import VIOLATION, check, quoted, violation, violations
from gluehouse.spec.contract import Column as ContractColumn
from gluehouse.spec.contract import Contract

RAW = "_raw"
VIOLATIONS = "_violations"
SOURCE_OBJECT = "_source_object"
MALFORMED = "_malformed"
MALFORMED_RULE = "malformed"


def parse(delivered: DataFrame, contract: Contract, null_tokens: Sequence[str] = ()) -> DataFrame:
    """Cast and check every row.

    ``delivered``: columns by the contract's names (text or typed; others are ignored), ``_source_object``
    (string) and ``_malformed`` (string; the raw record where it does not have the format's shape, else NULL).
    Answers the contract's columns, typed, in its order, then ``_violations`` (array of rule and reason),
    ``_raw`` (string: the record as delivered, with its PII masked, only where there are violations) and
    ``_source_object``. A rule of severity warn makes no violation; ``warnings`` counts those.
    Grain: one row a delivered row.
    """
    names = contract.column_names
    types = delivered.schema
    raw = F.struct(*(_cleaned(types, name, null_tokens).alias(name) for name in names)).alias("_in")
    masked = masked_columns(contract)
    as_delivered = F.coalesce(record(quoted(MALFORMED), masked), as_json(names, masked))
    opened = delivered.select(raw, as_delivered.alias(RAW), quoted(MALFORMED), quoted(SOURCE_OBJECT))
    cast = opened.select("*", *(_typed(types, column).alias(column.name) for column in contract.columns))
    checked = cast.withColumn(VIOLATIONS, _violations(contract))
    bad = F.size(quoted(VIOLATIONS)) > 0
    return checked.select(
        *(quoted(name) for name in names),
        quoted(VIOLATIONS),
        F.when(bad, quoted(RAW)).alias(RAW),
        quoted(SOURCE_OBJECT),
    )


def warnings(contract: Contract) -> tuple[tuple[str, Column], ...]:
    """For each row rule of severity warn its title, and how many good rows of what ``parse`` answers break it (a
    count)."""
    good = F.size(quoted(VIOLATIONS)) == 0
    return tuple(
        (rule.title, F.count_if(good & check(rule).isNotNull()))
        for rule in contract.row_rules
        if rule.severity == "warn"
    )


def _cleaned(types: StructType, name: str, null_tokens: Sequence[str]) -> Column:
    value = quoted(name)
    if not isinstance(types[name].dataType, StringType) or not null_tokens:
        return value
    return F.when(~value.isin(list(null_tokens)), value)


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
        violation(F.col(f"_in.`{c.name}`").isNull(), f"not_null({c.name})", f"{c.name} is NULL or empty")
        for c in contract.columns
        if not c.nullable
    ]
    broken = [check(rule) for rule in contract.row_rules if rule.severity == "reject"]
    found = violations([*cells, *nulls, *broken])
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
