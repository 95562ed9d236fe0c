"""The columns of one history table: the spec's names met with the types of the batch and of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import ConfigError, HistoryRefused
from gluehouse.history.value import own, taken, typed
from gluehouse.history.widening import merge, nullable, wider, wider_there
from gluehouse.spec.history import RESULT_COLUMNS, HistorySpec

# A Parquet struct needs a field, also where a table has nothing but keys.
NOTHING = T.StructField("__nothing", T.BooleanType())


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

    @property
    def sk_type(self) -> T.DataType:
        key = self.spec.surrogate_key
        return T.StringType() if key and key.kind == "hash128" else T.LongType()

    def key_struct(self) -> Column:
        return F.struct(*[typed(own(f.name), f.dataType).alias(f.name) for f in self.keys.fields])

    def payload_struct(self, rows: T.StructType) -> Column:
        """The payload of rows of this type as one struct, NULL for columns that they have not."""
        there = {f.name: f.dataType for f in rows.fields if f.name not in self.gone}
        return F.struct(*[taken(f, there) for f in self.payload.fields])

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
    GH1406, GH1407 (the table is no history of this spec), HistoryRefused GH4101 (a column changed its type family).
    """
    batch = nullable(batch)
    _refuse_case_twins(batch.fieldNames())
    order = [*spec.sequence_by, *([spec.effective_at] if spec.effective_at else [])]
    chosen = _payload_of_batch(spec, batch, order, payload)
    _refuse_foreign(spec, table)
    known = _memory_types(memory)
    there = _payload_of_table(spec, table)
    before = merge(there, T.StructType([f for f in known["payload"].fields if f.name != NOTHING.name]))
    _refuse_case_twins([*dict.fromkeys([*before.fieldNames(), *chosen])])
    # A new column without a type has no values: it is as good as absent.
    chosen = [n for n in chosen if n in before.fieldNames() or not isinstance(batch[n].dataType, T.NullType)]
    merged = merge(before, T.StructType([batch[n] for n in chosen]))
    keys_there = T.StructType([table[n] for n in spec.keys] if table else [])
    keys = merge(merge(keys_there, known["key"]), T.StructType([batch[n] for n in spec.keys]))
    sequence = _ordering(known, "seq", _type_of([batch[n] for n in spec.sequence_by]), ", ".join(spec.sequence_by))
    at = sequence
    if spec.effective_at:
        at = _ordering(known, "at", batch[spec.effective_at].dataType, spec.effective_at)
    if spec.effective_at or spec.lateness is not None:
        _refuse_no_time(at, spec.effective_at or spec.sequence_by[0])
    widened = wider_there(T.StructType([*keys_there.fields, *there.fields]), [*keys.fields, *merged.fields])
    if table is not None:
        at_there = T.StructType([T.StructField("at", table["effective_from"].dataType)])
        at = _ordering({"at": at_there}, "at", at, "effective_from")
        sequence = sequence if spec.effective_at else at
        widened += wider_there(T.StructType([table["effective_from"]]), [T.StructField("effective_from", at)])
    tie: T.DataType = T.BooleanType()
    if spec.tie_breaker:
        tie = _ordering(known, "tie", batch[spec.tie_breaker].dataType, spec.tie_breaker)
    return Layout(
        spec=spec,
        keys=nullable(keys),
        payload=nullable(merged) if merged.fields else T.StructType([NOTHING]),
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
    return wider(called, was, new)


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
    payload = merge(there, T.StructType([f for f in known["payload"].fields if f.name != NOTHING.name]))
    payload = nullable(payload) if payload.fields else T.StructType([NOTHING])
    keys, at, sequence = known["key"], memory["at"].dataType, memory["seq"].dataType
    if table is not None:
        keys = merge(T.StructType([table[n] for n in spec.keys]), keys)
        at = _ordering(known, "at", table["effective_from"].dataType, "effective_from")
        sequence = sequence if spec.effective_at else at
    return Layout(
        spec=spec,
        keys=nullable(keys),
        payload=payload,
        tracked=_tracked(spec, payload),
        at=at,
        sequence=sequence,
        tie=memory["tie"].dataType,
    )


def _payload_of_table(spec: HistorySpec, table: T.StructType | None) -> T.StructType:
    own = {*spec.keys, *RESULT_COLUMNS, *([spec.surrogate_key.column] if spec.surrogate_key else [])}
    return T.StructType([f for f in table.fields if f.name not in own] if table else [])


def _type_of(fields: list[T.StructField]) -> T.DataType:
    if len(fields) == 1:
        return fields[0].dataType
    return nullable(T.StructType(fields))


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


def _refuse_foreign(spec: HistorySpec, table: T.StructType | None) -> None:
    """Raises ConfigError GH1406, GH1407 for a table that is no history of this spec."""
    have = table.fieldNames() if table is not None else None
    if have is None:
        return
    missing = [name for name in (*spec.keys, *RESULT_COLUMNS) if name not in have]
    if missing:
        raise ConfigError(
            "GH1406",
            f"the table has no column {', '.join(missing)}, so it is no history of {', '.join(spec.keys)}; "
            f"it has {', '.join(have)}.",
            "give another location, or the keys that the table has, in its letter case.",
        )
    key = spec.surrogate_key
    if key is not None and key.column not in have:
        raise ConfigError(
            "GH1407",
            f"surrogate_key wants the column {key.column}, which the table was made without.",
            "start a new table and replay the batches into it, or leave surrogate_key out.",
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
