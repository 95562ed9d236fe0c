"""CSV before a run: its header is held against the contract as the reader will do it."""

from __future__ import annotations

from collections.abc import Set

from gluehouse.errors import InputError
from gluehouse.spec.delivered import differences, missing, refuse
from gluehouse.spec.header import Wanted, check_header, read_header
from gluehouse.spec.look import AGAIN, Format, Look, as_text


def _csv(look: Look, text: str, whole: bool) -> bool:
    if whole and not text.strip():
        raise InputError("GH2004", f"{look.uri} holds nothing, not even a header.", AGAIN)
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


CSV = Format("CSV", "named", as_text("CSV", _csv))
