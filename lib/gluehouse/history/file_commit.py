"""One Delta commit put together from files: rows leave by their place, and the new ones come in one small file.

The plan knows of each row that changes where it lies: its file and its position there (``place``). So nothing has to be
matched again, as a MERGE would by reading the table twice more and shuffling it: a row that goes is marked in its
file's deletion vector, or its file is written anew without it; the new rows are appended; all of it is one commit.

Delta's API has no such write, so this calls the classes behind its DELETE (``DeletionVectorBitmapGenerator``) and its
writers (``OptimisticTransaction.writeFiles``, ``commit``), which versions 3.3.2 and 4.2.0 have alike (ADR 15).
``fits`` says whether a table is plain enough.

The files are written first. Then the lock is asked, and nothing but Delta's own commit comes after it, which refuses
whatever another writer has committed since the version that the plan saw.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import QualityError
from gluehouse.history.delta import DeltaLocation, conflict_is_loss, other_version
from gluehouse.history.session import PYTHON_UTILS, java_class, options

SQL, DELTA = "org.apache.spark.sql.", "org.apache.spark.sql.delta."
# What a table may have switched on without a change needing more than files taken away and files added.
_PLAIN_FEATURES = {"deletionVectors", "appendOnly", "invariants", "checkConstraints", "timestampNtz", "v2Checkpoint"}
# Without this, rows of two partitions are sorted before they are written.
_WRITING = {"spark.sql.maxConcurrentOutputFileWriters": "4"}


@dataclass(frozen=True)
class Touched:
    """A data file that holds rows which change: Delta's entry of it, its URL, how many rows it has and how many go."""

    entry: Any
    url: str
    rows: int
    going: int


