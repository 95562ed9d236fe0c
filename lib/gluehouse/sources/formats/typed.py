"""Formats whose files tell columns and types, and pack themselves whatever their name is: Parquet, ORC and Avro."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from gluehouse.frames.parse import MALFORMED
from gluehouse.sources.opened import Opened, as_path
from gluehouse.spec.contract import Column
from gluehouse.spec.source import FileSource

# Parquet pages that were written with checksums are held against them; other readers do not know the option.
_OPTIONS = {"parquet.page.verify-checksum.enabled": "true"}


def read_typed(spark: SparkSession, uri: str, source: FileSource, columns: Sequence[Column]) -> Opened:
    frame = spark.read.format(source.format).options(**_OPTIONS).load(as_path(uri))
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    return Opened(frame.withColumn(MALFORMED, F.lit(None).cast("string")), types)
