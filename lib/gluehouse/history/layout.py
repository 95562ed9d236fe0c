"""The columns of one history table: the spec's names met with the types of the batch and of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history.value import typed
from gluehouse.spec.history import RESULT_COLUMNS, HistorySpec

# A Parquet struct needs a field, also where a table has nothing but keys.
NOTHING = T.StructField("__nothing", T.BooleanType())
_WIDER: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
    "date": (),
}


@dataclass(frozen=True)
class Layout:
    """Keys, payload (without keys), sequence and effective types of a table as it will be after this batch.

    ``gone`` are payload columns of the table that the batch no longer has; ``added`` the reverse;
    ``widened`` the columns whose type in the batch is wider than in the table.
    """

    spec: HistorySpec
    keys: T.StructType
    payload: T.StructType
    tracked: tuple[str, ...]
    at: T.DataType
    sequence: T.DataType
    tie: T.DataType
    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()

    @property
    def payload_names(self) -> list[str]:
        """The payload columns that the visible table has."""
        return [f.name for f in self.payload.fields if f.name != NOTHING.name]

    @property
    def untracked(self) -> list[str]:
        return [name for name in self.payload_names if name not in self.tracked]

    @property
    def positions_show(self) -> bool:
        """Whether a version's start is the whole position of the event that opened it."""
        return self.spec.effective_at is None

    @property
    def closed_are_settled(self) -> bool:
        """Whether a version that closed before all of a batch's times can neither change nor matter to the fold."""
        spec = self.spec
        everywhere = spec.untracked.mode == "all_versions" and bool(self.untracked)
        return spec.type == 2 and not spec.ignore_nulls and not everywhere

    @property
    def tie_shows(self) -> bool:
        return self.spec.tie_breaker is None or self.spec.tie_breaker in self.payload_names

    @property
    def surrogate(self) -> str | None:
        return self.spec.surrogate_key.column if self.spec.surrogate_key else None

    def key_struct(self) -> Column:
        return F.struct(*[typed(F.col(f"`{f.name}`"), f.dataType).alias(f.name) for f in self.keys.fields])

    def payload_struct(self, there: Sequence[str]) -> Column:
        """The payload as one struct, NULL for the columns that are not ``there``."""
        return F.struct(
            *[
                typed(F.col(f"`{f.name}`") if f.name in there else F.lit(None), f.dataType).alias(f.name)
                for f in self.payload.fields
            ]
        )

    def visible_columns(self) -> list[str]:
        sk = [self.surrogate] if self.surrogate else []
        # Delta has statistics of the first 32 columns alone, and skips files by those of the times.
        return [*self.keys.fieldNames(), *sk, *RESULT_COLUMNS[:3], *self.payload_names, *RESULT_COLUMNS[3:]]


def layout_of(
    spec: HistorySpec, batch: T.StructType, table: T.StructType | None, payload: Sequence[str] | None = None
) -> Layout:
    """Meet spec, batch and table.

    Without ``payload`` it is every batch column but keys, sequence, ``effective_at``, delete flag and tie-breaker.
    Raises ConfigError GH1401 (a column the spec names is not there), GH1402 (names that differ in case alone),
    HistoryRefused GH4101 (a column changed its type family).
    """
    batch = _nullable(batch)
    _refuse_case_twins(batch.fieldNames())
    flag = spec.delete_flag
    order = [*spec.sequence_by, *([spec.effective_at] if spec.effective_at else [])]
    aside = {
        *spec.keys,
        *order,
        *([flag.column] if flag else []),
        *([spec.tie_breaker] if spec.tie_breaker else []),
    }
    chosen = [n for n in (payload if payload is not None else batch.fieldNames()) if n not in spec.keys]
    if payload is None:
        chosen = [n for n in chosen if n not in aside]
    named = [*spec.keys, *order, *aside, *chosen, *(spec.tracked or ()), *spec.untracked.columns]
    _refuse_missing(named, batch)
    _refuse_own_names(chosen, spec)
    before = _payload_of_table(spec, table)
    _refuse_case_twins([*dict.fromkeys([*before.fieldNames(), *chosen])])
    merged, added, widened = _merge(before, T.StructType([batch[n] for n in chosen]))
    keys, _, _ = _merge(
        T.StructType([table[n] for n in spec.keys] if table else []),
        T.StructType([batch[n] for n in spec.keys]),
    )
    sequence = _type_of([batch[n] for n in spec.sequence_by])
    at = batch[spec.effective_at].dataType if spec.effective_at else sequence
    if spec.effective_at or spec.lateness is not None:
        _refuse_no_time(at, spec.effective_at or spec.sequence_by[0])
    if table is not None and table["effective_from"].dataType != at:
        at_before = table["effective_from"].dataType
        if not _widens(at, at_before):
            raise HistoryRefused(
                "GH4101",
                f"effective_from is {at_before.simpleString()} in the table, {at.simpleString()} in the batch.",
                "give the sequence column the type it had, or start a new table.",
            )
        at = at_before
        sequence = sequence if spec.effective_at else at_before
    return Layout(
        spec=spec,
        keys=_nullable(keys),
        payload=_nullable(merged) if merged.fields else T.StructType([NOTHING]),
        tracked=_tracked(spec, merged),
        at=at,
        sequence=sequence,
        tie=batch[spec.tie_breaker].dataType if spec.tie_breaker else T.BooleanType(),
        gone=tuple(n for n in before.fieldNames() if n not in chosen),
        added=tuple(added) if table is not None else (),
        widened=tuple(widened),
    )


