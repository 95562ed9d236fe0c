"""Formats whose files tell columns and types, and pack themselves whatever their name is: Parquet, ORC and Avro."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.frames.parse import MALFORMED
from gluehouse.frames.rules import quoted
from gluehouse.sources.opened import Opened, as_path, outermost, without_losses
from gluehouse.spec.contract import Column
from gluehouse.spec.formats.avro import refuse_cut_off
from gluehouse.spec.source import FileSource

# Each is for one of the readers; the others do not know it.
_OPTIONS = {
    # Parquet pages that were written with checksums are held against them.
    "parquet.page.verify-checksum.enabled": "true",
    # Of a file that does not name its calendar, as Spark's own and newer ones of Java's ORC do, dates long ago are in
    # the one that everybody has today. Spark would end the run at them, or take those of ORC for others.
    "datetimeRebaseMode": "CORRECTED",
    "int96RebaseMode": "CORRECTED",
    "orc.proleptic.gregorian.default": "true",
}

# A schema of thousands of columns still fits.
_AVRO_HEADER_BYTES = 1024 * 1024


def read_typed(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    frame = spark.read.format(source.format).options(**_OPTIONS).load(as_path(uri))
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    frame = frame.withColumn(MALFORMED, F.lit(None).cast("string"))
    known = [name for column in columns for name in column.names if name in types]
    texts = {name for column in columns if column.type == "string" for name in column.names}
    lost = [~_is_text(quoted(name)) for name in known if name in texts and types[name] == "binary"]
    return Opened(without_losses(frame, known, lost), types)


def _is_text(value: SparkColumn) -> SparkColumn:
    """Whether bytes are UTF-8; a cast to text would pass others on as they are."""
    return F.encode(F.decode(value, "UTF-8"), "UTF-8") == value


def read_avro(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    refuse_cut_off(uri, *outermost(spark, uri, head=_AVRO_HEADER_BYTES, tail=8))
    return read_typed(spark, uri, source, columns)
