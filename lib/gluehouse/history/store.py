"""Writing a planned change set to the visible Delta table in one commit, by the cheapest way that fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.clustering import clustered, one_file_a_task
from gluehouse.history.delta import DeltaLocation, as_transaction, conflict_is_loss
from gluehouse.history.file_commit import FileCommit, Touched
from gluehouse.history.layout import Layout
from gluehouse.history.lock import LockPort
from gluehouse.history.session import options, quick
from gluehouse.history.small import PLACE_COLUMN, bytes_to_read, one_row
from gluehouse.history.surrogate import unknown_key
from gluehouse.history.value import taken, type_text, typed

LOCAL_TIMES = "timestampNtz"
ACTION = "__action"
DELETION_VECTORS = "delta.enableDeletionVectors"
# A table with deletion vectors marks rows as gone while they are at most this share of their files.
MARKED_SHARE = 0.3
# Up to this many touched keys are sent to every task, so that the table itself is not shuffled.
BROADCAST_KEYS = 500_000


@dataclass(frozen=True)
class Write:
    """What a commit needs: the table, its layout, the change set's counts, and under which names it is made.

    ``before``: the version that the change set was planned against; ``visible``: its rows, where they are at hand;
    ``few``: the change set is held, so that what is made of it alone needs no compiled code;
    ``unknown``: whether the table gets the unknown member too.
    """

    spark: SparkSession
    table: DeltaLocation
    layout: Layout
    plan: DataFrame
    counts: dict[str, int]
    batch_id: str
    transaction: str
    lock: LockPort
    before: int | None
    visible: DataFrame | None = None
    few: bool = False
    unknown: bool = False

    def check(self) -> None:
        """Raises TableLockLost GH6002 where the lock is gone, or another writer has committed all the same."""
        self.check_version()
        self.lock.check()

    def check_version(self) -> None:
        """Raises TableLockLost GH6002 where the table is not the one planned against."""
        self.table.refuse_unless_at(self.before)


def write_table(write: Write) -> tuple[str, str]:
    """Commit the change set; the strategy's name and why it was chosen."""
    changed = write.counts["updated"] + write.counts["deleted"]
    if write.before is None:
        _append(write)
        return "create", "there was no table"
    if write.layout.widened:
        _replace(write, None)
        return "rewrite", f"a wider type for {', '.join(write.layout.widened)} changes every file"
    if not changed:
        _append(write)
        return "append", "no row of the table changes"
    commit = FileCommit(write.table, write.before)
    if commit.fits():
        return _by_files(write, commit)
    if not write.counts["history"] and not _has_deletion_vectors(write):
        # MERGE reads the touched files twice and shuffles them; this reads all current files once and shuffles nothing.
        current = write.table.partition_values("is_current").count("true")
        if write.counts["files"] * 2 >= current:
            _replace(write, "is_current = true")
            return "replace", f"{write.counts['files']} of {current} files with current rows are touched"
    _merge(write)
    return "merge", f"{changed} rows in {write.counts['files']} files change"


def _by_files(write: Write, commit: FileCommit) -> tuple[str, str]:
    """Mark the rows that go, or write their files anew without them; the new rows beside, all in one commit."""
    # The places are those of the version planned against.
    write.check_version()
    counts = write.counts
    changed = counts["updated"] + counts["deleted"]
    rows = _rows(write)
    fresh = _in_files(write, rows.where(F.col(ACTION) != "delete").drop(ACTION))
    going = write.plan.where(F.col("action").isin("update", "delete")).select("row.place.file", "row.place.row")
    commit.add_columns(_added(write, fresh))
    with quick(write.spark, write.few):
        files = commit.touched(going.select("file"))
    there = sum(file.rows for file in files)
    counted = all(file.rows >= 0 for file in files)
    if _has_deletion_vectors(write) and counted and changed <= there * MARKED_SHARE:
        with quick(write.spark, write.few):
            commit.mark(going, files)
            commit.add(fresh)
        strategy, why = "mark", f"{changed} of {there} rows in {len(files)} files go into deletion vectors"
    else:
        commit.drop(files)
        with one_file_a_task(write.spark):
            commit.add(_staying(write, commit, files, rows).unionByName(fresh))
        strategy, why = "rewrite_files", f"{changed} rows in {len(files)} files change"
    if counted:
        staying = there - changed if strategy == "rewrite_files" else 0
        commit.expect(counts["inserted"] + counts["updated"] + write.unknown + staying, "changed versions")
    commit.tell(counts["inserted"], counts["updated"], counts["deleted"])
    commit.commit(write.check, {write.transaction: 1})
    return strategy, why


