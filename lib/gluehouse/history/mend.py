"""A repair of a Delta table: what leaves it goes to ``<table>__repaired`` first, then it gets one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import HistoryRefused, TableLockLost, Unexpected
from gluehouse.history.check import violations
from gluehouse.history.delta import DeltaLocation, as_transaction
from gluehouse.history.gaps import NO_DELETE, Deletes
from gluehouse.history.lock import LockPort
from gluehouse.history.memory import SUFFIX as MEMORY
from gluehouse.history.repair import (
    CHANGED,
    MENDED,
    MOVED,
    UNCOVERED,
    is_touched,
    moved_rows,
    plan_repair,
    repaired_rows,
)
from gluehouse.history.small import SMALL_BYTES
from gluehouse.history.value import typed
from gluehouse.history.versions import VersionColumns, key_struct

SUFFIX = "__repaired"
# What may be done to a table whose memory knows its versions: nothing of this changes what a version says.
HARMLESS = frozenset({"exact_copy", "current_flag"})
_ACTION = "__action"


@dataclass(frozen=True)
class RepairReport:
    """What a repair does, or did. ``changes`` and ``moved``: kind -> versions; ``remaining``: invariant -> violations
    that it cannot mend; ``version_after``: None where nothing was written, ``repaired``: where moved rows are."""

    version_before: int
    changes: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    uncovered: int = 0
    remaining: dict[str, int] = field(default_factory=dict)
    version_after: int | None = None
    repaired: str | None = None

    @property
    def is_needed(self) -> bool:
        return bool(self.changes or self.moved)


class Repair:
    """One repair of the table at ``location``, planned against the version it has now. Free it by ``close``.

    Raises ConfigError GH1470 (the columns do not fit).
    """

    def __init__(
        self,
        spark: SparkSession,
        location: str,
        columns: VersionColumns,
        merge_equal: bool = False,
        tracked: Sequence[str] | None = None,
        deletes: Deletes = NO_DELETE,
    ) -> None:
        self.spark, self.columns = spark, columns
        self.table = DeltaLocation(spark, location)
        self.state = self.table.state()
        self.version = self.state.version or 0
        visible = spark.read.format("delta").option("versionAsOf", self.version).load(self.table.path)
        self.schema = visible.schema
        key = key_struct(columns.keys).alias("key")
        if merge_equal or self.state.size <= SMALL_BYTES:
            broken, whole = None, visible.where(F.lit(False))
        else:
            # Only the keys that break something are read whole; what the rules ask of the others is narrow.
            found = violations(visible, columns).where(F.col("invariant").isin(*MENDED))
            broken = found.select("key").distinct().persist()
            keyed = visible.select(F.struct("*").alias("row"), key)
            whole = keyed.join(broken, on="key", how="left_anti").select("row.*")
            visible = keyed.join(broken, on="key", how="left_semi").select("row.*")
        self.plan = plan_repair(visible, columns, merge_equal, tracked).persist()
        self._persisted = [self.plan, *([broken] if broken is not None else [])]
        self.report = self._counted(whole, deletes)

    def close(self) -> None:
        for frame in self._persisted:
            frame.unpersist()

    def touched(self) -> DataFrame:
        """The plan's rows that are moved out or changed, or behind which something is uncovered."""
        return self.plan.where(is_touched() | F.col(UNCOVERED))

    def write(self, lock: LockPort) -> RepairReport:
        """Commit it, once, as the Delta transaction ``gluehouse/repair/<version it was planned against>``.

        The moved rows are appended to ``<table>__repaired`` before; those of a repair that died before its commit
        are replaced. Raises HistoryRefused GH4201 (the table's memory would disagree), Unexpected GH8020 (the result
        would break what a repair mends), TableLockLost GH6002 (the lock is gone, or the table has changed).
        """
        if not self.report.is_needed:
            return self.report
        self._refuse_if_live()
        self._check(lock)
        repaired = self._set_aside() if self.report.moved else None
        self._check(lock)
        self._commit()
        return replace(self.report, version_after=self.table.version(), repaired=repaired)

    def _counted(self, whole: DataFrame, deletes: Deletes) -> RepairReport:
        """``whole``: the rows beside the plan's. Raises Unexpected GH8020 where a repair would not mend them."""
        counts = {
            **{f"m.{kind}": F.col("moved") == kind for kind in MOVED},
            **{f"c.{kind}": F.array_contains("changes", kind) for kind in CHANGED},
            UNCOVERED: F.col(UNCOVERED),
        }
        found = self.plan.agg(*[F.count(F.when(rule, 1)).alias(name) for name, rule in counts.items()]).collect()[0]
        after = repaired_rows(self.plan, self.schema, self.columns).unionByName(whole)
        left = violations(after, self.columns, deletes)
        remaining = {row["invariant"]: row["count"] for row in left.groupBy("invariant").count().collect()}
        broken = sorted(set(remaining) & set(MENDED))
        if broken:
            raise Unexpected(
                "GH8020",
                f"after the repair the table would still break {', '.join(broken)}. Nothing was written.",
                "Please report it, with the versions of one such key; `gluehouse history of` prints them.",
            )
        return RepairReport(
            version_before=self.version,
            changes={kind: found[f"c.{kind}"] for kind in CHANGED if found[f"c.{kind}"]},
            moved={kind: found[f"m.{kind}"] for kind in MOVED if found[f"m.{kind}"]},
            uncovered=found[UNCOVERED],
            remaining=remaining,
        )

    def _refuse_if_live(self) -> None:
        doubtful = sorted({*self.report.changes, *self.report.moved} - HARMLESS)
        batches = [app for app in self.state.transactions if app.startswith("gluehouse/") and "/repair/" not in app]
        has_memory = DeltaLocation(self.spark, self.table.path + MEMORY).version() is not None
        if doubtful and (batches or has_memory):
            raise HistoryRefused(
                "GH4201",
                f"Gluehouse keeps this table's history, and its memory would not agree with {', '.join(doubtful)}.",
                "Something else has written the table. If no batch came since, restore the version before that "
                "(RESTORE TABLE); else build it again from its batches. Only copies and current flags are mended.",
            )

    def _check(self, lock: LockPort) -> None:
        lock.check()
        now = self.table.version()
        if now != self.version:
            raise TableLockLost(
                "GH6002",
                f"the table is at version {now}; this repair was planned against version {self.version}.",
                "run the repair again, and let no other writer write the table meanwhile.",
            )

    def _name(self, version: int) -> str:
        return f"gluehouse/repair/{version}"

    def _set_aside(self) -> str:
        path = self.table.path + SUFFIX
        table_id = self.table.table_id()
        rows = moved_rows(self.plan).select(
            F.lit(table_id).alias("table_id"),
            F.lit(self.version).cast("bigint").alias("table_version"),
            "rule",
            "reason",
            F.current_timestamp().alias("moved_at"),
            "row",
        )
        aside = DeltaLocation(self.spark, path)
        writer = rows.write.format("delta").option("mergeSchema", "true")
        if aside.version() is None:
            writer.mode("append").save(path)
        else:
            mine = self.spark.read.format("delta").load(path).where(F.col("table_id") == table_id)
            there = mine.select("table_version").distinct().collect()
            undone = [row[0] for row in there if self._name(row[0]) not in self.state.transactions]
            stale = ", ".join(str(version) for version in sorted({*undone, self.version}))
            where = f"table_id = '{table_id}' AND table_version IN ({stale})"
            writer.mode("overwrite").option("replaceWhere", where).save(path)
        return path

    def _commit(self) -> None:
        """Every version of the touched keys is replaced in one MERGE: matching rows of a key go, its good ones come."""
        names = self.schema.fieldNames()
        keys = self.columns.keys
        touched = self.plan.where(is_touched()).select("key").distinct()
        good = self.plan.join(touched, on="key", how="left_semi")
        coming = repaired_rows(good, self.schema, self.columns).withColumn(_ACTION, F.lit("insert"))
        going = touched.select(
            *[
                (F.col("key").getField(n) if n in keys else typed(F.lit(None), self.schema[n].dataType)).alias(n)
                for n in names
            ],
            F.lit("delete").alias(_ACTION),
        )
        view = f"gluehouse_history_repair_{uuid4().hex}"
        coming.unionByName(going).createOrReplaceTempView(view)
        on = " AND ".join(f"t.`{n}` <=> s.`{n}`" for n in keys)
        statement = (
            f"MERGE INTO {self.table.identifier} t USING {view} s ON s.{_ACTION} = 'delete' AND {on} "
            f"WHEN MATCHED THEN DELETE "
            f"WHEN NOT MATCHED AND s.{_ACTION} = 'insert' THEN INSERT ({', '.join(f'`{n}`' for n in names)}) "
            f"VALUES ({', '.join(f's.`{n}`' for n in names)})"
        )
        try:
            with as_transaction(self.spark, self._name(self.version), 1):
                self.spark.sql(statement)
        finally:
            self.spark.catalog.dropTempView(view)
