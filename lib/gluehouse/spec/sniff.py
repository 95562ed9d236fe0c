"""Does an object look like what its pipeline expects? Judged by its name and its first and last bytes.

The contract proper is checked by the ingest stage on every row; here we only refuse what would waste a run, with
the code that the run would give where it would see the same. Whatever only Spark can tell is let through.
A format is one entry of FORMATS, a packing one of ``gluehouse.spec.codec``, a foreign format one of
``gluehouse.spec.signature``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import NamedTuple

from gluehouse.errors import InputError
from gluehouse.spec.charset import decoded, misread
from gluehouse.spec.codec import CODECS, HEAD_BYTES, codec_of, opened
from gluehouse.spec.contract import Contract
from gluehouse.spec.delivered import differences, missing, refuse
from gluehouse.spec.header import Wanted, check_header, read_header
from gluehouse.spec.plan import ObjectRef
from gluehouse.spec.signature import signature_of
from gluehouse.spec.source import FileSource

__all__ = ["FORMATS", "HEAD_BYTES", "TAIL_BYTES", "Format", "Look", "check_looks"]

# The length of a Parquet footer and its magic.
TAIL_BYTES = 8
_DELIVER = "Deliver the object again in the agreed format, or correct `source` in the pipeline's YAML."
_AGAIN = "Deliver it again; the run of this batch starts by itself."
# A record that opens on one line and goes on with its first name, or ends, on the next.
_DOCUMENT = re.compile(r"\{[ \t]*[\r\n][ \t\r\n]*[\"}]")


@dataclass(frozen=True)
class Look:
    """One object as it shows: ``head`` and ``tail`` are its outermost bytes, as packed."""

    found: ObjectRef
    source: FileSource
    contract: Contract
    head: bytes
    tail: bytes

    @property
    def uri(self) -> str:
        return self.found.uri


class Format(NamedTuple):
    """One format of ``source.format``: its name in messages, and what raises InputError for what cannot be it."""

    name: str
    check: Callable[[Look], None]


def check_looks(found: ObjectRef, source: FileSource, contract: Contract, head: bytes, tail: bytes) -> None:
    """Refuse an object that cannot be what ``source`` says; ``head`` (at most HEAD_BYTES) and ``tail`` (TAIL_BYTES)
    are its outermost bytes.

    Raises InputError GH2004 (holds nothing), GH2005 (not the format, packing or encoding), GH2010, GH2011, GH2022
    (a CSV header that lacks, repeats or has too many columns), GH2013, GH2023 (a name that Spark cannot read),
    GH2020 (damaged, as far as that shows), GH2021 (encrypted), GH2031 (a snapshot without a row).
    """
    _check_name(found.uri)
    if found.size == 0 or not head:
        raise InputError("GH2004", f"{found.uri} is empty.", _AGAIN)
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


def _as_text(
    judge: Callable[[Look, str, bool], bool], encoding: Callable[[FileSource], str], own: str | None = None
) -> Callable[[Look], None]:
    """A format that is text, packed as the name says. ``judge(look, text, whole)`` tells whether it is surely the
    format, and raises what is surely wrong; a signature other than its ``own`` explains the rest."""

    def check(look: Look) -> None:
        content = opened(look.uri, look.head, look.tail, look.found.size)
        if content is None:
            return
        agreed = encoding(look.source)
        begins = signature_of(content.content)
        kind = begins if begins not in (None, own) else misread(content.content, agreed)
        try:
            text = decoded(look.uri, content.content, agreed, content.whole)
            sure = judge(look, text, content.whole)
        except InputError as problem:
            if kind and problem.code in ("GH2005", "GH2010"):
                raise _foreign(look, kind, agreed) from problem
            raise
        if kind and not sure:
            raise _foreign(look, kind, agreed)

    return check


def _foreign(look: Look, kind: str, encoding: str) -> InputError:
    suffix = next((codec.suffix for codec in CODECS if codec.signature == kind), None)
    name = f" If it shall be packed, let its name end in {suffix}, in lower case." if suffix else ""
    agreed = f"{FORMATS[look.source.format].name} in {encoding}"
    within = "unpacked, " if codec_of(look.uri) else ""
    return InputError("GH2005", f"{within}{look.uri} begins like {kind}, where {agreed} is agreed.", _DELIVER + name)


def _csv(look: Look, text: str, whole: bool) -> bool:
    if whole and not text.strip():
        raise InputError("GH2004", f"{look.uri} holds nothing, not even a header.", _AGAIN)
    header = read_header(text, look.source.csv, whole)
    sure = check_header(look.uri, header, text, look.source.csv, _wanted(look))
    if sure:
        found = differences(look.contract, dict.fromkeys(header.names), look.source.key_columns)
        # Names that only Spark can tell are left to the ingest stage.
        if not missing(found):
            refuse(look.uri, look.contract, found)
    if whole and not header.rows and look.source.mode == "snapshot":
        raise InputError(
            "GH2031",
            f"the snapshot {look.uri} has no row below its header; it would delete everything.",
            "Deliver a complete snapshot.",
        )
    return sure


def _wanted(look: Look) -> Wanted:
    contract, given = look.contract, look.source.key_columns
    names = tuple(name for column in contract.columns if column.name not in given for name in column.names)

    def lacking(delivered: Set[str]) -> list[str]:
        return missing(differences(contract, dict.fromkeys(delivered), given))

    return Wanted(contract.contract, names, lacking)


def _json_lines(look: Look, text: str, whole: bool) -> bool:
    body = text.lstrip(" \t\r\n")
    if not body:
        # Of changes, no lines are no change; an object of zero bytes is another matter: it was hardly meant.
        if whole and look.source.mode == "snapshot":
            raise InputError("GH2004", f"{look.uri} holds no record; as a snapshot it would delete everything.", _AGAIN)
        return whole
    if not body.startswith(("{", "[")):
        raise InputError("GH2005", f"{look.uri} does not begin with {{ or [, so it is no JSON.", _DELIVER)
    if _DOCUMENT.match(body):
        raise InputError(
            "GH2005",
            f"{look.uri} begins with a JSON record over several lines, where one record a line is agreed.",
            _DELIVER,
        )
    return True


def _parquet(look: Look) -> None:
    """As https://parquet.apache.org/docs/file-format/ has it: PAR1, pages, footer, its length in 4 bytes, PAR1."""
    if look.head.startswith(b"PARE") and look.tail.endswith(b"PARE"):
        raise InputError(
            "GH2021",
            f"{look.uri} is Parquet with an encrypted footer, for which a run has no key.",
            "Deliver it without Parquet's own encryption; the landing bucket encrypts what lies there.",
        )
    if not (look.head.startswith(b"PAR1") and look.tail.endswith(b"PAR1")):
        kind = signature_of(look.head)
        begins = f"; it begins like {kind}" if kind and kind != "Parquet" else ""
        raise InputError(
            "GH2005",
            f"{look.uri} does not begin and end with PAR1, so it is no whole Parquet file{begins}.",
            _DELIVER,
        )
    if not 0 < int.from_bytes(look.tail[-8:-4], "little") <= look.found.size - 12:
        raise InputError(
            "GH2020",
            f"the footer of {look.uri} cannot be as long as its last bytes say: it is damaged.",
            "Deliver it again, whole.",
        )


FORMATS = {
    "csv": Format("CSV", _as_text(_csv, lambda source: source.csv.encoding)),
    "json": Format("JSON lines", _as_text(_json_lines, lambda source: "UTF-8", own="JSON")),
    "parquet": Format("Parquet", _parquet),
}
