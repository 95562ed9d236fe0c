"""The columns of one history table: the spec's names met with the types of the batch and of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history.value import fitted, typed
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

    ``gone`` are payload columns of the table or its memory that the batch no longer has; ``added`` those that the table
    has not yet; ``widened`` the table's columns whose type becomes wider.
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
    def all_tracked(self) -> bool:
        """Whether a version shows each event as it came: every column opens a version, and no NULL is filled."""
        return self.spec.type == 2 and not self.untracked and not self.spec.ignore_nulls

    @property
    def tie_shows(self) -> bool:
        return self.spec.tie_breaker is None or self.spec.tie_breaker in self.payload_names

    @property
    def surrogate(self) -> str | None:
        return self.spec.surrogate_key.column if self.spec.surrogate_key else None

    def key_struct(self) -> Column:
        return F.struct(*[typed(F.col(f"`{f.name}`"), f.dataType).alias(f.name) for f in self.keys.fields])

    def payload_struct(self, rows: T.StructType) -> Column:
        """The payload of rows of this type as one struct, NULL for columns that they have not."""
        there = set(rows.fieldNames()) - set(self.gone)
        return F.struct(
            *[
                (
                    fitted(F.col(f"`{f.name}`"), rows[f.name].dataType, f.dataType)
                    if f.name in there
                    else typed(F.lit(None), f.dataType)
                ).alias(f.name)
                for f in self.payload.fields
            ]
        )

    def visible_columns(self) -> list[str]:
        sk = [self.surrogate] if self.surrogate else []
        # Delta has statistics of the first 32 columns alone, and skips files by those of the times.
        return [*self.keys.fieldNames(), *sk, *RESULT_COLUMNS[:3], *self.payload_names, *RESULT_COLUMNS[3:]]


def layout_of(
    spec: HistorySpec,
    batch: T.StructType,
    table: T.StructType | None,
    payload: Sequence[str] | None = None,
    memory: T.StructType | None = None,
) -> Layout:
    """Meet spec, batch, table and its memory, which may know columns and wider types that no visible row has needed.

    Without ``payload`` it is every batch column but keys, sequence, ``effective_at``, delete flag and tie-breaker,
    unless the spec says how one of these is tracked.
    Raises ConfigError GH1401 (a column the spec names is not there), GH1402 (names that differ in case alone),
    HistoryRefused GH4101 (a column changed its type family).
    """
    batch = _nullable(batch)
    _refuse_case_twins(batch.fieldNames())
    order = [*spec.sequence_by, *([spec.effective_at] if spec.effective_at else [])]
    chosen = _payload_of_batch(spec, batch, order, payload)
    known = _memory_types(memory)
    there = _payload_of_table(spec, table)
    before = _merge(there, T.StructType([f for f in known["payload"].fields if f.name != NOTHING.name]))
    _refuse_case_twins([*dict.fromkeys([*before.fieldNames(), *chosen])])
    # A new column without a type has no values: it is as good as absent.
    chosen = [n for n in chosen if n in before.fieldNames() or not isinstance(batch[n].dataType, T.NullType)]
    merged = _merge(before, T.StructType([batch[n] for n in chosen]))
    keys_there = T.StructType([table[n] for n in spec.keys] if table else [])
    keys = _merge(_merge(keys_there, known["key"]), T.StructType([batch[n] for n in spec.keys]))
    sequence = _ordering(known, "seq", _type_of([batch[n] for n in spec.sequence_by]), ", ".join(spec.sequence_by))
    at = sequence
    if spec.effective_at:
        at = _ordering(known, "at", batch[spec.effective_at].dataType, spec.effective_at)
    if spec.effective_at or spec.lateness is not None:
        _refuse_no_time(at, spec.effective_at or spec.sequence_by[0])
    widened = _wider_there(T.StructType([*keys_there.fields, *there.fields]), [*keys.fields, *merged.fields])
    if table is not None:
        at_there = T.StructType([T.StructField("at", table["effective_from"].dataType)])
        at = _ordering({"at": at_there}, "at", at, "effective_from")
        sequence = sequence if spec.effective_at else at
        widened += _wider_there(T.StructType([table["effective_from"]]), [T.StructField("effective_from", at)])
    tie: T.DataType = T.BooleanType()
    if spec.tie_breaker:
        tie = _ordering(known, "tie", batch[spec.tie_breaker].dataType, spec.tie_breaker)
    return Layout(
        spec=spec,
        keys=_nullable(keys),
        payload=_nullable(merged) if merged.fields else T.StructType([NOTHING]),
        tracked=_tracked(spec, merged),
        at=at,
        sequence=sequence,
        tie=tie,
        gone=tuple(n for n in before.fieldNames() if n not in chosen),
        added=tuple(n for n in merged.fieldNames() if n not in there.fieldNames()) if table is not None else (),
        widened=tuple(widened),
    )


def _payload_of_batch(
    spec: HistorySpec, batch: T.StructType, order: list[str], payload: Sequence[str] | None
) -> list[str]:
    """The payload's columns that the batch has. Raises ConfigError GH1401, GH1403."""
    flag, said = spec.delete_flag, [*(spec.tracked or ()), *spec.untracked.columns]
    aside = {
        *spec.keys,
        *order,
        *([flag.column] if flag else []),
        *([spec.tie_breaker] if spec.tie_breaker else []),
    }
    chosen = payload
    if chosen is None:
        chosen = [n for n in batch.fieldNames() if n not in aside or n in said]
    chosen = [n for n in chosen if n not in spec.keys]
    _refuse_missing([*spec.keys, *order, *aside, *chosen, *said], batch.fieldNames(), "the batch")
    _refuse_missing([n for n in said if n not in spec.keys], chosen, "the payload")
    _refuse_own_names(chosen, spec)
    return chosen


