"""Which rows share a data file: neighbours by key, so that a batch of neighbouring keys touches few files.

Files are kept small for a lake: a table that changes all the time pays for every file that holds a changed row, by
reading it or by writing it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from pyspark.sql import DataFrame, SparkSession

from gluehouse.history.session import options
from gluehouse.history.value import own

# About what a data file holds of a batch that fills several.
FILE_BYTES = 32 * 2**20


def clustered(rows: DataFrame, keys: Sequence[str], stored_bytes: int) -> DataFrame:
    """The rows, each partition of them one range of ``keys``, sorted; as they came where they do not fill two files.

    ``stored_bytes``: what they take in storage. Spark reads them twice, the first time a sample of the keys alone.
    """
    files = stored_bytes // FILE_BYTES
    if files < 2:
        return rows
    order = [own(name) for name in keys]
    return rows.repartitionByRange(files, *order).sortWithinPartitions(*order)


def one_file_a_task(spark: SparkSession) -> AbstractContextManager[None]:
    """For files that are written anew: each keeps its range of keys, and small ones become a larger one.

    By itself Spark gives a task up to 128 MB of files in the order of their size, and their ranges would melt into one.
    """
    return options(spark, spark__sql__files__maxPartitionBytes=str(FILE_BYTES))
