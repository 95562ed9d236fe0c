"""What the engine asks of Delta: the version of a table, the batches it knows, and writes under a batch's name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.errors import TableLockLost
from gluehouse.history.ranges import Range, may_hold
from gluehouse.history.session import PYTHON_UTILS, java_class, options

TXN = "spark.databricks.delta.write."
# Spark 3.5 refuses dates before 1582 and timestamps before 1900, lest Spark 2 or an old Hive read the file; 4 does not.
OLD_TIMES = {
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
}
# The names of a table's batches stand in its checksum, so that no job must look for them in the log; Delta's own limit
# is 100. Each takes some 150 bytes of every checksum.
MANY_BATCHES = {"spark.databricks.delta.setTransactionsInCrc.maxAllowed": "5000"}
# How Delta says that another commit came first.
CONFLICTS = {
    "ConcurrentAppendException",
    "ConcurrentDeleteDeleteException",
    "ConcurrentDeleteReadException",
    "ConcurrentTransactionException",
    "ConcurrentWriteException",
    "DeltaConcurrentModificationException",
    "MetadataChangedException",
    "ProtocolChangedException",
}


@dataclass(frozen=True)
class TableState:
    """A table's newest version (None: no table), ``txnAppId`` -> newest ``txnVersion``, its files and their bytes."""

    version: int | None = None
    transactions: dict[str, int] = field(default_factory=dict)
    size: int = 0
    files: int = 0


class DeltaLocation:
    """A path that may hold a Delta table."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.spark, self.path = spark, path.rstrip("/")

    @property
    def identifier(self) -> str:
        return f"delta.`{self.path}`"

    def version(self) -> int | None:
        """The newest version, None where there is no table."""
        version = int(self._update().version())
        return version if version >= 0 else None

    def refuse_unless_at(self, version: int | None) -> None:
        """Raises TableLockLost GH6002 where the newest version is another one."""
        now = self.version()
        if now != version:
            raise other_version(now, version)

    def state(self) -> TableState:
        """What the log says, read without a Spark job where the last commit's checksum tells it."""
        snapshot = self._update()
        version = int(snapshot.version())
        if version < 0:
            return TableState()
        told = snapshot.checksumOpt()
        if told.isDefined() and told.get().setTransactions().isDefined():
            found = told.get().setTransactions().get()
            entries = [found.apply(at) for at in range(int(found.size()))]
            transactions = {str(one.appId()): int(one.version()) for one in entries}
            size, files = int(told.get().tableSizeBytes()), int(told.get().numFiles())
        else:
            transactions = {app: int(one) for app, one in _pairs(snapshot.transactions())}
            size, files = int(snapshot.sizeInBytes()), int(snapshot.numOfFiles())
        return TableState(version, transactions, size, files)

    def table_id(self) -> str:
        """What tells the table from another one that lay at this path before."""
        return str(self.snapshot.metadata().id())

    def schema(self) -> T.StructType:
        return T.StructType.fromJson(json.loads(self.snapshot.schema().json()))

    def properties(self) -> dict[str, str]:
        found = self.snapshot.metadata().configuration()
        return dict(_pairs(found))

    def features(self) -> set[str]:
        """The table features that the protocol names."""
        named = str(self.snapshot.protocol().readerAndWriterFeatureNames().mkString(","))
        return {name for name in named.split(",") if name}

    def partition_columns(self) -> tuple[str, ...]:
        columns = self.snapshot.metadata().partitionColumns()
        return tuple(str(columns.apply(at)) for at in range(int(columns.size())))

    def partition_values(self, column: str) -> list[str]:
        """One value of a partition column for each data file; read from the checksum where it lists the files."""
        snapshot = self.snapshot
        told = snapshot.checksumOpt()
        if told.isDefined() and told.get().allFiles().isDefined():
            files = told.get().allFiles().get()
            return [str(files.apply(at).partitionValues().apply(column)) for at in range(int(files.size()))]
        listed = DataFrame(snapshot.allFiles().toDF(), self.spark).select(F.col("partitionValues").getItem(column))
        return [str(row[0]) for row in listed.collect()]

    def every_file(self) -> list[Any]:
        """Delta's entries of all data files, statistics included."""
        listed = self._listed()
        return list(self.snapshot.allFiles().collectAsList()) if listed is None else listed

    def files(self, names: set[str]) -> list[Any]:
        """Delta's entries of the data files with these names, statistics included."""
        every = self._listed()
        if every is not None:
            return [entry for entry in every if str(entry.path()).rpartition("/")[2] in names]
        listed = ", ".join(f"'{name}'" for name in sorted(names))
        rows = self.snapshot.allFiles().where(f"substring_index(path, '/', -1) IN ({listed})").collectAsList()
        return list(rows)

    def files_tagged(self, tag: str, value: str) -> list[Any]:
        """Delta's entries of the data files whose ``tag`` has this value, statistics included."""
        every = self._listed()
        if every is not None:
            return [entry for entry in every if tag_of(entry, tag) == value]
        return list(self.snapshot.allFiles().where(f"tags['{tag}'] = '{value}'").collectAsList())

    def committed_at(self) -> dict[str, int | None]:
        """When each transaction was last committed, by the clock of who did (milliseconds since 1970, UTC)."""
        found = self.snapshot.setTransactions()
        told = [found.apply(at) for at in range(int(found.size()))]
        times = {str(one.appId()): one.lastUpdated() for one in told}
        return {name: int(time.get()) if time.isDefined() else None for name, time in times.items()}

    def frame_of(self, files: Any, snapshot: Any = None) -> DataFrame:
        """The rows of some data files, a Scala sequence of Delta's entries, of the version that was looked at last, or
        of a ``snapshot``."""
        of = self.snapshot if snapshot is None else snapshot
        return DataFrame(self.log.createDataFrame(of, files, False, *self._nones(1)), self.spark)

    def snapshot_at(self, version: int) -> Any:
        """Delta's snapshot of an earlier version; raises what Delta raises where its log does not tell it any more."""
        return self.log.getSnapshotAt(version, *self._nones(2))

    def data_files(self) -> DataFrame:
        """``size``, ``partitionValues`` (map) and ``stats`` (JSON) of each data file, as the log tells them."""
        return DataFrame(self.snapshot.allFiles().toDF(), self.spark).select("size", "partitionValues", "stats")

    def read(self, ranges: Sequence[Range] = ()) -> DataFrame:
        """The rows of the version that was looked at last that lie in all the ranges. Where the table's checksum
        lists its files, as it does for a few dozen, they are chosen here, without the jobs that Delta runs for it."""
        listed = self._listed()
        if listed is None:
            frame = self.spark.read.format("delta").load(self.path)
        else:
            frame = self.frame_of(self.seq([one for one in listed if may_hold(_statistics(one), ranges)]))
        for one in ranges:
            frame = frame.where(one.condition())
        return frame

    def _listed(self) -> list[Any] | None:
        """Delta's entries of all data files, where the checksum has them and statistics have the columns' names."""
        told = self.snapshot.checksumOpt()
        if not told.isDefined() or not told.get().allFiles().isDefined():
            return None
        if self.properties().get("delta.columnMapping.mode", "none") != "none":
            return None
        files = told.get().allFiles().get()
        return [files.apply(at) for at in range(int(files.size()))]

    def seq(self, items: list[Any]) -> Any:
        made = java_class(self.spark, "java.util.ArrayList")()
        for item in items:
            made.add(item)
        return java_class(self.spark, PYTHON_UTILS).toSeq(made)

    def _update(self) -> Any:
        return self.log.update(False, *self._nones(2))

    @property
    def snapshot(self) -> Any:
        """Delta's snapshot of the version that was looked at last."""
        return self.log.unsafeVolatileSnapshot()

    @property
    def log(self) -> Any:
        return java_class(self.spark, "org.apache.spark.sql.delta.DeltaLog").forTable(
            self.spark._jsparkSession, self.path
        )

    def _nones(self, count: int) -> list[Any]:
        none = java_class(self.spark, "scala.Option").empty()
        return [none] * count


