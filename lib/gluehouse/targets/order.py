"""A table that each delivery replaces never goes back to one that was asked for earlier (ADR 28)."""

from __future__ import annotations

from datetime import datetime

from gluehouse.errors import InputError


def refuse_older(table: str, batch_id: str, asked_at: datetime, shown: datetime | None) -> None:
    """Raise InputError GH2056 where the delivery that ``table`` shows was asked for later than this batch's.

    ``asked_at``, ``shown``: when each was first asked for (a rerun is as old as the run that it repeats); None where
    the table shows none, or nothing tells.
    """
    if shown is not None and shown > asked_at:
        raise InputError(
            "GH2056",
            f"{table} shows a delivery that was asked for at {_told(shown)}, and batch {batch_id} is of "
            f"{_told(asked_at)}: it would bring old rows back. The table is as it was.",
            "Nothing, if the newer delivery is right; else deliver the object again, under another name.",
        )


def _told(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
