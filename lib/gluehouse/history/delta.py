"""What the engine asks of Delta: the version of a table, the batches it knows, and writes under a batch's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.small import SMALL_BYTES

TXN = "spark.databricks.delta.write."
# Spark 3.5 refuses dates before 1582 and timestamps before 1900, lest Spark 2 or an old Hive read the file; 4 does not.
OLD_TIMES = {
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
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

    def partition_values(self, column: str) -> list[str]:
        """One value of a partition column for each data file; read from the checksum where it lists the files."""
        snapshot = self.snapshot
        told = snapshot.checksumOpt()
        if told.isDefined() and told.get().allFiles().isDefined():
            files = told.get().allFiles().get()
            return [str(files.apply(at).partitionValues().apply(column)) for at in range(int(files.size()))]
        listed = DataFrame(snapshot.allFiles().toDF(), self.spark).select(F.col("partitionValues").getItem(column))
        return [str(row[0]) for row in listed.collect()]

    def files(self, names: set[str]) -> list[Any]:
        """Delta's entries of the data files with these names, statistics included."""
        told = self.snapshot.checksumOpt()
        if told.isDefined() and told.get().allFiles().isDefined():
            files = told.get().allFiles().get()
            every = [files.apply(at) for at in range(int(files.size()))]
            return [entry for entry in every if str(entry.path()).rpartition("/")[2] in names]
        listed = ", ".join(f"'{name}'" for name in sorted(names))
        rows = self.snapshot.allFiles().where(f"substring_index(path, '/', -1) IN ({listed})").collectAsList()
        return list(rows)

    def frame_of(self, files: Any) -> DataFrame:
        """The rows of some data files, a Scala sequence of Delta's entries, of the version that was looked at last."""
        return DataFrame(self.log.createDataFrame(self.snapshot, files, False, *self._nones(1)), self.spark)

    def data_files(self) -> DataFrame:
        """``size``, ``partitionValues`` (map) and ``stats`` (JSON) of each data file, as the log tells them."""
        return DataFrame(self.snapshot.allFiles().toDF(), self.spark).select("size", "partitionValues", "stats")

    def read(self) -> DataFrame:
        """The rows of the version that was looked at last. Where a small table's checksum lists the files, as it does
        for a few dozen, a scan of the frame needs no Spark job to find them, but skips none by their statistics."""
        snapshot = self.snapshot
        told = snapshot.checksumOpt()
        plain = int(snapshot.protocol().minReaderVersion()) == 1
        small = told.isDefined() and int(told.get().tableSizeBytes()) <= SMALL_BYTES
        if plain and small and told.get().allFiles().isDefined():
            return self.frame_of(told.get().allFiles().get())
        return self.spark.read.format("delta").load(self.path)

    def _update(self) -> Any:
        return self.log.update(False, *self._nones(2))

    @property
    def snapshot(self) -> Any:
        """Delta's snapshot of the version that was looked at last."""
        return self.log.unsafeVolatileSnapshot()

    @property
    def log(self) -> Any:
        return self._java().org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.path)

    def _java(self) -> Any:
        jvm = self.spark._jvm
        assert jvm is not None
        return jvm

    def _nones(self, count: int) -> list[Any]:
        return [self._java().scala.Option.empty() for _ in range(count)]


def _pairs(scala_map: Any) -> list[tuple[str, str]]:
    """A Scala map's entries in one call over the bridge, whatever Scala's version."""
    text = str(scala_map.mkString("\x1f"))
    return [(key, value) for key, _, value in (entry.rpartition(" -> ") for entry in text.split("\x1f") if entry)]


@contextmanager
def options(spark: SparkSession, **settings: str) -> Iterator[None]:
    """Session settings for one operation, put back afterwards. ``__`` stands for a dot in a name."""
    names = {name.replace("__", "."): value for name, value in settings.items()}
    before: dict[str, str | None] = {name: spark.conf.get(name, None) for name in names}
    try:
        for name, value in names.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, was in before.items():
            if was is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, was)


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