def _memory_types(memory: T.StructType | None) -> dict[str, T.StructType]:
    """What memory knows: key, payload as they are, at, seq and tie each as a struct of one field."""
    if memory is None:
        return {name: T.StructType([]) for name in ("key", "payload", "at", "seq", "tie")}
    kinds = {f.name: f.dataType for f in memory.fields}
    whole = {name: kinds[name] for name in ("key", "payload")}
    single = {name: T.StructType([memory[name]]) for name in ("at", "seq", "tie")}
    return {name: kind for name, kind in (*whole.items(), *single.items()) if isinstance(kind, T.StructType)}


def _ordering(known: dict[str, T.StructType], name: str, new: T.DataType, called: str) -> T.DataType:
    """The type of what orders events: that which it had, or a wider one. Raises HistoryRefused GH4101."""
    if name not in known[name].fieldNames() or isinstance(known[name][name].dataType, T.BooleanType):
        return new
    was = known[name][name].dataType
    same_parts = not isinstance(was, T.StructType) or (
        isinstance(new, T.StructType) and new.fieldNames() == was.fieldNames()
    )
    if not same_parts:
        raise HistoryRefused(
            "GH4101",
            f"{called} is {was.simpleString()} in the table, {new.simpleString()} in the batch.",
            "give it the type it had, or start a new table.",
        )
    return _wider(called, was, new)


def _wider_there(there: T.StructType, fields: Sequence[T.StructField]) -> list[str]:
    """The columns that are there in a narrower type."""
    return [
        f.name for f in fields if f.name in there.fieldNames() and _plain(there[f.name].dataType) != _plain(f.dataType)
    ]


def _tracked(spec: HistorySpec, payload: T.StructType) -> tuple[str, ...]:
    if spec.type != 2:
        return ()
    if spec.tracked is not None:
        return tuple(n for n in spec.tracked if n in payload.fieldNames())
    return tuple(f.name for f in payload.fields if f.name not in (*spec.untracked.columns, NOTHING.name))


def layout_of_memory(spec: HistorySpec, memory: T.StructType, table: T.StructType | None) -> Layout:
    """The layout of a table as it stands, by its own schema and that of its memory, without a batch."""
    known, there = _memory_types(memory), _payload_of_table(spec, table)
    # Either may have a column that the other has not, or has narrower: not every batch writes both.
    payload = _merge(there, T.StructType([f for f in known["payload"].fields if f.name != NOTHING.name]))
    payload = _nullable(payload) if payload.fields else T.StructType([NOTHING])
    keys, at, sequence = known["key"], memory["at"].dataType, memory["seq"].dataType
    if table is not None:
        keys = _merge(T.StructType([table[n] for n in spec.keys]), keys)
        at = _ordering(known, "at", table["effective_from"].dataType, "effective_from")
        sequence = sequence if spec.effective_at else at
    return Layout(
        spec=spec,
        keys=_nullable(keys),
        payload=payload,
        tracked=_tracked(spec, payload),
        at=at,
        sequence=sequence,
        tie=memory["tie"].dataType,
    )


def _payload_of_table(spec: HistorySpec, table: T.StructType | None) -> T.StructType:
    own = {*spec.keys, *RESULT_COLUMNS, *([spec.surrogate_key.column] if spec.surrogate_key else [])}
    return T.StructType([f for f in table.fields if f.name not in own] if table else [])


def _merge(old: T.StructType, new: T.StructType) -> T.StructType:
    """All fields of both, each in a type that has every value of either."""
    fields = {f.name: f for f in old.fields}
    for field in new.fields:
        was = fields.get(field.name)
        kind = field.dataType if was is None else _wider(field.name, was.dataType, field.dataType)
        fields[field.name] = T.StructField(field.name, kind)
    return T.StructType(list(fields.values()))


def _wider(name: str, old: T.DataType, new: T.DataType) -> T.DataType:
    if isinstance(new, T.NullType) or _widens(new, old):
        return old
    if isinstance(old, T.NullType) or _widens(old, new):
        return new
    if isinstance(old, T.StructType) and isinstance(new, T.StructType):
        return _merge(old, new)
    if isinstance(old, T.ArrayType) and isinstance(new, T.ArrayType):
        return T.ArrayType(_wider(name, old.elementType, new.elementType))
    if isinstance(old, T.MapType) and isinstance(new, T.MapType):
        return T.MapType(_wider(name, old.keyType, new.keyType), _wider(name, old.valueType, new.valueType))
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


def _refuse_missing(names: Sequence[str], there: Sequence[str], where: str) -> None:
    missing = sorted({n for n in names if n not in there})
    if missing:
        raise ConfigError(
            "GH1401",
            f"{where} has no column {', '.join(missing)}; it has {', '.join(there)}.",
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
