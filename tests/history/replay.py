"""Batches applied to the engine and to the reference side by side, compared after each of them.

Compared are the visible versions, what was planned, what is set aside and why, the counts of the result, which batch
changed each row, and all that is promised of surrogate keys. A repeated batch must write nothing anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folding import Row, Version, plain, rank
from plans import Plan
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import Row as Struct
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType
from reference import Aside, Reference, Refused
from streams import Batch, said_payload
from surrogates import Identity, Surrogates

from gluehouse.errors import HistoryRefused
from gluehouse.history import (
    HistoryResult,
    Snapshot,
    Target,
    apply_batch,
    apply_changes,
    infer_members,
    plan,
    read_history,
)
from gluehouse.history.check import check_history
from gluehouse.history.lock import lock_of
from gluehouse.history.small import bytes_to_read

# What counts as small where a batch is to take a way that else only large ones take, or small ones into large tables.
LIMITS = {
    "small": {},
    "cut": {"changes.SMALL_BYTES": -1},
    "large": {"changes.SMALL_BYTES": -1, "scope.SMALL_KEYS": -1},
}


class Replay:
    """One table that grows by batches. ``folder``: for the table and the batches' files; ``name``: of the stream."""

    def __init__(self, spark: SparkSession, folder: Path, plan: Plan, name: str) -> None:
        self.spark, self.folder, self.plan, self.spec, self.name = spark, folder, plan, plan.spec, name
        self.path = str(folder / "t")
        self.reference = Reference(plan.spec, plan.payload)
        self.rows: list[Struct] = []
        self.versions: dict[Any, list[Version]] = {}
        self.planned: list[Struct] | None = None
        self.surrogates = Surrogates(plan.spec.surrogate_key) if plan.spec.surrogate_key else None
        self.applied: list[Batch] = []

    def apply(self, batch: Batch) -> None:
        """Apply a batch on both sides and compare."""
        if any(batch.name == one.name for one in self.applied):
            self.repeat(batch)
            return
        files = self._files()
        try:
            aside = self._of_reference(batch)
        except Refused as refused:
            with pytest.raises(HistoryRefused, match=str(refused)):
                self._of_engine(batch)
            assert self._files() == files, self._story("a refused batch wrote files", batch, None)
            return
        result = self._of_engine(batch)
        self.applied.append(batch)
        self._compare_aside(batch, result, aside)
        self._compare(batch, result)

    def repeat(self, batch: Batch) -> None:
        """Apply a batch's rows once more, under its own name, or under another after the batch itself: a snapshot that
        was accepted with other rows is refused; else nothing is written anywhere."""
        files = self._files()
        try:
            result = self._of_engine(replace(batch, planned=False))
        except HistoryRefused:
            # Other rows under the name of a snapshot.
            assert any(one.name == batch.name and one.rows != batch.rows for one in self.applied)
        else:
            written = result.version_before != result.version_after or result.memory_version is not None
            what = f"a repeat wrote ({result.strategy}, {result.remembered} remembered)"
            assert not written, self._story(what, batch, None)
        assert self._files() == files, self._story("a repeat wrote files", batch, None)

    def _files(self) -> list[Path]:
        """The commits of the table and of its memory."""
        return sorted(self.folder.glob("t*/_delta_log/*.json"))

    def _of_reference(self, batch: Batch) -> Aside:
        if batch.members:
            return self.reference.infer(batch.rows)
        columns = [name for name in self.plan.payload if name in batch.types]
        if not self.plan.snapshots:
            return self.reference.events(batch.rows, columns)
        mute = [self.reference.key(row) for row in batch.quarantined]
        return self.reference.snapshot(batch.rows, columns, mute, batch.illegible, batch.allow_mass_delete)

    def _of_engine(self, batch: Batch) -> HistoryResult:
        with pytest.MonkeyPatch.context() as patch:
            frame = self._frame(batch.rows, batch.types, sized=batch.sized)
            limits = {"changes.SMALL_BYTES": bytes_to_read(frame)} if batch.way == "held" else LIMITS[batch.way]
            for name, value in limits.items():
                patch.setattr(f"gluehouse.history.{name}", value)
            patch.setattr("gluehouse.history.compaction.FILES", self.plan.files)
            self.planned = None
            return self._members_of_engine(batch, frame) if batch.members else self._batch_of_engine(batch, frame)

    def _members_of_engine(self, batch: Batch, frame: DataFrame) -> HistoryResult:
        early = {name: kind for name, kind in self.plan.types.items() if name not in self.plan.added}
        like, said = self._schema(early), said_payload(self.plan, early)
        return infer_members(self.spark, self.path, frame, self.spec, batch.name, like=like, payload=said)

    def _batch_of_engine(self, batch: Batch, frame: DataFrame) -> HistoryResult:
        how: dict[str, Any] = {"payload": batch.payload, "allow_mass_delete": batch.allow_mass_delete}
        if self.plan.snapshots:
            mute = None
            if batch.quarantined:
                mute = self._frame(batch.quarantined, {n: self.plan.types[n] for n in self.spec.keys}, sized=True)
            how["snapshot"] = Snapshot(quarantined_keys=mute, illegible_rows=batch.illegible)
        if not batch.planned:
            return apply_batch(self.spark, self.path, frame, self.spec, batch.name, **how)
        with lock_of(self.path) as lock:
            target = Target(self.spark, self.path, batch.name, lock)
            changes = plan(target.current(), frame, self.spec, **how)
            self.planned = [] if changes.rows is None else changes.versions().collect()
            return apply_changes(target, changes)

    def _schema(self, types: dict[str, str]) -> StructType:
        """The schema of these columns, as ``apply_batch`` would see it."""
        return self.spark.createDataFrame([], ", ".join(f"`{n}` {kind}" for n, kind in types.items())).schema

    def _frame(self, rows: list[Row], types: dict[str, str], sized: bool) -> DataFrame:
        """A frame of a file, whose size Spark knows, or of Python rows, which the engine must take for a large one."""
        kind = self._schema(types)
        if not sized:
            return self.spark.createDataFrame([tuple(row[n] for n in types) for row in rows], kind)
        fields = [
            pa.field(f.name, pa.timestamp("us", tz="UTC")) if pa.types.is_timestamp(f.type) else f
            for f in to_arrow_schema(kind)
        ]
        found = pa.Table.from_pylist([{n: _for_arrow(row[n]) for n in types} for row in rows], schema=pa.schema(fields))
        path = self.folder / f"in{len(list(self.folder.glob('in*')))}.parquet"
        pq.write_table(found, path)
        return self.spark.read.schema(kind).option("datetimeRebaseMode", "CORRECTED").parquet(str(path))

    def _read(self) -> list[Struct]:
        if not Path(self.path, "_delta_log").exists():
            return []
        return list(read_history(self.spark, self.path).collect())

    def _compare_aside(self, batch: Batch, result: HistoryResult, aside: Aside) -> None:
        found = [row.asDict() for row in result.rejected.collect()] if result.rejected is not None else []
        assert len(found) == result.rejected_count
        rules = [(row, row["rule"]) for row in found]
        got, want = (Counter(self._judged(one)) for one in (rules, aside))
        assert got == want, self._story("rows set aside differ", batch, next(iter((got - want) + (want - got)))[0])

    def _judged(self, aside: Aside) -> list[tuple[Any, str]]:
        """Each row's key and rule. Of what lies before a key's last delete types 0 and 1 remember nothing, so that a
        tie there may go unseen; it could never show."""
        dead = lambda row: self.spec.type != 2 and self.reference.ends_later(*self._place(row))  # noqa: E731
        return [
            (self.reference.key(row), rule) for row, rule in aside if rule != "history.undecided_tie" or not dead(row)
        ]

    def _place(self, row: Row) -> tuple[Any, Any]:
        return self.reference.key(row), self.reference.position(row)

    def _compare(self, batch: Batch, result: HistoryResult) -> None:
        rows = self._read()
        got, want = self._versions_of(rows), self.reference.versions()
        wrong = [key for key in {*got, *want} if got.get(key) != want.get(key)]
        assert not wrong, self._story(f"{len(wrong)} keys differ ({result.strategy})", batch, wrong[0], got, want)
        assert all(row["is_current"] == (row["effective_to"] is None) for row in rows)
        assert self.check(rows) == []
        before, after = ({(k, v[0]): v for k, vs in one.items() for v in vs} for one in (self.versions, got))
        self._compare_plan(before, after)
        changed = [one for one in before.keys() & after.keys() if before[one] != after[one]]
        ended = [one for one in changed if before[one][1] is None and after[one][1] is not None]
        assert (result.opened, result.removed) == (len(after.keys() - before.keys()), len(before.keys() - after.keys()))
        assert (result.closed, result.updated) == (len(ended), len(changed) - len(ended))
        self._compare_batches(batch, rows, {*changed, *(after.keys() - before.keys())})
        if self.surrogates:
            self.surrogates.compare({self._identity(row): row[self.surrogates.column] for row in rows}, got, result)
        self.rows, self.versions = rows, got

    def _compare_plan(self, before: dict[Identity, Version], after: dict[Identity, Version]) -> None:
        """What was planned is what came to be."""
        if self.planned is None:
            return
        told = {self._identity(row): row["action"] for row in self.planned}
        want = dict.fromkeys(after.keys() - before.keys(), "insert")
        want |= dict.fromkeys(before.keys() - after.keys(), "delete")
        want |= {one: "update" for one in before.keys() & after.keys() if before[one] != after[one]}
        assert told == want
        stay = self._versions_of([row for row in self.planned if row["action"] != "delete"])
        assert {(k, v[0]): v for k, vs in stay.items() for v in vs} == {
            one: after[one] for one in told if told[one] != "delete"
        }

    def check(self, rows: list[Struct]) -> list[Any]:
        """What the invariant checker finds, once the table has rows."""
        if not rows or len(self.applied) % 3:
            return []
        column = self.spec.surrogate_key.column if self.spec.surrogate_key else None
        return list(check_history(read_history(self.spark, self.path), list(self.spec.keys), column).collect())

    def _compare_batches(self, batch: Batch, rows: list[Struct], changed: set[Identity]) -> None:
        was = {self._identity(row): row["batch_id"] for row in self.rows}
        for row in rows:
            identity = self._identity(row)
            assert row["batch_id"] == (batch.name if identity in changed else was[identity])

    def _identity(self, row: Struct) -> Identity:
        return self.reference.key(row.asDict()), self._time(row["effective_from"])

    def _time(self, value: Any) -> Any:
        if value is None or not isinstance(value, Struct) or len(self.spec.sequence_by) == 1 or self.spec.effective_at:
            return plain(value)
        return tuple(plain(value[name]) for name in self.spec.sequence_by)

    def _versions_of(self, rows: list[Struct]) -> dict[Any, list[Version]]:
        found: dict[Any, list[Version]] = {}
        for row in rows:
            told = row.asDict()
            version = (self._time(told["effective_from"]), self._time(told["effective_to"]))
            found.setdefault(self.reference.key(told), []).append((*version, self.reference.payload(told)))
        return {key: sorted(versions, key=lambda one: rank(one[0])) for key, versions in found.items()}

    def _story(self, what: str, batch: Batch, key: Any, *sides: dict[Any, list[Version]]) -> str:
        """All that was told of one key, in the order of arrival, and what became of it."""
        flag = self.spec.delete_flag
        mine: Callable[[Row], bool] = lambda row: (  # noqa: E731
            self.reference.key(row) == key or bool(flag and row.get(flag.column, flag) in flag.truncates)
        )
        lines = [f"{self.name}: {what}, after {batch.name}; one key is {key}", repr(self.spec), repr(self.plan.types)]
        for one in [*self.applied, *([] if batch in self.applied else [batch])]:
            quiet = [row for row in one.quarantined if self.reference.key(row) == key]
            lines.append(
                f"{one.name} ({one.way}) lacks {sorted(set(self.plan.types) - set(one.types))}; quiet: {quiet}"
            )
            lines += [f"    {row}" for row in one.rows if mine(row)]
        for name, side in zip(("got ", "want"), sides, strict=False):
            lines.append(f"{name} {side.get(key)}")
        return "\n".join(lines)


def _for_arrow(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _for_arrow(one) for name, one in value.asDict().items()}
    if isinstance(value, dict):
        return [(name, _for_arrow(one)) for name, one in value.items()]
    return [_for_arrow(one) for one in value] if isinstance(value, list) else value