def layout_of_memory(spec: HistorySpec, memory: T.StructType, table: T.StructType | None) -> Layout:
    """The layout of a table as it stands, by its own schema and that of its memory, without a batch."""
    kinds = {f.name: f.dataType for f in memory.fields}
    keys, payload = kinds["key"], kinds["payload"]
    assert isinstance(keys, T.StructType)
    assert isinstance(payload, T.StructType)
    # Either may have a column that the other has not, or has narrower: not every batch writes both.
    merged, _, _ = _merge(_payload_of_table(spec, table), payload)
    fields = [f for f in merged.fields if f.name != NOTHING.name]
    payload = _nullable(T.StructType(fields or [NOTHING]))
    return Layout(
        spec=spec,
        keys=keys,
        payload=payload,
        tracked=_tracked(spec, payload),
        at=kinds["at"],
        sequence=kinds["seq"],
        tie=kinds["tie"],
    )


def _tracked(spec: HistorySpec, payload: T.StructType) -> tuple[str, ...]:
    if spec.type != 2:
        return ()
    if spec.tracked is not None:
        return tuple(n for n in spec.tracked if n not in spec.keys)
    return tuple(f.name for f in payload.fields if f.name not in (*spec.untracked.columns, NOTHING.name))


def _payload_of_table(spec: HistorySpec, table: T.StructType | None) -> T.StructType:
    own = {*spec.keys, *RESULT_COLUMNS, *([spec.surrogate_key.column] if spec.surrogate_key else [])}
    return T.StructType([f for f in table.fields if f.name not in own] if table else [])


def _merge(old: T.StructType, new: T.StructType) -> tuple[T.StructType, list[str], list[str]]:
    fields = {f.name: f for f in old.fields}
    added, widened = [], []
    for field in new.fields:
        was = fields.get(field.name)
        if was is None:
            added.append(field.name)
            fields[field.name] = field
        elif field.dataType != was.dataType:
            kind = _wider(field.name, was.dataType, field.dataType)
            if kind != was.dataType:
                widened.append(field.name)
            fields[field.name] = T.StructField(field.name, kind)
    return T.StructType(list(fields.values())), added, widened


def _wider(name: str, old: T.DataType, new: T.DataType) -> T.DataType:
    if isinstance(new, T.NullType) or _widens(new, old):
        return old
    if isinstance(old, T.NullType) or _widens(old, new):
        return new
    if isinstance(old, T.StructType) and isinstance(new, T.StructType):
        return _merge(old, new)[0]
    if isinstance(old, T.ArrayType) and isinstance(new, T.ArrayType):
        return T.ArrayType(_wider(name, old.elementType, new.elementType))
    if isinstance(old, T.DecimalType) and isinstance(new, T.DecimalType):
        scale = max(old.scale, new.scale)
        whole = max(old.precision - old.scale, new.precision - new.scale)
        if whole + scale <= 38:
            return T.DecimalType(whole + scale, scale)
    raise HistoryRefused(
        "GH4101",
        f"column {name} is {old.simpleString()} in the table and {new.simpleString()} in the batch.",
        "cast it in the transform, or start a new column: a change of type family breaks comparison and identity.",
    )


def _widens(old: T.DataType, new: T.DataType) -> bool:
    """Whether every value of ``old`` is one of ``new``."""
    if _plain(old) == _plain(new):
        return True
    if isinstance(old, T.DecimalType) and isinstance(new, T.DecimalType):
        return old.scale <= new.scale and old.precision - old.scale <= new.precision - new.scale
    return new.simpleString() in _WIDER.get(old.simpleString(), ())


def _nullable(kind: T.StructType) -> T.StructType:
    """The type with every part nullable and text compared by bytes: neither nullability nor collation is part of a
    history table's types."""
    return T.StructType([T.StructField(f.name, _plain(f.dataType)) for f in kind.fields])


def _plain(kind: T.DataType) -> T.DataType:
    if isinstance(kind, T.StructType):
        return _nullable(kind)
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_plain(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(_plain(kind.keyType), _plain(kind.valueType))
    return T.StringType() if isinstance(kind, T.StringType) else kind


def _type_of(fields: list[T.StructField]) -> T.DataType:
    if len(fields) == 1:
        return fields[0].dataType
    return _nullable(T.StructType(fields))


def _refuse_case_twins(names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.lower(), name)
        if twin != name or sum(n == name for n in names) > 1:
            raise ConfigError(
                "GH1402",
                f"columns {twin} and {name} differ in letter case alone.",
                "rename one in the transform.",
            )


def _refuse_missing(names: Sequence[str], batch: T.StructType) -> None:
    missing = sorted({n for n in names if n not in batch.fieldNames()})
    if missing:
        raise ConfigError(
            "GH1401",
            f"the batch has no column {', '.join(missing)}; it has {', '.join(batch.fieldNames())}.",
            "correct the history section of the pipeline, or what the transform returns.",
        )


def _refuse_own_names(names: Sequence[str], spec: HistorySpec) -> None:
    own = {n.lower() for n in (*RESULT_COLUMNS, *([spec.surrogate_key.column] if spec.surrogate_key else []))}
    clash = [n for n in names if n.lower() in own]
    if clash:
        raise ConfigError(
            "GH1403",
            f"the history table itself writes {', '.join(clash)}.",
            "drop or rename it in the transform.",
        )


def _refuse_no_time(kind: T.DataType, name: str) -> None:
    if not isinstance(kind, T.DateType | T.TimestampType):
        raise ConfigError(
            "GH1404",
            f"{name} is {kind.simpleString()}, not a date or timestamp.",
            "effective_at, and the sequence where a lateness is given, must be a date or a timestamp.",
        )