def _staying(write: Write, commit: FileCommit, files: list[Touched], rows: DataFrame) -> DataFrame:
    """The rows of the touched files that do not go."""
    if write.visible is not None:
        urls = [file.url for file in files]
        there = write.visible.where(F.col(f"{PLACE_COLUMN}.file").isin(urls))
    else:
        there = commit.read(files)
    identity = [*write.layout.keys.fieldNames(), "effective_from"]
    going = rows.where(F.col(ACTION) != "insert").select(*[F.col(f"`{n}`") for n in identity])
    if write.counts["updated"] + write.counts["deleted"] <= BROADCAST_KEYS:
        going = F.broadcast(going)
    return _in_columns(there.join(going, on=identity, how="left_anti"), rows.drop(ACTION).schema)


def _in_columns(there: DataFrame, schema: T.StructType) -> DataFrame:
    """Rows of the table in its columns and types as they will be."""
    have = {f.name: f.dataType for f in there.schema.fields}
    return there.select(*[taken(f, have) for f in schema.fields])


def switch_on_deletion_vectors(table: DeltaLocation) -> None:
    """Let a table that has none have deletion vectors, once, in a commit of its own. No table: nothing to do yet."""
    if table.version() is not None and table.properties().get(DELETION_VECTORS) != "true":
        table.spark.sql(f"ALTER TABLE {table.identifier} SET TBLPROPERTIES ('{DELETION_VECTORS}' = 'true')")


def allow_local_times(table: DeltaLocation) -> None:
    """Let a table that has none yet have TIMESTAMP_NTZ columns, once, in a commit of its own, which Delta asks for."""
    if table.version() is not None and LOCAL_TIMES not in table.features():
        table.spark.sql(
            f"ALTER TABLE {table.identifier} SET TBLPROPERTIES ('delta.feature.{LOCAL_TIMES}' = 'supported')"
        )


def _has_deletion_vectors(write: Write) -> bool:
    return write.table.properties().get(DELETION_VECTORS, "false") == "true"


def visible_rows(plan: DataFrame, layout: Layout, batch_id: str) -> DataFrame:
    """The change set in the visible table's columns, with its action."""
    now = F.current_timestamp()
    keys = [F.col("key").getField(n).alias(n) for n in layout.keys.fieldNames()]
    payload = [F.col("row.payload").getField(n).alias(n) for n in layout.payload_names]
    surrogate = [F.col("sk").alias(layout.surrogate)] if layout.surrogate else []
    return plan.where(F.col("action").isNotNull()).select(
        *keys,
        *surrogate,
        F.col("at").alias("effective_from"),
        F.col("row.till").alias("effective_to"),
        F.col("row.till").isNull().alias("is_current"),
        *payload,
        F.lit(batch_id).alias("batch_id"),
        now.alias("loaded_at"),
        F.col("action").alias(ACTION),
    )


def change_schema(layout: Layout) -> T.StructType:
    """The columns of versions that change, as ``ChangeSet.versions`` answers them."""
    surrogate = [T.StructField(layout.surrogate, layout.sk_type)] if layout.surrogate else []
    times = [T.StructField(name, layout.at) for name in ("effective_from", "effective_to")]
    payload = [field for field in layout.payload.fields if field.name in layout.payload_names]
    current, action = T.StructField("is_current", T.BooleanType()), T.StructField("action", T.StringType())
    return T.StructType([*layout.keys.fields, *surrogate, *times, current, *payload, action])


def _rows(write: Write) -> DataFrame:
    """What the commit changes, in the visible table's columns, with its action."""
    rows = visible_rows(write.plan, write.layout, write.batch_id)
    return rows.unionByName(_unknown_member(write, rows.schema)) if write.unknown else rows


def _unknown_member(write: Write, kind: T.StructType) -> DataFrame:
    """The row for facts without a version: current, without key, time or value."""
    surrogate = write.layout.surrogate
    assert surrogate is not None
    given = {
        surrogate: unknown_key(kind[surrogate].dataType),
        "is_current": F.lit(True),
        "batch_id": F.lit(write.batch_id),
        "loaded_at": F.current_timestamp(),
        ACTION: F.lit("insert"),
    }
    return one_row(write.spark, *[typed(given.get(f.name, F.lit(None)), f.dataType).alias(f.name) for f in kind.fields])


def _in_files(write: Write, rows: DataFrame) -> DataFrame:
    """New rows of the table as they will lie in its files."""
    return rows if write.few else clustered(rows, write.layout.keys.fieldNames(), bytes_to_read(write.plan))


