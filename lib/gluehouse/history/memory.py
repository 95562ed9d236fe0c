"""The companion table: what later events may need and the visible versions do not show.

It lies beside the history table, at its location + ``__memory``, one row an item, partitioned by ``kind``:

- ``event``: key, at, seq, is_delete, tie, digest; payload where the covering version shows another.
- ``retold``: an event in the place of those that were remembered there before it: a replay of a snapshot says of a key
  what the snapshot would have said with all of its rows. Who reads memory meets it as an event.
- ``snapshot``: at, seq, digest of its content, speaks (whether it deletes what it does not name).
- ``truncate``: at, seq. ``silent``: a key that the snapshot at that time could not speak for.
- ``inferred``: key, at, seq (NULL with effective_at); facts tell that the key exists from there.
- ``high_water``: the highest BIGINT surrogate key given, in digest. ``horizon``: the newest time that a batch met.
- ``pruned``: the time before which memory was pruned. ``state``: key, at, seq, payload, digest; what a key's pruned
  events had come to, where its version shows otherwise (compaction.py).

A batch's rows are appended before the history table's one commit and count from that commit on: both are Delta
transactions under the batch's id (in ``batch_id`` as the history table names it, with the application that it belongs
to), and rows whose batch the history table does not know are not read. A batch that
is killed in between is thus neither lost nor half there; run again, it replaces its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.delta import DeltaLocation
from gluehouse.history.file_commit import FileCommit
from gluehouse.history.layout import Layout
from gluehouse.history.value import fitted, typed

SUFFIX = "__memory"
RETOLD = "retold"
KINDS = frozenset({"event", "state", "snapshot", "truncate", "silent", "inferred", "horizon", "high_water", "pruned"})
# What comes before the history table's name of a batch (``app_id``) in memory's: it changed the table too, or did not.
WITH_TABLE, ALONE = "table/", "alone/"


class Memory:
    """The companion table of a history table, as of the batches that the history table knows."""

    def __init__(self, spark: SparkSession, location: str, committed: dict[str, int]) -> None:
        self.spark = spark
        self.path = location.rstrip("/") + SUFFIX
        self.table = DeltaLocation(spark, self.path)
        self.state = self.table.state()
        self.batches = self.state.transactions
        begun = [name.removeprefix(WITH_TABLE) for name in self.batches if name.startswith(WITH_TABLE)]
        self.unfinished = [name for name in begun if name not in committed and not self.has_alone(name)]

    def has_alone(self, transaction: str) -> bool:
        """Whether the batch changed memory and nothing else, and is done."""
        return ALONE + transaction in self.batches

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of rows that memory has; what it has none of need not be read."""
        return frozenset("event" if kind == RETOLD else kind for kind in self._stored_kinds)

    @cached_property
    def _stored_kinds(self) -> frozenset[str]:
        return frozenset(self.table.partition_values("kind")) if self.state.version is not None else frozenset()

    def stored(self) -> DataFrame | None:
        """All rows that count, as they are stored but for retold events; None where there are none."""
        if not self.kinds:
            return None
        frame = self.table.read()
        frame = frame.where(~F.col("batch_id").isin(self.unfinished)) if self.unfinished else frame
        return _settled(frame) if RETOLD in self._stored_kinds else frame

    def unfinished_rows(self, layout: Layout) -> DataFrame | None:
        """The rows that do not count (yet)."""
        if not self.unfinished:
            return None
        return in_types(self.table.read().where(F.col("batch_id").isin(self.unfinished)), layout)

    def no_rows(self, layout: Layout) -> DataFrame:
        columns = [typed(F.lit(None), f.dataType).alias(f.name) for f in schema_of(layout).fields]
        return self.spark.range(0, 1, 1, 1).select(*columns).where(F.lit(False))

    def append(self, rows: DataFrame, transaction: str, alone: bool, layout: Layout, check: Callable[[], None]) -> int:
        """Append a batch's rows; what an earlier, unfinished try of the batch left is replaced. The new version.

        ``transaction``: the history table's name of the batch, which the rows have for their ``batch_id``; ``check``
        speaks immediately before the commit. Raises TableLockLost GH6002 where memory has changed since it was read.
        """
        commit = FileCommit(self.table, self.state.version)
        if self.state.version is None:
            commit.create(rows, ["kind"])
        elif self._is_narrower(layout):
            before = self.stored()
            if before is not None:
                rows = in_types(before, layout).unionByName(rows)
            commit.replace_all(rows)
        else:
            commit.add_columns(rows)
            if transaction in self.unfinished:
                rows = self._instead_of_the_rows_of(transaction, rows, layout, commit)
        commit.add(rows)
        name = (ALONE if alone else WITH_TABLE) + transaction
        commit.commit(check, {name: self.batches.get(name, 0) + 1})
        return self.table.version() or 0

    def _instead_of_the_rows_of(
        self, transaction: str, rows: DataFrame, layout: Layout, commit: FileCommit
    ) -> DataFrame:
        """Take the files away in which this batch has rows; ``rows``, and other batches' rows from these files."""
        mine = F.col("batch_id") == transaction
        files = commit.touched(self.table.read().where(mine).select(F.col("_metadata.file_path").alias("file")))
        if not files:
            return rows
        commit.drop(files)
        return rows.unionByName(in_types(commit.read(files).where(~mine), layout))

    def replace(self, rows: DataFrame, check: Callable[[], None]) -> int:
        """Put ``rows`` in the place of all that is there, in one commit. The new version."""
        commit = FileCommit(self.table, self.state.version)
        commit.replace_all(rows)
        commit.add(rows)
        commit.commit(check)
        return self.table.version() or 0

    def _is_narrower(self, layout: Layout) -> bool:
        """Whether some column is narrower in memory than it is now, so that every file must be written anew."""
        return self.state.version is not None and _narrower(self.table.schema(), schema_of(layout))


