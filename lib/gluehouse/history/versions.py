"""Which columns of a table say what a version is: ours, or those that other tools write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError
from gluehouse.history.surrogate import unknown_key
from gluehouse.history.text import parsed
from gluehouse.history.value import type_text


@dataclass(frozen=True)
class VersionColumns:
    """The columns of a history table. ``start``, ``end`` and ``current`` may lie in a struct (``_scd2.end_time``).

    ``current``: BOOLEAN, None where the tool writes none. ``loaded``: what tells which of two rows came later.
    ``open_end``: the value that stands for an open end, as text, where it is not NULL.
    ``own``: further columns of the tool's, which are no payload.
    """

    keys: tuple[str, ...] = ()
    start: str = "effective_from"
    end: str = "effective_to"
    current: str | None = "is_current"
    surrogate: str | None = None
    loaded: str | None = None
    open_end: str | None = None
    own: tuple[str, ...] = ()

    def payload(self, table: T.StructType) -> list[str]:
        """The columns that are neither key nor bookkeeping."""
        aside = {*self.keys, *self.own, self.surrogate, self.loaded}
        aside.update(path.split(".")[0] for path in (self.start, self.end, self.current or self.end))
        return [f.name for f in table.fields if f.name not in aside]

    def named(self, keys: Sequence[str] = (), **names: str | None) -> VersionColumns:
        """With other names; None leaves one as it is, and an empty one says that the table has no such column."""
        given: dict[str, Any] = {name: value or None for name, value in names.items() if value is not None}
        return replace(self, keys=tuple(keys) or self.keys, **given)

    def open_value(self, table: T.StructType) -> Column | None:
        """What stands for an open end, None where NULL does. Raises ConfigError GH1471."""
        kind = type_at(table, self.end)
        return None if self.open_end is None or kind is None else parsed(self.open_end, kind, "the open end")


PRESETS = {
    "gluehouse": VersionColumns(loaded="loaded_at", own=("batch_id", "loaded_at")),
    "mack": VersionColumns(start="effective_time", end="end_time"),
    "dbt": VersionColumns(
        start="dbt_valid_from",
        end="dbt_valid_to",
        current=None,
        surrogate="dbt_scd_id",
        loaded="dbt_updated_at",
        own=("dbt_updated_at", "dbt_is_deleted"),
    ),
    "koheesio": VersionColumns(start="_scd2.effective_time", end="_scd2.end_time", current="_scd2.is_current"),
}


def at_path(path: str) -> Column:
    return F.col(".".join(f"`{part}`" for part in path.split(".")))


def put(path: str, value: Column) -> tuple[str, Column]:
    """The top-level column to write so that ``path`` has the value."""
    top, _, field = path.partition(".")
    return (top, F.col(f"`{top}`").withField(f"`{field}`", value)) if field else (top, value)


def type_at(table: T.StructType, path: str) -> T.DataType | None:
    """The type of a column or of a struct's field, None where there is none."""
    kind: T.DataType = table
    for part in path.split("."):
        if not isinstance(kind, T.StructType) or part not in kind.fieldNames():
            return None
        kind = kind[part].dataType
    return kind


def refuse_misfit(table: T.StructType, columns: VersionColumns, more: Sequence[str] = ()) -> None:
    """Raises ConfigError GH1470 where a column is missing, or of a type that cannot be what it is said to be."""
    plain = {name for name in (*columns.keys, columns.surrogate, columns.loaded, *more) if name}
    paths = {path for path in (columns.start, columns.end, columns.current) if path}
    missing = sorted((plain - {*table.fieldNames()}) | {path for path in paths if type_at(table, path) is None})
    if missing:
        raise ConfigError(
            "GH1470",
            f"the table has no column {', '.join(missing)}; it has {', '.join(table.fieldNames())}.",
            "choose the --layout of the tool that wrote it, or name its columns (--keys, --from-column and so on).",
        )
    start, end = type_at(table, columns.start), type_at(table, columns.end)
    if start is not None and end is not None and type_text(start) != type_text(end):
        raise ConfigError(
            "GH1470",
            f"{columns.start} is {type_text(start)}, but {columns.end} is {type_text(end)}.",
            "start and end of a version must have one type; name the right columns.",
        )
    flag = None if columns.current is None else type_at(table, columns.current)
    if flag is not None and not isinstance(flag, T.BooleanType):
        raise ConfigError(
            "GH1470",
            f"{columns.current} is {type_text(flag)}, not boolean.",
            "name a boolean column with --current-column, or say --current-column '' to leave it aside.",
        )


def as_versions(table: DataFrame, columns: VersionColumns, *more: Column) -> DataFrame:
    """``key`` struct, ``start``, ``end`` (NULL: open), ``current`` (the flag, else whether the end is open), ``sk``,
    ``unknown`` (whether the row is no version but the unknown member) and ``more``. Raises ConfigError GH1470, GH1471.
    """
    refuse_misfit(table.schema, columns)
    end = end_of(table.schema, columns)
    current = at_path(columns.current) if columns.current else end.isNull()
    return table.select(
        key_struct(columns.keys).alias("key"),
        at_path(columns.start).alias("start"),
        end.alias("end"),
        current.alias("current"),
        (F.col(f"`{columns.surrogate}`") if columns.surrogate else F.lit(None)).alias("sk"),
        _is_unknown_member(table.schema, columns).alias("unknown"),
        *more,
    )


def _is_unknown_member(table: T.StructType, columns: VersionColumns) -> Column:
    """Whether a row has the unknown member's surrogate key, and neither key nor start."""
    if columns.surrogate is None:
        return F.lit(False)
    member = F.col(f"`{columns.surrogate}`") == unknown_key(table[columns.surrogate].dataType)
    for name in columns.keys:
        member = member & F.col(f"`{name}`").isNull()
    return F.coalesce(member & at_path(columns.start).isNull(), F.lit(False))


def end_of(table: T.StructType, columns: VersionColumns) -> Column:
    """The end of a version, NULL where it is open. Raises ConfigError GH1471."""
    end, far = at_path(columns.end), columns.open_value(table)
    return end if far is None else F.when(~end.eqNullSafe(far), end)


def key_struct(keys: Sequence[str]) -> Column:
    return F.struct(*[F.col(f"`{name}`").alias(name) for name in keys])


def has_null(key: str, fields: Sequence[str]) -> Column:
    """Whether a part of a key struct is NULL."""
    found = F.lit(False)
    for name in fields:
        found = found | F.col(key).getField(name).isNull()
    return found
