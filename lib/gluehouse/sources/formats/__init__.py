"""How Spark reads each format of ``source.format``: one entry each. What they are stands in ``gluehouse.spec.formats``.

A reader takes the session, the object's URI, the source, and the contract's columns that the object shall have.
"""

from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession

from gluehouse.sources.formats.csv import read_csv
from gluehouse.sources.formats.json import read_json_document, read_json_lines
from gluehouse.sources.formats.lines import read_fixed_width, read_log_lines
from gluehouse.sources.formats.typed import read_avro, read_typed
from gluehouse.sources.formats.xml import read_xml
from gluehouse.sources.opened import Opened
from gluehouse.spec.contract import Column
from gluehouse.spec.source import FileSource

READERS: dict[str, Callable[[SparkSession, str, FileSource, Sequence[Column]], Opened]] = {
    "csv": read_csv,
    "json": read_json_lines,
    "json_document": read_json_document,
    "lines": read_log_lines,
    "fixed_width": read_fixed_width,
    "xml": read_xml,
    "parquet": read_typed,
    "orc": read_typed,
    "avro": read_avro,
}