def _append(write: Write) -> None:
    rows = _in_files(write, _rows(write).drop(ACTION))
    commit = FileCommit(write.table, write.before)
    if write.before is None:
        wanted = {DELETION_VECTORS: "true"} if write.layout.spec.deletion_vectors else {}
        commit.create(rows, ["is_current"], wanted)
    elif commit.fits():
        commit.add_columns(_added(write, rows))
    else:
        _append_by_writer(write, rows)
        return
    commit.add(rows)
    commit.expect(write.counts["inserted"] + write.unknown, "new versions")
    commit.tell(write.counts["inserted"], 0, 0)
    commit.commit(write.check, {write.transaction: 1})


def _append_by_writer(write: Write, rows: DataFrame) -> None:
    writer = rows.write.format("delta").mode("append")
    if write.layout.added:
        writer = writer.option("mergeSchema", "true")
    write.check()
    _save(writer, write)


def _added(write: Write, rows: DataFrame) -> DataFrame:
    """The rows' columns that the table does not have yet."""
    return rows.select(*[F.col(f"`{name}`") for name in rows.columns if name in write.layout.added])


def _merge(write: Write) -> None:
    rows = _rows(write)
    if write.layout.added:
        write = _with_columns(write, [field for field in rows.schema.fields if field.name in write.layout.added])
    names = write.layout.visible_columns()
    identity = [*write.layout.keys.fieldNames(), "effective_from"]
    on = [f"t.`{n}` = s.`{n}`" for n in identity]
    if not write.counts["history"]:
        # Only the target's own conjuncts in ON prune files: nothing closed changes, so closed files stay unread.
        on.insert(0, "t.is_current = true")
    # A name of its own: another thread may be merging into another table in this session.
    view = f"gluehouse_history_changes_{uuid4().hex}"
    rows.createOrReplaceTempView(view)
    statement = (
        f"MERGE INTO {write.table.identifier} t USING {view} s ON {' AND '.join(on)} "
        f"WHEN MATCHED AND s.{ACTION} = 'delete' THEN DELETE "
        f"WHEN MATCHED THEN UPDATE SET {', '.join(f't.`{n}` = s.`{n}`' for n in names)} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(f'`{n}`' for n in names)}) "
        f"VALUES ({', '.join(f's.`{n}`' for n in names)})"
    )
    write.check()
    try:
        with (
            conflict_is_loss(),
            as_transaction(write.spark, write.transaction, 1),
            options(write.spark, **{"spark.databricks.delta.merge.materializeSource": "none"}),
        ):
            write.spark.sql(statement)
    finally:
        write.spark.catalog.dropTempView(view)


def _with_columns(write: Write, fields: list[T.StructField]) -> Write:
    """Add columns in a commit of their own, as Delta 3.3's MERGE cannot; NULL in every row, they change nothing yet."""
    write.check()
    told = ", ".join(f"`{f.name}` {type_text(f.dataType)}" for f in fields)
    write.spark.sql(f"ALTER TABLE {write.table.identifier} ADD COLUMNS ({told})")
    return replace(write, before=write.table.version())


def _replace(write: Write, where: str | None) -> None:
    """The rows that stay and the changed ones, in one overwriting commit of all rows, or of those ``where``."""
    layout = write.layout
    rows = _rows(write)
    identity = [*layout.keys.fieldNames(), "effective_from"]
    there = write.visible
    if there is None:
        there = write.spark.read.format("delta").load(write.table.path)
    if where:
        there = there.where(where)
    staying = _in_columns(there, rows.drop(ACTION).schema)
    gone = rows.where(F.col(ACTION) != "insert").select(*[F.col(f"`{n}`") for n in identity])
    fresh = rows.where(F.col(ACTION) != "delete").drop(ACTION)
    if write.counts["updated"] + write.counts["deleted"] <= BROADCAST_KEYS:
        gone = F.broadcast(gone)
    whole = (
        staying.join(gone, on=identity, how="left_anti")
        .select(*[F.col(f"`{n}`") for n in fresh.columns])
        .unionByName(fresh)
    )
    commit = FileCommit(write.table, write.before)
    if where is None and commit.fits():
        commit.replace_all(whole)
        commit.add(whole)
        commit.tell(write.counts["inserted"], write.counts["updated"], write.counts["deleted"])
        commit.commit(write.check, {write.transaction: 1})
        return
    writer = whole.write.format("delta").mode("overwrite").partitionBy("is_current")
    if where:
        writer = writer.option("replaceWhere", where)
        if layout.added:
            writer = writer.option("mergeSchema", "true")
    else:
        writer = writer.option("overwriteSchema", "true")
    write.check()
    # A version that closes leaves the replaced partition for the other one in the same commit.
    with options(write.spark, **{"spark.databricks.delta.replaceWhere.constraintCheck.enabled": "false"}):
        _save(writer, write)


def _save(writer: Any, write: Write) -> None:
    with conflict_is_loss():
        writer.option("txnAppId", write.transaction).option("txnVersion", "1").save(write.table.path)
