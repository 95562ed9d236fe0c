"""What the engine asks of Delta: the version of a table, the batches it knows, and writes under a batch's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

TXN = "spark.databricks.delta.write."


class DeltaLocation:
    """A path that may hold a Delta table."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self.spark, self.path = spark, path.rstrip("/")

    @property
    def identifier(self) -> str:
        return f"delta.`{self.path}`"

    def exists(self) -> bool:
        return bool(self._log().tableExists())

    def version(self) -> int | None:
        """The newest version, None where there is no table."""
        version = int(self._log().update(False, *self._nones(2)).version())
        return version if version >= 0 else None

    def transactions(self) -> dict[str, int]:
        """``txnAppId`` -> newest ``txnVersion`` of the table; empty where there is none."""
        if self.version() is None:
            return {}
        found = self._log().unsafeVolatileSnapshot().transactions()
        return {app: int(version) for app, version in _pairs(found)}

    def properties(self) -> dict[str, str]:
        found = self._log().unsafeVolatileSnapshot().metadata().configuration()
        return dict(_pairs(found))

    def current_files(self) -> int:
        """How many data files hold current rows."""
        files = self._log().unsafeVolatileSnapshot().allFiles()
        return int(files.where("partitionValues.is_current = 'true'").count())

    def _log(self) -> Any:
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
