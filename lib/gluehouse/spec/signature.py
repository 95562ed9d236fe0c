"""What bytes are, told from how they begin: names for objects that are not what they should be.

A signature explains a refusal and never makes one: a CSV whose first column is called ORCID begins like ORC.
Each is from the format's own specification (RFC 1952, RFC 8878, APPNOTE, ISO 32000, the Avro, ORC and Parquet
specifications, and so on); those of text formats stand for pages and errors that were saved in place of the data.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Signature(NamedTuple):
    """A format by name, and what its first bytes match."""

    name: str
    begins: re.Pattern[bytes]


def _sign(name: str, begins: bytes) -> Signature:
    return Signature(name, re.compile(begins, re.DOTALL))


# Before a text's first character may stand UTF-8's byte order mark and blanks.
_TEXT = rb"(?:\xef\xbb\xbf)?\s*"

# The first that matches counts, so the narrower stand before the wider.
SIGNATURES = (
    _sign("gzip", rb"\x1f\x8b\x08"),
    _sign("bzip2", rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    _sign("zstd", rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"),
    _sign("xz", rb"\xfd7zXZ\x00"),
    _sign("an lz4 frame", rb"\x04\x22\x4d\x18"),
    _sign("a snappy frame", rb"\xff\x06\x00\x00sNaPpY"),
    _sign("Unix compress", rb"\x1f\x9d"),
    _sign("an Excel workbook or another Office document", rb"PK\x03\x04.{0,2000}?(?:\[Content_Types\]\.xml|_rels/)"),
    _sign("a zip archive", rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"),
    _sign("an Excel workbook or another Office document", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _sign("7z", rb"7z\xbc\xaf\x27\x1c"),
    _sign("RAR", rb"Rar!\x1a\x07"),
    _sign("a tar archive", rb".{257}ustar"),
    _sign("encrypted Parquet", rb"PARE"),
    _sign("Parquet", rb"PAR1"),
    _sign("Avro", rb"Obj\x01"),
    # Three letters are no proof, so what follows must be no text.
    _sign("ORC", rb"ORC[\x00-\x08\x0e-\x1f\x80-\xff]"),
    _sign("PDF", rb"%PDF-"),
    _sign("SQLite", rb"SQLite format 3\x00"),
    _sign("a PNG image", rb"\x89PNG\r\n\x1a\n"),
    _sign("a JPEG image", rb"\xff\xd8\xff"),
    _sign("an HTML page", _TEXT + rb"(?i:<!doctype html|<html)"),
    _sign("an XML error, as S3 answers one", _TEXT + rb"(?:<\?xml[^>]*>\s*)?<Error>"),
    _sign("XML", _TEXT + rb"<\?xml"),
    _sign("JSON", _TEXT + rb"(?:\[\s*)?\{\s*\""),
)


def signature_of(content: bytes) -> str | None:
    """The name of what ``content`` begins like, or None.

    >>> signature_of(b"PK\\x03\\x04"), signature_of(b"ORCID,id"), signature_of(b"<!DOCTYPE html>")
    ('a zip archive', None, 'an HTML page')
    """
    return next((name for name, begins in SIGNATURES if begins.match(content)), None)
