"""Does an object look like what its pipeline expects? Judged by its first and last bytes, at no cost.

The contract proper is checked by the ingest stage on every row; here we only refuse what would waste a run.
"""

from __future__ import annotations

import codecs
import csv
import io
import zlib

from gluehouse.errors import InputError
from gluehouse.spec.contract import Contract
from gluehouse.spec.delivered import differences, missing, refuse
from gluehouse.spec.pipeline import FileSource
from gluehouse.spec.plan import ObjectRef

HEAD_BYTES = 65536
TAIL_BYTES = 4
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_FOREIGN = {
    _GZIP: "gzip",
    _PARQUET: "Parquet",
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "PDF",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_UNSNIFFED = (
    ".bz2",
    ".zst",
    ".lz4",
    ".snappy",
    ".deflate",
)  # Spark reads them; their heads alone tell nothing
_DELIVER = "Deliver the object again in the agreed format, or correct `source` in the pipeline's YAML."


def check_looks(found: ObjectRef, source: FileSource, contract: Contract, head: bytes, tail: bytes) -> None:
    """Refuse an object that cannot be what ``source`` says; ``head`` and ``tail`` are its outermost bytes.

    Raises InputError GH2004 (empty), GH2005 (not the format), GH2010 (a CSV header that lacks columns),
    GH2018 (one that has others, where the contract refuses that).
    """
    if found.size == 0 or not head:
        raise InputError(
            "GH2004", f"{found.uri} is empty.", "Deliver it again; the run of this batch starts by itself."
        )
    if source.format == "parquet":
        if not (head.startswith(_PARQUET) and tail == _PARQUET):
            raise InputError(
                "GH2005",
                f"{found.uri} does not begin and end with PAR1, so it is no whole Parquet file.",
                _DELIVER,
            )
        return
    if found.uri.endswith(_UNSNIFFED):
        return
    text = _text(found.uri, source, _opened(found.uri, head))
    if source.format == "json" and not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        raise InputError("GH2005", f"{found.uri} does not begin with {{ or [, so it is no JSON.", _DELIVER)
    if source.format == "csv" and ("\n" in text or (found.size <= len(head) and len(text) < HEAD_BYTES)):
        _check_header(found.uri, source, contract, text)


def _opened(uri: str, head: bytes) -> bytes:
    """The first bytes, unpacked where the name says .gz, as Spark decides it."""
    if uri.endswith(".gz"):
        if not head.startswith(_GZIP):
            raise InputError("GH2005", f"{uri} is named .gz but does not begin like gzip.", _DELIVER)
        try:
            return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error as error:
            raise InputError("GH2005", f"{uri} is named .gz but cannot be unpacked: {error}.", _DELIVER) from error
    foreign = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign:
        raise InputError("GH2005", f"{uri} begins like {foreign}, which its name does not say.", _DELIVER)
    return head


def _text(uri: str, source: FileSource, head: bytes) -> str:
    encoding = source.csv.encoding if source.format == "csv" else "UTF-8"
    try:
        # Incremental: the head may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError as error:
        raise InputError("GH2005", f"{uri} is not text in {encoding} (byte {error.start}).", _DELIVER) from error
    if "\x00" in text:
        raise InputError("GH2005", f"{uri} holds NUL characters, so it is no text in {encoding}.", _DELIVER)
    return text


def _check_header(uri: str, source: FileSource, contract: Contract, text: str) -> None:
    lines = io.StringIO(text.lstrip("\ufeff"), newline="")
    header = next(csv.reader(lines, delimiter=source.csv.delimiter, quotechar=source.csv.quote), [])
    found = differences(contract, {column.strip(): None for column in header}, source.key_columns)
    lacking = missing(found)
    if lacking:
        # Only the contract's own names: where the header is missing, the first line is a row.
        raise InputError(
            "GH2010",
            f"the first line of {uri} has {len(header)} columns and lacks {', '.join(lacking)} of {contract.contract}.",
            "Deliver it with the agreed header, or publish a new version of the contract.",
        )
    refuse(uri, contract, found)