def tag_of(entry: Any, tag: str) -> str | None:
    """What a data file is tagged with; Delta's entry of it."""
    told = entry.tagsOrEmpty().get(tag)
    return str(told.get()) if told.isDefined() else None


def _statistics(entry: Any) -> str | None:
    told = entry.stats()
    return None if told is None else str(told)


def other_version(now: int | None, planned: int | None) -> TableLockLost:
    return TableLockLost(
        "GH6002",
        f"the table is at version {now}; this batch was planned against version {planned}.",
        "run the batch again, and let no other writer write the table without its lock.",
    )


@contextmanager
def conflict_is_loss() -> Iterator[None]:
    """Delta refuses a commit because of another one since it was begun: whoever made that had the lock, or none.

    Raises TableLockLost GH6002 then. Nothing was committed.
    """
    try:
        yield
    except Exception as error:
        thrown = getattr(error, "java_exception", None)
        name = type(error).__name__ if thrown is None else str(thrown.getClass().getSimpleName())
        if name not in CONFLICTS:
            raise
        raise TableLockLost(
            "GH6002",
            f"another writer committed before this batch could ({name}).",
            "run the batch again, and let no other writer write the table without its lock.",
        ) from error


def _pairs(scala_map: Any) -> list[tuple[str, str]]:
    """A Scala map's entries in one call over the bridge, whatever Scala's version."""
    text = str(scala_map.mkString("\x1f"))
    return [(key, value) for key, _, value in (entry.rpartition(" -> ") for entry in text.split("\x1f") if entry)]


def as_transaction(spark: SparkSession, app_id: str, version: int):  # type: ignore[no-untyped-def]
    """Delta remembers the next DML statement under this id and skips a second one with the same."""
    return options(
        spark,
        **{
            TXN + "txnAppId": app_id,
            TXN + "txnVersion": str(version),
            TXN + "txnVersion.autoReset.enabled": "true",
        },
    )
