"""From the rows of a batch to events: key, position, operation, payload; rows that can be no event part ways.

An event row: ``key`` struct, ``at`` (when it holds), ``seq`` (what orders it), ``is_delete``, ``payload`` struct,
``tie``, ``digest`` of the payload.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.history.digest import struct_digest
from gluehouse.history.layout import Layout
from gluehouse.history.small import held
from gluehouse.history.value import instant, portable, typed

RULE = "rule"
REASON = "reason"


class Events(NamedTuple):
    """``judged``: a row for each of the batch's, with its ``rule`` (NULL: an event) and whether its key is ``legible``.

    ``rejected``: batch rows, then rule and reason. ``rejects``, ``illegible``, ``truncations``: how many rows are set
    aside, how many of them without a legible key, and how many are truncates; ``deletes``: how many are deletes of one
    key; ``rows``: how many there are in all; ``first``: the earliest time of an event; ``low``, ``high``: the range of
    the keys' first column; all of these as collected. All are None where the batch is not ``held``.
    """

    judged: DataFrame
    rejected: DataFrame
    rejects: int | None = None
    illegible: int | None = None
    truncations: int | None = None
    deletes: int | None = None
    rows: int | None = None
    first: Any = None
    low: Any = None
    high: Any = None
    held: bool = False

    @property
    def upserts(self) -> int | None:
        """How many rows are left as upserts of one key; None where the batch is not held."""
        if self.rows is None:
            return None
        return self.rows - (self.rejects or 0) - (self.truncations or 0) - (self.deletes or 0)

    @property
    def accepted(self) -> DataFrame:
        """Event rows."""
        fine = self.judged.where(F.col("rule").isNull() & ~F.col("is_truncate"))
        return fine.select("key", "at", "seq", "is_delete", "payload", "tie", "digest")

    @property
    def truncates(self) -> DataFrame:
        """(at, seq) of the truncates."""
        return self.judged.where(F.col("rule").isNull() & F.col("is_truncate")).select("at", "seq").distinct()

    @property
    def too_late(self) -> DataFrame:
        """The rows set aside for coming too late."""
        return self.judged.where(F.col("rule") == "history.too_late")

    @property
    def refused_keys(self) -> DataFrame:
        """The legible keys of the rows set aside."""
        return self.judged.where(F.col("rule").isNotNull() & F.col("legible")).select("key")


def split_events(batch: DataFrame, layout: Layout, late_before: Column | None, hold: bool) -> Events:
    """Name each row's rule, if it breaks one. ``late_before``: see ``earliest``; ``hold``: read the batch once."""
    rule = broken_rule(batch, layout, late_before)
    rejected = batch.withColumn("__rule", rule).where(F.col("__rule").isNotNull())
    judged = as_events(batch, layout, rule)
    parts = Events(judged, with_reason(rejected, layout))
    if not hold:
        return parts
    refused = F.col("rule").isNotNull()
    at = F.when(~refused, portable(F.col("at"), layout.at))
    leading = F.when(~refused, portable(F.col("key").getField(layout.keys[0].name), layout.keys[0].dataType))
    kept, counts = held(
        judged,
        "batch",
        rejects=F.count("rule"),
        illegible=F.count(F.when(refused & ~F.col("legible"), 1)),
        truncations=F.count(F.when(~refused & F.col("is_truncate"), 1)),
        deletes=F.count(F.when(~refused & ~F.col("is_truncate") & F.col("is_delete"), 1)),
        rows=F.count(F.lit(1)),
        first=F.min(at),
        low=F.min(leading),
        high=F.max(leading),
    )
    return parts._replace(judged=kept, held=True, **counts)


def earliest(layout: Layout, newest: Column | None, pruned: Column | None) -> Column | None:
    """The instant before which an event comes too late. ``newest``: the newest accepted effective time; ``pruned``:
    the time before which memory was pruned, which holds even where a lateness was made longer since, or taken away."""
    spec, bounds = layout.spec, [] if pruned is None else [instant(pruned, layout.at)]
    if spec.lateness is not None and newest is not None:
        bounds.append(instant(newest, layout.at) - F.expr(f"interval {int(spec.lateness.total_seconds())} seconds"))
    if not bounds:
        return None
    return bounds[0] if len(bounds) == 1 else F.greatest(*bounds)


def as_events(rows: DataFrame, layout: Layout, rule: Column) -> DataFrame:
    """Event rows, with ``is_truncate``, ``rule`` and ``legible`` beside."""
    spec = layout.spec
    tie = F.col(f"`{spec.tie_breaker}`") if spec.tie_breaker else F.lit(None)
    return rows.select(
        layout.key_struct().alias("key"),
        at_column(layout).alias("at"),
        sequence_column(layout).alias("seq"),
        is_delete(layout).alias("is_delete"),
        layout.payload_struct(rows.schema).alias("payload"),
        typed(tie, layout.tie).alias("tie"),
        is_truncate(layout).alias("is_truncate"),
        rule.alias("rule"),
        key_is_legible(layout).alias("legible"),
    ).withColumn("digest", payload_digest(F.col("payload"), layout))