class FileCommit:
    """The next commit of a table, on top of version ``before`` (None: there is no table), which was looked at last.

    Raises TableLockLost GH6002 where the table is at another one by now.
    """

    def __init__(self, table: DeltaLocation, before: int | None) -> None:
        self.table, self.spark, self.before = table, table.spark, before
        self._actions: list[Any] = []
        self._told = (0, 0, 0)
        self.added: list[Any] = []

    @cached_property
    def _transaction(self) -> Any:
        option, snapshot = self._class("scala.Option"), self.table.snapshot
        seen = int(snapshot.version())
        if seen != (-1 if self.before is None else self.before):
            raise other_version(seen, self.before)
        began = self.table.log.startTransaction(option.empty(), option.apply(snapshot))
        # Whatever another writer commits meanwhile is then a conflict, also a plain append.
        began.readWholeTable()
        return began

    def fits(self) -> bool:
        """Whether the table has nothing switched on that such a commit would have to keep up too."""
        protocol = self.table.snapshot.protocol()
        properties = self.table.properties()
        return (
            self.table.features() <= _PLAIN_FEATURES
            and int(protocol.minReaderVersion()) in (1, 3)
            and int(protocol.minWriterVersion()) in (2, 7)
            and properties.get("delta.enableChangeDataFeed", "false") != "true"
            and properties.get("delta.columnMapping.mode", "none") == "none"
        )

    def create(self, rows: DataFrame, partition_by: Sequence[str], properties: dict[str, str] | None = None) -> None:
        """Make the table, with the columns of ``rows``; before anything is written."""
        was = self._transaction.metadata()
        told = self._scala_map(properties or {})
        self._transaction.updateMetadata(
            _described(was, self._schema(rows), self.table.seq(list(partition_by)), told), False
        )

    def add_columns(self, rows: DataFrame) -> None:
        """Give the table the columns and nested fields that only ``rows`` has, at the end; before anything is
        written."""
        was = self._transaction.metadata()
        have = json.loads(str(was.schemaString()))
        now = _with_fields(have, self._schema(rows))
        if now != have:
            self._transaction.updateMetadata(_described(was, now), False)

    def replace_all(self, rows: DataFrame) -> None:
        """Take all files away, and give the table the columns of ``rows``; before anything is written."""
        self.remove(self.table.every_file())
        was, now = self._transaction.metadata(), self._schema(rows)
        if now != json.loads(str(was.schemaString())):
            self._transaction.updateMetadataForTableOverwrite(_described(was, now))

    def touched(self, places: DataFrame) -> list[Touched]:
        """``places``: the file (URL) of each row that goes. The files, with what Delta knows of each."""
        going = {row["file"]: int(row["count"]) for row in places.groupBy("file").count().collect()}
        entries = {self._url(entry): entry for entry in self.table.files({url.rpartition("/")[2] for url in going})}
        return [Touched(entries[url], url, rows_of(entries[url]), count) for url, count in sorted(going.items())]

    def mark(self, places: DataFrame, files: list[Touched]) -> None:
        """Mark rows as gone in their files' deletion vectors; a file of which none is left goes as a whole.

        ``places``: file (URL) and row (its position there) of each.
        """
        none_is_left = [file for file in files if file.rows == file.going]
        self.drop(none_is_left)
        files = [file for file in files if file.rows != file.going]
        if not files:
            return
        some = self._class("scala.Option").apply
        entries = {file.url: file.entry for file in files}
        generator = self._class(DELTA + "commands.DeletionVectorBitmapGenerator")
        found = generator.buildRowIndexSetsForFilesMatchingCondition(
            self.spark._jsparkSession,
            self._transaction,
            any(file.entry.deletionVector() is not None for file in files),
            places.where(F.col("file").isin(*entries))._jdf,
            self.table.seq(list(entries.values())),
            self._class(SQL + "catalyst.expressions.Literal").TrueLiteral(),
            some(F.col("file")._jc),
            some(F.col("row")._jc),
        )
        for at in range(int(found.size())):
            one = found.apply(at)
            changed = entries[str(one.filePath())].removeRows(one.deletionVector(), True, True)
            self._actions += [changed._1(), changed._2()]

    def drop(self, files: list[Touched]) -> None:
        """Take files away as a whole."""
        self.remove([file.entry for file in files])

    def remove(self, entries: Sequence[Any]) -> None:
        """The same by Delta's entries of the files."""
        self._actions += [entry.remove() for entry in entries]

    def read(self, files: list[Touched]) -> DataFrame:
        """All rows of some files, with ``_metadata``."""
        return self.table.frame_of(self.table.seq([file.entry for file in files]))

    def add(self, rows: DataFrame, tags: Mapping[str, str] | None = None) -> None:
        """Write rows, in the table's columns, to new files. ``tags``: what the table's log shall say of each file for
        as long as it is there, through checkpoints too; a rewritten file has none of them."""
        with options(self.spark, **_WRITING):
            written = self._transaction.writeFiles(rows._jdf)
        added = [written.apply(at) for at in range(int(written.size()))]
        if tags:
            added = [entry.copyWithTags(self._scala_map(dict(tags))) for entry in added]
        self._actions += added
        self.added += added
        self._told = (sum(rows_of(entry) for entry in added), 0, 0)

    def expect(self, rows: int, where: str) -> None:
        """Hold the rows that Delta counted in the files written against those that there should be. No job is run; of
        a table whose statistics are switched off nothing is told. Raises QualityError GH3002."""
        counted = self.rows_added()
        if counted is not None and counted != rows:
            raise QualityError(
                "GH3002",
                f"found {counted} rows in the files written for {where}, expected {rows}. Nothing was committed.",
                "Run the batch again; where that fails too, report a defect with the run's log.",
            )

    def rows_added(self) -> int | None:
        """The rows of the files written, as Delta counted them; None where its statistics are switched off."""
        return total_rows(self.added)

    def partitioned_by(self) -> set[str]:
        """The partition columns that the table will have."""
        columns = self._transaction.metadata().partitionColumns()
        return {str(columns.apply(at)) for at in range(int(columns.size()))}

    def files_added(self) -> list[str]:
        """The paths of the files written."""
        place = self._class(DELTA + "util.DeltaFileOperations")
        return [str(place.absolutePath(str(self.table.log.dataPath().toString()), one.path())) for one in self.added]

    def tell(self, inserted: int, updated: int, deleted: int) -> None:
        """The numbers that ``DESCRIBE HISTORY`` shows, where they are not just the rows written."""
        self._told = inserted, updated, deleted

    def commit(
        self,
        check: Callable[[], None],
        transactions: Mapping[str, int] | None = None,
        mode: str | None = None,
    ) -> None:
        """Commit all of it, as the Delta transactions of those names and numbers; ``check`` speaks immediately before.
        ``mode``: Append or Overwrite, where the table's log shall tell of a write; else it tells of a MERGE.

        Raises TableLockLost GH6002 where another writer committed since ``before``.
        """
        option, nothing = self._class("scala.Option"), self.table.seq([])
        if mode is None:
            told = self._class(DELTA + "DeltaOperations$Merge")(*[option.empty()] * 4, nothing, nothing, nothing)
        else:
            write = self._class(DELTA + "DeltaOperations$Write")
            # Behind the mode stand options that nobody needs here: three in Delta 3.3, six in 4.2.
            others = write._java_lang_class.getConstructors()[0].getParameterCount() - 1
            told = write(self._class(SQL + "SaveMode").valueOf(mode), *[option.empty()] * others)
        now, named = option.apply(int(time.time() * 1000)), self._class(DELTA + "actions.SetTransaction")
        told_of = [named(name, number, now) for name, number in (transactions or {}).items()]
        sequence = self.table.seq([*self._actions, *told_of])
        self._transaction.registerSQLMetrics(self.spark._jsparkSession, self._metrics())
        check()
        with conflict_is_loss():
            self._transaction.commit(sequence, told)

    def _schema(self, rows: DataFrame) -> dict[str, Any]:
        """A frame's schema as Delta writes it down: nothing is required, nor told by another Delta table."""
        plain = self._class(DELTA + "DeltaColumnMapping").dropColumnMappingMetadata(rows._jdf.schema().asNullable())
        found: dict[str, Any] = json.loads(str(plain.json()))
        return found

    def _metrics(self) -> Any:
        """The numbers under the names that Delta's MERGE has for them; Delta 4 refuses a MERGE without."""
        inserted, updated, deleted = self._told
        told = {
            "numTargetRowsInserted": inserted,
            "numTargetRowsUpdated": updated,
            "numTargetRowsDeleted": deleted,
            "numTargetRowsCopied": 0,
            # Delta 4 counts the source's rows under this name.
            "operationNumSourceRows": inserted + updated + deleted,
            "numSourceRows": inserted + updated + deleted,
        }
        context, metrics = self.spark.sparkContext._jsc.sc(), self._class(SQL + "execution.metric.SQLMetrics")
        made = {name: metrics.createMetric(context, name) for name in told}
        for name, metric in made.items():
            metric.set(told[name])
        return self._scala_map(made)

    def _scala_map(self, values: dict[str, Any]) -> Any:
        made = self._class("java.util.HashMap")()
        for name, value in values.items():
            made.put(name, value)
        return self._class(PYTHON_UTILS).toScalaMap(made)

    def _class(self, name: str) -> Any:
        return java_class(self.spark, name)

    def _url(self, entry: Any) -> str:
        """A file's URL as Spark's ``_metadata.file_path`` gives it."""
        path = self._class(DELTA + "util.DeltaFileOperations").absolutePath(
            str(self.table.log.dataPath().toString()), entry.path()
        )
        return str(self._class("org.apache.spark.paths.SparkPath").fromPath(path).urlEncoded())


