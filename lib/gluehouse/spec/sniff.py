"""Does an object look like what its pipeline expects? Judged by its name and its first and last bytes.

The contract proper is checked by the ingest stage on every row; here we only refuse what would waste a run. A format is
one entry of ``gluehouse.spec.formats``, a packing one of ``gluehouse.spec.codec``, a foreign format one of
``gluehouse.spec.signature``.
"""

from __future__ import annotations

from gluehouse.errors import InputError
from gluehouse.spec.codec import HEAD_BYTES
from gluehouse.spec.contract import Contract
from gluehouse.spec.formats import FORMATS
from gluehouse.spec.look import AGAIN, Look
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.source import FileSource

__all__ = ["FORMATS", "HEAD_BYTES", "TAIL_BYTES", "check_looks"]

# A sync marker of Avro; the end of a bzip2 takes 11, the length of a Parquet footer and its magic 8.
TAIL_BYTES = 16


def check_looks(found: ObjectRef, source: FileSource, contract: Contract, head: bytes, tail: bytes) -> None:
    """Refuse an object that cannot be what ``source`` says; ``head`` (at most HEAD_BYTES) and ``tail`` (TAIL_BYTES)
    are its outermost bytes.

    Raises InputError GH2004 (holds nothing), GH2005 (not the format, packing or encoding), GH2010, GH2011, GH2022
    (a CSV header that lacks, repeats or has too many columns), GH2013, GH2023 (a name that Spark cannot read),
    GH2020 (damaged, as far as that shows), GH2021 (encrypted), GH2031 (a snapshot without a row).
    """
    _check_name(found.uri)
    if found.size == 0 or not head:
        raise InputError("GH2004", f"{found.uri} is empty.", AGAIN)
    FORMATS[source.format].check(Look(found, source, contract, head, tail))


def _check_name(uri: str) -> None:
    *folders, name = uri.removeprefix("s3://").split("/")[1:]
    if name.startswith(("_", ".")) or name.endswith("._COPYING_"):
        raise InputError(
            "GH2013",
            f"the name of {uri} begins with _ or a dot or ends in ._COPYING_: Spark takes such objects for hidden.",
            "Deliver it under another name.",
        )
    if not {"", ".", ".."}.isdisjoint(folders):
        raise InputError(
            "GH2023",
            f"the key of {uri} has an empty folder name, or one of dots: Hadoop's paths leave those out.",
            "Deliver it under a key without //, /./ and /../.",
        )
