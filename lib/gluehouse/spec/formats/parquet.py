"""Parquet before a run: magic at both ends, and the length of the footer."""

from __future__ import annotations

from gluehouse.errors import InputError
from gluehouse.spec.look import DELIVER, Format, Look
from gluehouse.spec.signature import signature_of


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
            DELIVER,
        )
    if not 0 < int.from_bytes(look.tail[-8:-4], "little") <= look.found.size - 12:
        raise InputError(
            "GH2020",
            f"the footer of {look.uri} cannot be as long as its last bytes say: it is damaged.",
            "Deliver it again, whole.",
        )


PARQUET = Format("Parquet", "typed", _parquet)
