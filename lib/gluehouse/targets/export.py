"""The rows for a warehouse as plain Parquet files: Spark writes them, the warehouse loads them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.history.delta import OLD_TIMES
from gluehouse.history.session import options
from gluehouse.targets.columns import WENT, Column

MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class Export:
    """A folder of Parquet files with the columns in that order; the last one is ``WENT``."""

    spark: SparkSession
    uri: str
    columns: tuple[Column, ...]

    def read(self) -> DataFrame:
        return self.spark.read.parquet(self.uri)

    def came(self) -> DataFrame:
        return self.read().where(~quoted(WENT))

    def counts(self) -> tuple[int, int]:
        """Rows that came and rows that went."""
        told = self.read().groupBy(WENT).agg(F.count(F.lit(1)).alias("rows")).collect()
        by = {bool(row[WENT]): int(row["rows"]) for row in told}
        return by.get(False, 0), by.get(True, 0)

    def files(self) -> list[tuple[str, int]]:
        """URI and bytes of each Parquet file."""
        system, path = _hadoop(self.spark, self.uri)
        found = [(str(one.getPath().toString()), int(one.getLen())) for one in system.listStatus(path)]
        return sorted((uri, size) for uri, size in found if uri.endswith(".parquet"))

    def manifest(self) -> str:
        """The URI of a list of these files, written beside them in the form that Redshift's COPY reads."""
        entries = [{"url": uri, "mandatory": True, "meta": {"content_length": size}} for uri, size in self.files()]
        system, path = _hadoop(self.spark, f"{self.uri}/{MANIFEST}")
        stream = system.create(path, True)
        stream.write(bytearray(json.dumps({"entries": entries}).encode()))
        stream.close()
        return str(path.toString())

    def local_copies(self) -> Iterator[Path]:
        """Each file on this machine's disk, one after the other: it is gone when the next one is asked for."""
        for uri, _ in self.files():
            system, path = _hadoop(self.spark, uri)
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / path.getName()
                (_, local) = _hadoop(self.spark, copy.as_uri())
                system.copyToLocalFile(False, path, local, True)
                yield copy


@contextmanager
def export(rows: DataFrame, columns: tuple[Column, ...], uri: str) -> Iterator[Export]:
    """Write rows with the ``columns`` and ``WENT`` to a folder; it goes when the rows are loaded, or are not."""
    with options(rows.sparkSession, **OLD_TIMES):
        rows.write.mode("overwrite").parquet(uri)
    try:
        yield Export(rows.sparkSession, uri, (*columns, Column(WENT, "boolean")))
    finally:
        system, path = _hadoop(rows.sparkSession, uri)
        system.delete(path, True)


def _hadoop(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    # The session's own file system: it knows s3://, local paths and the credentials of both.
    path = spark._jvm.org.apache.hadoop.fs.Path(uri)  # type: ignore[union-attr]
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path
