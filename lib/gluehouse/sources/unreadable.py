"""Telling an unreadable object from a broken machine by what Spark throws while it reads.

Spark reports both as a Java exception from a task. The classes below are those that its readers and the
codecs throw for damaged bytes; anything else stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException

from gluehouse.errors import InputError
from gluehouse.sources.formats.quotes import UNCLOSED
from gluehouse.spec.json_document import UNREADABLE
from gluehouse.spec.xml import UNREADABLE_XML

_DAMAGED = (
    "java.io.EOFException",
    "java.util.zip.ZipException",
    "java.util.zip.DataFormatException",
    "not in gzip format",
    "not a gzip file",
    "gzip header CRC failure",
    "gzip stream CRC failure",
    "stored gzip size doesn't match",
    "unknown gzip format",
    "gzip data not compressed with deflate",
    "not BZip2 formatted",
    "bad block header",
    "block overrun",
    "crc error",
    "stream corrupted",
    "unexpected end of stream",
    # What the reader of zstd says at its end; of other damage it says MalformedInputException.
    "Not enough input bytes",
    # What zlib's inflate.c says.
    "incorrect header check",
    "incorrect data check",
    "incorrect length check",
    "header crc mismatch",
    "unknown compression method",
    "unknown header flags",
    "invalid window size",
    "invalid block type",
    "invalid stored block lengths",
    "invalid bit length repeat",
    "invalid code",
    "invalid literal",
    "invalid distance",
    "too many length or distance",
    "is not a Parquet file",
    "can not read FileMetaData",
    "ParquetDecodingException",
    "could not verify page integrity",
    "could not verify dictionary page integrity",
    "FAILED_TO_UNCOMPRESS",
    "MalformedInputException",
    "CharConversionException",
    "TextParsingException",
    "CANNOT_READ_FILE_FOOTER",
    "FAILED_READ_FILE",
    "MALFORMED_CSV_RECORD",
    UNREADABLE,
    UNREADABLE_XML,
    # What the readers of ORC and Avro say.
    "Malformed ORC file",
    "FileFormatException",
    "InvalidProtocolBufferException",
    "Not an Avro data file",
    "Not a data file",
    "Invalid sync!",
    "Block size invalid or too large",
    "AvroRuntimeException",
)
# What Spark's parser of CSV says of a closing quote with text behind it, if it is told to.
_MISPLACED_QUOTE = "Unescaped quote character"
# What it says of types of Parquet and Avro that it has none for, whether a contract names the column or not.
_UNKNOWN_TYPES = ("Illegal Parquet type", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "IncompatibleSchemaException")
# What Java says of a time in a file that is further away than microseconds in 64 bits reach.
_TOO_FAR = "long overflow"
# What ORC calls an instant, and Spark has no name for.
_INSTANT_OF_ORC = "timestamp with local time zone"


@contextmanager
def refusing_damaged_objects(uris: list[str]) -> Iterator[None]:
    """Turn a reader's complaint about damaged bytes into InputError GH2020, one about misplaced quotes into
    GH2025, and one about types that nothing can cast into GH2014; let every other error pass."""
    try:
        yield
    except AnalysisException as error:
        if error.getErrorClass() == "COLUMN_ALREADY_EXISTS":
            raise InputError(
                "GH2011",
                f"{uris} has a column more than once, letter case left aside.",
                "Deliver each column once.",
            ) from error
        if _INSTANT_OF_ORC in str(error):
            raise _of_type(uris, "Spark cannot read: an instant of ORC") from error
        if not (error.getErrorClass() or "").startswith("DATATYPE_MISMATCH"):
            raise
        raise _of_type(uris, "no cast takes to the contract's") from error
    except (Py4JJavaError, PySparkException) as error:
        text = str(error)
        if UNCLOSED in text:
            raise InputError(
                "GH2025",
                f"{uris} has a line on which a cell is opened by a quote and not closed: where it ends cannot be told.",
                "If cells have line breaks, set csv.multi_line: true; else close or double the quotes. "
                "Then deliver it again.",
            ) from error
        if _MISPLACED_QUOTE in text:
            # Without its cause: that one quotes the record.
            raise InputError(
                "GH2025",
                f"{uris} has a quote that is not closed, or text behind the one that closes a cell: "
                "where records begin and end cannot be told.",
                "Close it, or put quotes around each cell that has one in it, and double that one. "
                "Then deliver it again.",
            ) from None
        if any(sign in text for sign in _UNKNOWN_TYPES):
            raise _of_type(uris, "Spark cannot read, such as nanoseconds or decimals of more than 38 digits") from error
        if _TOO_FAR in text:
            raise _of_type(uris, "Spark cannot read: it has a time before the year -290308 or after 294247") from error
        sign = next((sign for sign in _DAMAGED if sign in text), None)
        if sign is None:
            raise
        raise InputError(
            "GH2020",
            f"{uris} cannot be read to the end as what it claims to be ({sign}).",
            "Deliver the object again, whole; this delivery was refused and nothing of it was published.",
        ) from error


def _of_type(uris: list[str], which: str) -> InputError:
    return InputError(
        "GH2014",
        f"{uris} has a column of a type that {which}.",
        "Deliver the agreed types, or agree on a new version of the contract.",
    )