def rows_of(entry: Any) -> int:
    """How many rows of a file are still there; -1 where Delta has not counted them."""
    told = entry.numLogicalRecords()
    return int(told.get()) if told.isDefined() else -1


def total_rows(entries: Sequence[Any]) -> int | None:
    """How many rows of some files are still there; None where Delta has not counted those of each."""
    counted = [rows_of(entry) for entry in entries]
    return sum(counted) if all(one >= 0 for one in counted) else None


def _described(was: Any, schema: dict[str, Any], partition_by: Any = None, properties: Any = None) -> Any:
    """Delta's description of a table with another schema."""
    return was.copy(
        was.id(),
        was.name(),
        was.description(),
        was.format(),
        json.dumps(schema),
        was.partitionColumns() if partition_by is None else partition_by,
        was.configuration() if properties is None else properties,
        was.createdTime(),
    )


def _with_fields(have: Any, want: Any) -> Any:
    """A type as Delta writes it down, with the fields that only ``want`` has, at the ends of its structs.

    >>> one = {"type": "struct", "fields": [{"name": "a", "type": "long"}]}
    >>> two = {"type": "struct", "fields": [{"name": "b", "type": "date"}, {"name": "A", "type": "long"}]}
    >>> [field["name"] for field in _with_fields(one, two)["fields"]]
    ['a', 'b']
    """
    if not isinstance(have, dict) or not isinstance(want, dict) or have["type"] != want["type"]:
        return have
    if have["type"] != "struct":
        parts = {"array": ("elementType",), "map": ("keyType", "valueType")}.get(have["type"], ())
        return {**have, **{part: _with_fields(have[part], want[part]) for part in parts}}
    mine = {field["name"].lower() for field in have["fields"]}
    theirs = {field["name"].lower(): field for field in want["fields"]}
    kept = [
        {**field, "type": _with_fields(field["type"], theirs.get(field["name"].lower(), field)["type"])}
        for field in have["fields"]
    ]
    return {**have, "fields": [*kept, *[field for name, field in theirs.items() if name not in mine]]}
