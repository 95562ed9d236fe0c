"""What a plain Delta table knows of a delivery, so that a replay can take its place (ADR 26) and an older one cannot
(ADR 28).

Each file is tagged with the batch that wrote it, and the number of the batch's Delta transaction tells how many rows
that were. A replay's files are tagged with the batch that it replays, and its commit is a transaction of that batch
too: so tag and number tell of the delivery, whoever brought it last. A table that each delivery replaces has a
transaction of its own, of which the number is the time at which the delivery that it shows was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gluehouse.errors import InputError
from gluehouse.history.delta import DeltaLocation, tag_of
from gluehouse.history.file_commit import total_rows
from gluehouse.targets.order import refuse_older

TAG = "gluehouse.batch"
# 1 is what Delta's own writer is given, and what earlier releases gave; so counts begin behind it.
_UNCOUNTED, _COUNTED_FROM = 1, 2


@dataclass(frozen=True)
class Delivery:
    """A batch as the plain table ``table`` (database.table) knows it: when it was first asked for, which is when the
    delivery was that it ``replays``, if any (the id of that batch)."""

    table: str
    batch_id: str
    asked_at: datetime
    replays: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Of each of its files."""
        return {TAG: self._original}

    @property
    def transaction(self) -> str:
        """Its own, by which the table knows that it has the batch."""
        return f"{self._first}/{self.batch_id}" if self.replays else self._first

    def transactions(self, rows: int | None, replaces: bool, there: Mapping[str, int]) -> dict[str, int]:
        """All transactions of its commit, with their numbers. ``rows``: how many it published (None: nobody counted
        them); ``replaces``: whether the table shows nothing else then; ``there``: as the table's state tells them.

        A replay's are those of the batch that it replays, too: a late run of that one must find its rows there.
        """
        number = _UNCOUNTED if rows is None else rows + _COUNTED_FROM
        named = dict.fromkeys((self.transaction, self._first), number)
        return named | ({self._shown: max(self._asked, there.get(self._shown, 0))} if replaces else {})

    def refuse_older(self, there: Mapping[str, int]) -> None:
        """For a table that each batch replaces: raises InputError GH2056 where it shows a delivery that was asked for
        later than this one. ``there``: its transactions."""
        shown = there.get(self._shown)
        # To the millisecond, as it is written down.
        refuse_older(self.table, self.batch_id, _at(self._asked), None if shown is None else _at(shown))

    @property
    def _original(self) -> str:
        return self.replays or self.batch_id

    @property
    def _asked(self) -> int:
        return int(self.asked_at.timestamp() * 1000)

    @property
    def _shown(self) -> str:
        return f"gluehouse.shown:{self.table}"

    @property
    def _first(self) -> str:
        return f"{self.table}/{self._original}"

    def files_to_replace(self, table: DeltaLocation, transactions: Mapping[str, int]) -> list[Any]:
        """Delta's entries of the files that the replayed batch, or its last replay, appended.

        ``transactions``: as the table's state tells them. Raises InputError GH2054 where they are not all there, as
        they were written.
        """
        self._refuse_forgetting(table)
        files = table.files_tagged(TAG, self._original)
        self._refuse_unless_whole(total_rows(files), transactions, "in files that it wrote")
        if files and table.properties().get("delta.appendOnly") == "true":
            raise self.cannot_tell("lets nobody take rows away (delta.appendOnly)")
        return files

    def refuse_unless_shown(self, table: DeltaLocation, transactions: Mapping[str, int]) -> None:
        """For a table that each batch replaces: raises InputError GH2055 where another delivery was published since,
        GH2054 where nothing tells, or the rows are not those that were published."""
        self._refuse_forgetting(table)
        newer = self._published_since(table, known=self._first in transactions)
        if newer:
            raise self._replaced(newer)
        if self._first in transactions:
            files = table.every_file()
            # A RESTORE brings files back, with their tags, and no transaction tells of it.
            others = {tag for tag in (tag_of(file, TAG) for file in files) if tag not in (None, self._original)}
            if others:
                raise self._replaced(sorted(map(str, others)))
            self._refuse_unless_whole(total_rows(files), transactions, "in all")

    def cannot_tell(self, why: str) -> InputError:
        """GH2054; ``why`` goes on after the table's name."""
        return InputError(
            "GH2054",
            f"{self.table} {why}, so a replay cannot take the place of batch {self._original}. The table is as it was.",
            "Deliver the corrected rows as an object of their own (mode: append), or the whole object again "
            "(mode: overwrite).",
        )

    def _refuse_forgetting(self, table: DeltaLocation) -> None:
        if "delta.setTransactionRetentionDuration" in table.properties():
            raise self.cannot_tell("forgets its batches (delta.setTransactionRetentionDuration)")

    def _refuse_unless_whole(self, found: int | None, transactions: Mapping[str, int], where: str) -> None:
        number = transactions.get(self._first)
        if number is not None and number < _COUNTED_FROM:
            raise self.cannot_tell("was written by an earlier release or by Delta's own writer, which count no rows")
        expected = 0 if number is None else number - _COUNTED_FROM
        if found != expected:
            left = "an unknown number of" if found is None else found
            raise self.cannot_tell(
                f"has {left} rows {where}, not the {expected} that were published: they were rewritten or changed "
                "since (OPTIMIZE, DELETE, UPDATE or another writer)"
            )

    def _published_since(self, table: DeltaLocation, known: bool) -> list[str]:
        """The other deliveries published after this one was; or, if it never was, after it was first asked for."""
        times = table.committed_at()
        since = times[self._first] if known else self._asked
        prefix = f"{self.table}/"
        named = {name.removeprefix(prefix): at for name, at in times.items() if name.startswith(prefix)}
        # A time that nobody wrote down may be any.
        later = {name.partition("/")[0] for name, at in named.items() if at is None or since is None or at >= since}
        return sorted(later - {self._original})

    def _replaced(self, by: list[str]) -> InputError:
        shown = ", ".join(by)
        return InputError(
            "GH2055",
            f"{self.table} shows batch {shown} and not batch {self._original}: a replay would bring old rows back. "
            "The table is as it was.",
            "Nothing, if the newer delivery is right; else deliver the whole object again.",
        )


def _at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