def _settled(rows: DataFrame) -> DataFrame:
    """Retold events as events, the last telling of a position in the place of the earlier ones. Events that were
    remembered after it know of it, and stay."""
    kind, position = F.col("kind"), ["key", "at", "seq"]
    told = rows.where(kind == RETOLD).groupBy(*position)
    last = told.agg(F.max_by(F.struct(*rows.columns), "loaded_at").alias("last")).select("last.*")
    since = last.select(*[F.col(name).alias(f"__{name}") for name in (*position, "loaded_at")])
    same = [F.col(name) == F.col(f"__{name}") for name in position]
    events = rows.where(kind == "event").join(since, [*same, F.col("loaded_at") <= F.col("__loaded_at")], "left_anti")
    others = rows.where(~kind.isin("event", RETOLD))
    return others.unionByName(events).unionByName(last.withColumn("kind", F.lit("event")))


def _narrower(have: T.DataType, want: T.DataType) -> bool:
    """Whether the wanted type is another one, apart from fields that Delta adds to a struct by itself."""
    if isinstance(have, T.StructType) and isinstance(want, T.StructType):
        names = have.fieldNames()
        return any(_narrower(have[f.name].dataType, f.dataType) for f in want.fields if f.name in names)
    if isinstance(have, T.ArrayType) and isinstance(want, T.ArrayType):
        return _narrower(have.elementType, want.elementType)
    if isinstance(have, T.MapType) and isinstance(want, T.MapType):
        return _narrower(have.keyType, want.keyType) or _narrower(have.valueType, want.valueType)
    return have != want


def app_id(app: str, batch_id: str) -> str:
    """The history table's ``txnAppId`` of a batch."""
    return f"{app}/{batch_id}"


def schema_of(layout: Layout) -> T.StructType:
    return T.StructType(
        [
            T.StructField("kind", T.StringType()),
            T.StructField("key", layout.keys),
            T.StructField("at", layout.at),
            T.StructField("seq", layout.sequence),
            T.StructField("is_delete", T.BooleanType()),
            T.StructField("tie", layout.tie),
            T.StructField("digest", T.LongType()),
            T.StructField("payload", layout.payload),
            T.StructField("speaks", T.BooleanType()),
            T.StructField("content", T.StringType()),
            T.StructField("batch_id", T.StringType()),
            T.StructField("loaded_at", T.TimestampType()),
        ]
    )


def in_types(rows: DataFrame, layout: Layout) -> DataFrame:
    """Memory's rows in the layout's types."""
    have = {f.name: f.dataType for f in rows.schema.fields}
    return rows.select(
        *[fitted(F.col(f.name), have[f.name], f.dataType).alias(f.name) for f in schema_of(layout).fields]
    )


def as_memory(rows: DataFrame, layout: Layout, kind: str, transaction: str) -> DataFrame:
    """Rows with some of memory's columns -> all of them."""
    given = set(rows.columns)
    fixed = {"kind": F.lit(kind), "batch_id": F.lit(transaction), "loaded_at": F.current_timestamp()}
    return rows.select(
        *[
            typed(fixed.get(f.name, F.col(f.name) if f.name in given else F.lit(None)), f.dataType).alias(f.name)
            for f in schema_of(layout).fields
        ]
    )
