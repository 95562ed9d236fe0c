"""The ledger of a warehouse's schema: which batches each of its tables has, and which Delta version it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gluehouse.spec.target import LEDGER
from gluehouse.targets.dialect import LEDGER_COLUMNS
from gluehouse.targets.session import Session


@dataclass(frozen=True)
class Entry:
    """One batch of one table. ``rows``: how many came; ``asked_at``: when it was first asked for; ``delta_table`` and
    ``delta_version``: what a history shows since, by the identity that Delta gives a table when it is made."""

    batch_id: str
    rows: int
    asked_at: datetime
    delta_table: str | None = None
    delta_version: int | None = None


class Ledger:
    """``gluehouse_batches`` beside the target: (table_name, batch_id) -> rows, version, times (UTC)."""

    def __init__(self, session: Session) -> None:
        self._session, self._dialect = session, session.dialect
        self._home = self._dialect.ledger(session.target)
        self._table = session.target.table

    def is_there(self) -> bool:
        schema = self._table.split(".")[0]
        return bool(self._session.rows(*self._dialect.catalog(f"{schema}.{LEDGER}")))

    def create(self) -> None:
        """Make it where it is missing; it may be needed to lock it."""
        if not self.is_there():
            self._session.execute(self._dialect.create_ledger(self._session.target))
        for statement in self._dialect.prepare_lock(self._session.target):
            self._session.execute(*statement)

    def take(self) -> None:
        """Within a transaction: hold the ledger until its end, so that nobody else finds the batch missing."""
        for statement in self._dialect.lock(self._session.target):
            self._session.execute(*statement)

    def knows(self, batch_id: str) -> bool:
        name, batch, *_ = self._names()
        told = f"SELECT COUNT(*) FROM {self._home} WHERE {name} = %s AND {batch} = %s"
        return self.is_there() and self._session.number(told, (self._table, batch_id)) > 0

    def shown(self, delta_table: str) -> int | None:
        """The version of that Delta table which the warehouse shows; None where it shows none of it."""
        name, _, table, version, *_ = self._names()
        told = f"SELECT MAX({version}) FROM {self._home} WHERE {name} = %s AND {table} = %s"
        found = self._session.rows(told, (self._table, delta_table)) if self.is_there() else [(None,)]
        return None if found[0][0] is None else int(found[0][0])

    def newest(self) -> datetime | None:
        """When the newest delivery that the table was given was first asked for."""
        name, *_, asked_at, _ = self._names()
        told = f"SELECT MAX({asked_at}) FROM {self._home} WHERE {name} = %s"
        (found,) = self._session.rows(told, (self._table,))[0]
        return None if found is None else found.replace(tzinfo=UTC)

    def keep(self, entry: Entry) -> None:
        """Remember a batch; one that is there already is remembered with its newest version."""
        name, batch, *_ = self._names()
        mine = (self._table, entry.batch_id)
        self._session.execute(f"DELETE FROM {self._home} WHERE {name} = %s AND {batch} = %s", mine)
        times = (at.astimezone(UTC).replace(tzinfo=None) for at in (entry.asked_at, datetime.now(UTC)))
        told = (*mine, entry.delta_table, entry.delta_version, entry.rows, *times)
        marks = ", ".join(["%s"] * len(told))
        self._session.execute(f"INSERT INTO {self._home} ({', '.join(self._names())}) VALUES ({marks})", told)

    def _names(self) -> list[str]:
        return [self._dialect.quote(column.name) for column in LEDGER_COLUMNS]
