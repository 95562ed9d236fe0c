"""Telling an unreadable object from a broken machine by what Spark throws while it reads.

Spark reports both as a Java exception from a task. The classes below are those that its readers and the
codecs throw for damaged bytes; anything else stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from gluehouse.errors import InputError

_DAMAGED = (
    "java.io.EOFException",
    "java.util.zip.ZipException",
    "java.util.zip.DataFormatException",
    "not in gzip format",
    "incorrect header check",
    "invalid stored block lengths",
    "invalid block type",
    "is not a Parquet file",
    "MalformedInputException",
    "CharConversionException",
    "TextParsingException",
    "CANNOT_READ_FILE_FOOTER",
    "FAILED_READ_FILE",
    "MALFORMED_CSV_RECORD",
)


@contextmanager
def refusing_damaged_objects(uris: list[str]) -> Iterator[None]:
    """Turn a reader's complaint about damaged bytes into InputError GH2020; let every other error pass."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        text = str(error)
        sign = next((sign for sign in _DAMAGED if sign in text), None)
        if sign is None:
            raise
        raise InputError(
            "GH2020",
            f"{uris} cannot be read to the end as what it claims to be ({sign}).",
            "Deliver the object again, whole; this delivery was refused and nothing of it was published.",
        ) from error
