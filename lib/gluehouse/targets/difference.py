"""What a warehouse that shows one version of a Delta table must take away and add to show a later one.

Only files that one of the versions has and the other has not are read, or that have other deletion vectors: the cost
follows what changed. Rows that such files have in common cancel out, so that a compaction is no difference.
"""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.history.delta import DeltaLocation
from gluehouse.history.session import java_class
from gluehouse.targets.columns import WENT, Column, exported

_WEIGHT = f"{WENT}_weight"


def whole(table: DeltaLocation, columns: tuple[Column, ...]) -> DataFrame:
    """All rows of the version that was looked at last, as rows that come."""
    frame = table.spark.read.format("delta").option("versionAsOf", int(table.snapshot.version())).load(table.path)
    return frame.select(*exported(frame, columns), F.lit(False).alias(WENT))


def difference(table: DeltaLocation, since: int, columns: tuple[Column, ...]) -> DataFrame | None:
    """The rows that went and came between version ``since`` and the one that was looked at last; the ``columns`` are
    those of the latter. None where the earlier version cannot be read any more: cleaned from the log, or vacuumed."""
    try:
        earlier = table.snapshot_at(since)
    except Py4JJavaError:
        # Whatever hides it: the whole table is right in any case.
        return None
    gone, new = _files(table, earlier, table.snapshot), _files(table, table.snapshot, earlier)
    if not all(_is_there(table, entry) for entry in gone):
        return None
    went, came = table.frame_of(table.seq(gone), earlier), table.frame_of(table.seq(new))
    weighed = went.select(*exported(went, columns), F.lit(-1).alias(_WEIGHT)).unionByName(
        came.select(*exported(came, columns), F.lit(1).alias(_WEIGHT))
    )
    names = [F.col(f"`{column.name}`") for column in columns]
    netted = weighed.groupBy(*names).agg(F.sum(_WEIGHT).alias(_WEIGHT)).where(F.col(_WEIGHT) != 0)
    times = F.explode(F.array_repeat(F.lit(True), F.abs(F.col(_WEIGHT)).cast("int")))
    return netted.select(*names, (F.col(_WEIGHT) < 0).alias(WENT), times.alias("_")).drop("_")


def _files(table: DeltaLocation, of: Any, without: Any) -> list[Any]:
    """Delta's entries of the files that one snapshot has and the other has not, or with other deletion vectors."""
    identity = [F.col("path"), F.col("deletionVector.storageType"), F.col("deletionVector.pathOrInlineDv")]
    identity.append(F.col("deletionVector.offset"))
    have, other = (DataFrame(one.allFiles().toDF(), table.spark).select(*identity) for one in (of, without))
    paths = [row["path"] for row in have.subtract(other).collect()]
    if not paths:
        return []
    quoted = ", ".join("'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'" for path in paths)
    return list(of.allFiles().where(f"path IN ({quoted})").collectAsList())


def _is_there(table: DeltaLocation, entry: Any) -> bool:
    """Whether a data file and its deletion vector still lie where the log says: VACUUM takes them, the log stays."""
    place = java_class(table.spark, "org.apache.spark.sql.delta.util.DeltaFileOperations")
    home = table.log.dataPath()
    paths = [place.absolutePath(str(home.toString()), entry.path())]
    marks = entry.deletionVector()
    if marks is not None and marks.isOnDisk():
        paths.append(marks.absolutePath(home))
    settings = table.spark._jsc.hadoopConfiguration()
    return all(bool(path.getFileSystem(settings).exists(path)) for path in paths)
