"""ORC before a run: magic at both ends, and the length of the postscript.

Source: https://orc.apache.org/specification/ORCv1/ (a file begins with ORC; its last byte counts the
postscript, whose last field is ORC again).
"""

from __future__ import annotations

from gluehouse.errors import InputError
from gluehouse.spec.look import DELIVER, Format, Look
from gluehouse.spec.signature import signature_of


def _orc(look: Look) -> None:
    if not look.head.startswith(b"ORC"):
        kind = signature_of(look.head)
        begins = f"; it begins like {kind}" if kind else ""
        raise InputError("GH2005", f"{look.uri} does not begin with ORC, so it is no ORC file{begins}.", DELIVER)
    # Three bytes of magic at the head, one of length at the end.
    if look.tail[-4:-1] != b"ORC" or not 3 < look.tail[-1] <= look.found.size - 4:
        raise InputError(
            "GH2020",
            f"{look.uri} begins like ORC and does not end like it: it was cut off or is damaged.",
            "Deliver it again, whole.",
        )


ORC = Format("ORC", "typed", _orc)