def payload_digest(payload: Column, layout: Layout) -> Column:
    return struct_digest(payload, layout.payload, layout.payload_names)


def sequence_column(layout: Layout) -> Column:
    names = layout.spec.sequence_by
    if len(names) == 1:
        return typed(F.col(f"`{names[0]}`"), layout.sequence)
    return typed(F.struct(*[F.col(f"`{n}`").alias(n) for n in names]), layout.sequence)


def at_column(layout: Layout) -> Column:
    if layout.spec.effective_at:
        return typed(F.col(f"`{layout.spec.effective_at}`"), layout.at)
    return sequence_column(layout)


def is_delete(layout: Layout) -> Column:
    flag = layout.spec.delete_flag
    return among(flag.column, flag.values) if flag else F.lit(False)


def is_truncate(layout: Layout) -> Column:
    flag = layout.spec.delete_flag
    return among(flag.column, flag.truncates) if flag and flag.truncates else F.lit(False)


def broken_rule(batch: DataFrame, layout: Layout, late_before: Column | None) -> Column:
    """The rule that a batch row breaks, or NULL."""
    no_key = _any_null([F.col(f"`{n}`") for n in layout.spec.keys]) & ~is_truncate(layout)
    no_seq = _any_null([F.col(f"`{n}`") for n in layout.spec.sequence_by])
    rule = F.when(no_key, "history.null_key").when(no_seq, "history.null_sequence")
    if layout.spec.effective_at:
        rule = rule.when(F.col(f"`{layout.spec.effective_at}`").isNull(), "history.null_effective_at")
    if late_before is not None:
        rule = rule.when(instant(at_column(layout), layout.at) < late_before, "history.too_late")
    return rule


def with_reason(rejected: DataFrame, layout: Layout) -> DataFrame:
    """The batch's columns, rule and reason under the names that ``verdict_columns`` gives."""
    spec = layout.spec
    order = ", ".join(spec.sequence_by)
    reasons = {
        "history.null_key": f"a key column ({', '.join(spec.keys)}) is NULL",
        "history.null_sequence": f"a sequence column ({order}) is NULL",
        "history.null_effective_at": f"{spec.effective_at} is NULL",
        "history.too_late": f"older than the newest accepted event by more than {spec.lateness}"
        if spec.lateness is not None
        else "older than the time before which memory was pruned",
        "history.undecided_tie": f"another row with this key and the same {order} says something else",
    }
    reason = F.lit("unknown")
    for rule, text in reasons.items():
        reason = F.when(F.col("__rule") == rule, F.lit(text)).otherwise(reason)
    names = [n for n in rejected.columns if n != "__rule"]
    rule_name, reason_name = verdict_columns(names)
    return rejected.select(
        *[F.col(f"`{n}`") for n in names], F.col("__rule").alias(rule_name), reason.alias(reason_name)
    )


def verdict_columns(batch: Sequence[str]) -> tuple[str, str]:
    """The names of the last two columns of rejected rows.

    >>> verdict_columns(["id", "Reason"])
    ('rule', '_reason')
    """
    taken, names = {name.lower() for name in batch}, []
    for name in (RULE, REASON):
        while name in taken:
            name = "_" + name
        names.append(name)
    return names[0], names[1]


def undecided_rows(batch: DataFrame, plan: DataFrame, layout: Layout) -> DataFrame:
    """The batch's upserts on the positions that the plan could not decide."""
    where = plan.where(F.col("rejected")).select(
        F.col("key").alias("__key"), F.col("at").alias("__at"), F.col("seq").alias("__seq")
    )
    same = (
        (layout.key_struct() == F.col("__key"))
        & (at_column(layout) == F.col("__at"))
        & (sequence_column(layout) == F.col("__seq"))
    )
    rows = batch.where(~is_delete(layout) & ~is_truncate(layout)).join(where, on=same, how="left_semi")
    return with_reason(rows.withColumn("__rule", F.lit("history.undecided_tie")), layout)


def key_is_legible(layout: Layout) -> Column:
    return ~_any_null([F.col(f"`{n}`") for n in layout.spec.keys])


def among(column: str, values: tuple[object, ...]) -> Column:
    """Whether the column has one of the values. Each is compared as what it is, text, number, boolean or date: side by
    side in an IN they would take one type, and in ANSI mode a text that is no number would be an error."""
    name = "`" + column.replace("`", "``") + "`"
    found = F.lit(False)
    for value in values:
        if value is None:
            found = found | F.expr(f"{name} IS NULL")
            continue
        found = found | (F.expr(f"try_cast({name} AS {_kind_of(value)})") == F.lit(value))
    return F.coalesce(found, F.lit(False))


def _kind_of(value: object) -> str:
    """
    >>> [_kind_of(value) for value in ("D", True, 1, 1.5)]
    ['string', 'boolean', 'decimal(38,9)', 'decimal(38,9)']
    """
    kinds = {str: "string", bool: "boolean", dt.datetime: "timestamp", dt.date: "date"}
    return kinds.get(type(value), "decimal(38,9)")


def _any_null(columns: list[Column]) -> Column:
    found = F.lit(False)
    for column in columns:
        found = found | column.isNull()
    return found
