"""The formats of ``source.format``: one entry each. How Spark reads them stands in ``gluehouse.sources.formats``."""

from gluehouse.spec.formats.avro import AVRO
from gluehouse.spec.formats.csv import CSV
from gluehouse.spec.formats.json import JSON_DOCUMENT, JSON_LINES
from gluehouse.spec.formats.lines import FIXED_WIDTH, LOG_LINES
from gluehouse.spec.formats.orc import ORC
from gluehouse.spec.formats.parquet import PARQUET
from gluehouse.spec.formats.xml import XML
from gluehouse.spec.look import Format

FORMATS: dict[str, Format] = {
    "csv": CSV,
    "json": JSON_LINES,
    "json_document": JSON_DOCUMENT,
    "lines": LOG_LINES,
    "fixed_width": FIXED_WIDTH,
    "xml": XML,
    "parquet": PARQUET,
    "orc": ORC,
    "avro": AVRO,
}
