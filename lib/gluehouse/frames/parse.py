"""From what was delivered to the contract's types: cleaning, casts that reject instead of nulling, and row rules.

One pass, and a shuffle where rows are compared with each other: every delivered row becomes one row that carries its
typed columns and all that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretBytes
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from gluehouse.frames.cell import Cell
from gluehouse.frames.cleanse import cleaned, without_tokens
from gluehouse.frames.mask import as_json, masked_columns, record
from gluehouse.frames.protect import protected
from gluehouse.frames.reference import missing, with_references
from gluehouse.frames.repeats import with_repeats, with_unique
from gluehouse.frames.rules import broken, check, is_any, quoted, violation, violations
from gluehouse.spec.cleanse import Cleanse
from gluehouse.spec.contract import Column as ContractColumn
from gluehouse.spec.contract import Contract
from gluehouse.spec.row_rule import Reference, RowRule, Unique

RAW = "_raw"
WARNED = "_warned"
DEDUPLICATED = "_deduplicated"
GIVES_WAY = "_gives_way"
VIOLATIONS = "_violations"
SOURCE_OBJECT = "_source_object"
MALFORMED = "_malformed"
MALFORMED_RULE = "malformed"
_DELIVERED, _CLEANED, _BROKEN, _REPEATED = "_delivered", "_cleaned", "_broken", "_repeated"


@dataclass(frozen=True)
class Replacing:
    """Which rows of a replay give way: those that break the contract, or this ``rule`` of it, but none of the object
    ``corrected``, which stand in their place."""

    corrected: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class How:
    """What parsing needs where the contract, the pipeline or the plan asks for it: how rows are cleaned, the published
    ``tables`` that rules refer to, by name, the ``salt`` of hashes and tokens, and which rows are replaced."""

    cleanse: Cleanse = field(default_factory=Cleanse)
    tables: Mapping[str, DataFrame] = field(default_factory=dict)
    salt: SecretBytes | None = None
    replacing: Replacing | None = None


def parse(
    delivered: DataFrame, contract: Contract, null_tokens: Sequence[str] = (), how: How | None = None
) -> DataFrame:
    """Clean, cast and check every row.

    ``delivered``: columns by the contract's names (text or typed; others are ignored), ``_source_object``
    (string) and ``_malformed`` (string; the raw record where it does not have the format's shape, else NULL).
    Answers the contract's columns, typed and protected, in its order, then ``_violations`` (array of rule and reason),
    ``_raw`` (string: the record as delivered, with its PII masked, only where there are violations),
    ``_source_object``, ``_warned`` (array of booleans, which ``warnings`` counts), ``_deduplicated`` (boolean: the
    row repeats another, and is to be dropped) and ``_gives_way`` (boolean: another row of the replay, or none, stands
    in its place). Grain: one row a delivered row. Raises ConfigError GH1091.
    """
    how = how or How()
    cells = _cells(delivered.schema, contract, null_tokens, how.cleanse)
    typed = with_references(_typed(delivered, cells, how.cleanse), _references(contract), how.tables)
    judged, broken = _judged(typed, contract, cells, how)
    masked = masked_columns(contract)
    as_delivered = F.coalesce(record(quoted(MALFORMED), masked), as_json(contract.column_names, masked, _DELIVERED))
    return judged.select(
        *(_protected(column, how.salt).alias(column.name) for column in contract.columns),
        F.when(broken, _violations(contract, cells)).otherwise(violations(())).alias(VIOLATIONS),
        F.when(broken, as_delivered).alias(RAW),
        quoted(SOURCE_OBJECT),
        _warned(contract).alias(WARNED),
        quoted(DEDUPLICATED),
        quoted(GIVES_WAY),
    )


def warnings(contract: Contract) -> tuple[tuple[str, Column], ...]:
    """For each row rule of severity warn its title, and how many good rows of what ``parse`` answers break it (a
    count)."""
    good = (F.size(quoted(VIOLATIONS)) == 0) & ~quoted(DEDUPLICATED) & ~quoted(GIVES_WAY)
    return tuple(
        (rule.title, F.count_if(good & quoted(WARNED)[place])) for place, rule in enumerate(_warning(contract))
    )


def _cells(delivered: StructType, contract: Contract, null_tokens: Sequence[str], cleanse: Cleanse) -> list[Cell]:
    cells = []
    for column in contract.columns:
        steps, type_ = cleanse.steps(column.name), delivered[column.name].dataType.simpleString()
        tokens = (*null_tokens, *steps.null_tokens) if type_ == "string" else ()
        is_cleaned = type_ == "string" and steps.changes_text
        cells.append(Cell(column, type_, tokens, cleanse.default(column.name), is_cleaned))
    return cells


def _place(cell: Cell) -> str:
    """Where the value stands beside the typed one, as SQL."""
    return f"{_CLEANED if cell.cleaned else _DELIVERED}.`{cell.column.name}`"


def _typed(delivered: DataFrame, cells: Sequence[Cell], cleanse: Cleanse) -> DataFrame:
    """The typed columns, ``_delivered`` (struct of the values as they came) and, of texts that are cleaned,
    ``_cleaned`` (struct of them, before the last look for null tokens).

    Each projection copies every row, so there is but one here; cleaned texts have another one before it, because they
    are read several times.
    """
    names = [cell.column.name for cell in cells]
    texts = [cell for cell in cells if cell.cleaned]
    if texts:
        delivered = delivered.select("*", F.struct(*(_text(cell, cleanse) for cell in texts)).alias(_CLEANED))
    # By its own name a delivered value is read without the struct that is made of it here.
    typed = (
        cell.typed(_place(cell) if cell.cleaned else f"`{cell.column.name}`").alias(cell.column.name) for cell in cells
    )
    return delivered.select(
        F.struct(*(quoted(name) for name in names)).alias(_DELIVERED), *([_CLEANED] if texts else []),
        quoted(MALFORMED), quoted(SOURCE_OBJECT), *typed,
    )  # fmt: skip


def _text(cell: Cell, cleanse: Cleanse) -> Column:
    name = cell.column.name
    return cleaned(without_tokens(quoted(name), cell.tokens), cleanse.steps(name)).alias(name)


def _judged(rows: DataFrame, contract: Contract, cells: Sequence[Cell], how: How) -> tuple[DataFrame, Column]:
    """Adds ``_gives_way``, ``_deduplicated``, and what the rules of uniqueness find; and tells whether a row breaks any
    rule.

    What gives way is asked of the delivery alone, as its first run did; it takes no part in what is asked then of the
    rows that are left and those that stand in the place of the others.
    """
    broken = quoted(MALFORMED).isNotNull() | is_any(_own(contract, cells))
    if _unique(contract) or how.cleanse.deduplicate:
        # Asked once, before the shuffles.
        rows, broken = rows.withColumn(_BROKEN, broken), quoted(_BROKEN)
    if how.replacing is None:
        return _with_repeats(rows.withColumn(GIVES_WAY, F.lit(False)), contract, how.cleanse, broken, F.lit(True))
    corrected, rule = how.replacing.corrected, how.replacing.rule
    delivered = F.lit(True) if corrected is None else quoted(SOURCE_OBJECT) != F.lit(corrected)
    once, bad = _with_repeats(rows, contract, how.cleanse, broken, delivered)
    if rule is not None:
        bad = bad & F.exists(_violations(contract, cells), lambda found: found["rule"] == F.lit(rule))
    left = once.withColumn(GIVES_WAY, delivered & bad).drop(DEDUPLICATED, _REPEATED)
    return _with_repeats(left, contract, how.cleanse, broken, ~quoted(GIVES_WAY))


def _with_repeats(
    rows: DataFrame, contract: Contract, cleanse: Cleanse, broken: Column, among: Column
) -> tuple[DataFrame, Column]:
    """Adds ``_deduplicated``, and what the rules of uniqueness find among the rows that are left and good, both of the
    rows ``among``; and tells whether a row breaks any rule, where ``broken`` tells it of all others."""
    names, rules = contract.column_names, _unique(contract)
    if cleanse.deduplicate:
        rows = with_repeats(rows, names, cleanse.deduplicate, among & ~broken, DEDUPLICATED)
    else:
        rows = rows.withColumn(DEDUPLICATED, F.lit(False))
    if rules:
        rows = with_unique(rows, names, rules, among & ~broken & ~quoted(DEDUPLICATED), _REPEATED)
        broken = broken | is_any(_repeated(contract))
    return rows, broken


def _warned(contract: Contract) -> Column:
    """Whether the row breaks each rule that only warns, by the values that stand behind a protection."""
    found = {id(rule): where for rule, where in zip(_references(contract), missing(_references(contract)), strict=True)}
    found |= {id(rule): quoted(_REPEATED)[place] for place, rule in enumerate(_unique(contract))}
    types = contract.types
    told = [found[id(rule)] if id(rule) in found else check(rule, types).isNotNull() for rule in _warning(contract)]
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


def _own(contract: Contract, cells: Sequence[Cell]) -> list[Column]:
    """The violations that a row has by itself, or by what a published table has not."""
    casts = [
        violation(
            quoted(cell.column.name).isNull() & cell.given(_place(cell)).isNotNull(),
            f"type({cell.column.name})",
            f"{cell.column.name} is no {cell.column.type}" + _form(cell.column),
        )
        for cell in cells
        if cell.column.type != "string"
    ]
    nulls = [
        violation(
            quoted(cell.column.name).isNull() & cell.given(_place(cell)).isNull(),
            f"not_null({cell.column.name})",
            f"{cell.column.name} is NULL or empty",
        )
        for cell in cells
        if not cell.column.nullable
    ]
    alone = [r for r in contract.row_rules if r.severity == "reject" and not isinstance(r, Reference | Unique)]
    rules = [check(rule, contract.types) for rule in alone]
    pairs = zip(_references(contract), missing(_references(contract)), strict=True)
    return [*casts, *nulls, *rules, *(broken(rule, where) for rule, where in pairs if rule.severity == "reject")]


def _repeated(contract: Contract) -> list[Column]:
    """The violations that a row has by what it has in common with others."""
    pairs = enumerate(_unique(contract))
    return [broken(rule, quoted(_REPEATED)[place]) for place, rule in pairs if rule.severity == "reject"]


def _violations(contract: Contract, cells: Sequence[Cell]) -> Column:
    """What is wrong with a row. A malformed row has that one violation: its cells cannot be trusted."""
    shape = violation(F.lit(True), MALFORMED_RULE, "the record is not what its format, header and encoding say")
    found = violations([*_own(contract, cells), *_repeated(contract)])
    return F.when(quoted(MALFORMED).isNotNull(), violations([shape])).otherwise(found)


def _form(column: ContractColumn) -> str:
    """How a value of the column is written, for the reason of a violation."""
    several = "in the format " if len(column.formats) == 1 else "in any of the formats "
    formats = f" {several}{' or '.join(column.formats)}" if column.formats else ""
    return formats + (f", or not a time of {column.zone}" if column.zone else "")
