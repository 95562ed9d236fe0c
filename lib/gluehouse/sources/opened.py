"""An object as Spark reads it, and what readers of several formats need to get there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import InputError
from gluehouse.frames.parse import MALFORMED
from gluehouse.frames.rules import quoted
from gluehouse.spec.delivered import Delivered

LINE = "value"
# Hadoop's own codec for zstd wants a native library. This one is Java, and comes with Spark as a part of ORC's reader.
_CODECS = {"io.compression.codecs": "io.airlift.compress.zstd.ZstdCodec"}


@dataclass(frozen=True)
class Opened:
    """``frame`` has the columns of ``columns`` that a contract names, under their delivered names, and ``_malformed``
    (string: a record that has not the format's shape, else NULL); ``columns`` also has those nobody agreed on."""

    frame: DataFrame
    columns: Delivered


def text_reader(spark: SparkSession) -> DataFrameReader:
    """A reader of text in any packing that ``spec.codec`` knows; Spark has the others by itself."""
    return spark.read.options(**_CODECS)


def read_lines(spark: SparkSession, uri: str, encoding: str = "UTF-8") -> DataFrame:
    """The lines that are not empty: ``value`` (string). A byte order mark is left out."""
    lines = text_reader(spark).text(as_path(uri))
    if encoding != "UTF-8":
        lines = lines.select(F.decode(F.col(LINE).cast("binary"), encoding).alias(LINE))
    return lines.where(F.col(LINE) != "")


def holds_lost_bytes(text: SparkColumn) -> SparkColumn:
    """Whether a text that Spark took from a file as it was has bytes that are no UTF-8.

    Java's regular expressions read such bytes as U+FFFD, and put in its place what is U+FFFD from then on.
    """
    return F.regexp_replace(text, "\ufffd", "\ufffd") != text


def without_losses(frame: DataFrame, names: Sequence[str], lost: Sequence[SparkColumn]) -> DataFrame:
    """A record is malformed where one of ``lost`` holds: bytes are no text in the agreed encoding, for which Spark puts
    U+FFFD and says nothing, or its line does not end as others do. It is told by its columns ``names``."""
    if not lost:
        return frame
    found = F.coalesce(*(F.when(one, True) for one in lost))
    told = F.when(found, F.to_json(F.struct(*(quoted(name) for name in names))))
    return frame.withColumn(MALFORMED, F.coalesce(quoted(MALFORMED), told))


def times(text: str, within: SparkColumn) -> SparkColumn:
    """How often a text that cannot overlap with itself stands within another one."""
    left = F.replace(within, F.lit(text), F.lit(""))
    return (F.octet_length(within) - F.octet_length(left)) / len(text.encode())


def several(cells: Iterable[SparkColumn]) -> SparkColumn:
    """Whether more than one is not NULL: of a column that comes under two of its names nobody can say what is meant."""
    return sum((cell.isNotNull().cast("int") for cell in cells), F.lit(0)) > 1


def as_path(uri: str) -> str:
    """The URI as a path for Spark's readers, which take some characters for a pattern and skip hidden files."""
    if uri.rpartition("/")[2].startswith(("_", ".")):
        raise InputError(
            "GH2013",
            f"the name of {uri} begins with _ or a dot: Spark takes such objects for hidden and reads nothing.",
            "Deliver it under another name.",
        )
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", uri)


def outermost(spark: SparkSession, uri: str, head: int, tail: int) -> tuple[int, bytes, bytes]:
    """The size of an object and its first and last bytes, by Hadoop's file system as Spark's readers have it."""
    hadoop = spark._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]
    path = hadoop.Path(uri)
    files = path.getFileSystem(spark._jsc.hadoopConfiguration())
    size = int(files.getFileStatus(path).getLen())
    stream = files.open(path)
    try:
        first = _bytes(spark, stream, 0, min(head, size))
        return size, first, _bytes(spark, stream, max(size - tail, 0), min(tail, size))
    finally:
        stream.close()


def _bytes(spark: SparkSession, stream: Any, start: int, length: int) -> bytes:
    stream.seek(start)
    # An array that Java answers comes over as bytes; one that Python makes stays there.
    return bytes(spark._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, length))  # type: ignore[union-attr]
