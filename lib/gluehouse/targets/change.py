"""One change of a warehouse's table: staged before the transaction, made and held against what was expected within."""

from __future__ import annotations

from dataclasses import dataclass

from gluehouse.errors import QualityError
from gluehouse.spec.history import HistorySpec
from gluehouse.targets import shape
from gluehouse.targets.columns import WENT, Column
from gluehouse.targets.dialect import STAGED
from gluehouse.targets.export import Export
from gluehouse.targets.invariants import BROKEN, broken_versions, delete_staged
from gluehouse.targets.reconcile import Judged, finite, refuse_difference
from gluehouse.targets.session import Session


@dataclass(frozen=True)
class Moved:
    """Rows that came to a table and went from it."""

    came: int
    went: int


@dataclass(frozen=True)
class Change:
    """What a batch does to a table: all its rows go first where it ``empties``, else those that are staged as such.

    ``expected``: rows and sums of those that come; ``going``: how many staged rows go. ``history``: what the table is,
    and ``total``: how many rows it has afterwards.
    """

    export: Export
    columns: tuple[Column, ...]
    empties: bool
    expected: Judged
    going: int = 0
    total: int | None = None
    history: HistorySpec | None = None

    def stage(self, session: Session) -> None:
        """Load the rows into a table of the session alone; and where the warehouse commits each DDL statement by
        itself, give the target its columns. Outside of a transaction."""
        session.execute(session.dialect.create_staged(self.export.columns))
        session.dialect.load(session.execute, self.export)
        if not session.dialect.ddl_in_transaction:
            self._shape(session)

    def make(self, session: Session) -> Moved:
        """Within a transaction, whose start holds the ledger: change the table. Raises QualityError GH3002 where
        rows, sums or invariants are not as expected, PublishError GH5001 where the table cannot take the columns."""
        if session.dialect.ddl_in_transaction:
            self._shape(session)
        self._refuse_other_rows(session)
        moved, rows = self._move(session)
        self._refuse_other_table(session, moved, rows)
        self._refuse_other_sums(session, moved)
        self._refuse_broken_versions(session)
        return moved

    def _shape(self, session: Session) -> None:
        there = shape.types_there(session)
        for statement in shape.statements(session.dialect, session.target, there, self.columns):
            session.execute(statement)

    def _move(self, session: Session) -> tuple[Moved, int]:
        """The rows that came and went, and those that the table has now, all counted by the warehouse."""
        dialect, before = session.dialect, _count(session)
        for statement in self._deletes(session):
            session.execute(statement)
        staying = _count(session)
        names = dialect.names(self.columns)
        staged = f"{dialect.quote(STAGED)} WHERE NOT {dialect.quote(WENT)}"
        session.execute(f"INSERT INTO {session.home} ({names}) SELECT {names} FROM {staged}")
        rows = _count(session)
        return Moved(rows - staying, before - staying), rows

    def _deletes(self, session: Session) -> list[str]:
        # Not TRUNCATE: in Redshift it commits.
        if self.empties:
            return [f"DELETE FROM {session.home}"]
        return delete_staged(session.dialect, session.target.table, self.history) if self.history else []

    def _refuse_other_rows(self, session: Session) -> None:
        dialect = session.dialect
        told = f"SELECT COUNT(*) FROM {dialect.quote(STAGED)} WHERE "
        came, went = (session.number(f"{told}{no}{dialect.quote(WENT)}") for no in ("NOT ", ""))
        if (came, went) != (self.expected.rows, self.going):
            expected = f"expected {self.expected.rows} and {self.going}"
            raise _refused(f"found {came} rows to come and {went} to go among those loaded for", session, expected)

    def _refuse_other_table(self, session: Session, moved: Moved, rows: int) -> None:
        if moved.came != self.expected.rows:
            raise _refused(f"{moved.came} rows came to", session, f"expected {self.expected.rows}")
        if not self.empties and moved.went != self.going:
            raise _refused(f"{moved.went} rows went from", session, f"expected {self.going}")
        if self.total is not None and rows != self.total:
            raise _refused(f"found {rows} rows in", session, f"expected {self.total}, as many as in the Delta table")

    def _refuse_other_sums(self, session: Session, moved: Moved) -> None:
        """Of the whole table where it was emptied, of what came to it else."""
        dialect, names = session.dialect, list(self.expected.measures)
        if not names:
            return
        asked = ", ".join(f"COALESCE(SUM({dialect.quote(name)}), 0)" for name in names)
        came = f"{dialect.quote(STAGED)} WHERE NOT {dialect.quote(WENT)}"
        found = session.rows(f"SELECT {asked} FROM {session.home if self.empties else came}")[0]
        sums = {name: finite(float(value)) for name, value in zip(names, found, strict=True)}
        refuse_difference(self.expected, moved.came, sums, f"the rows in {session.target.name}")

    def _refuse_broken_versions(self, session: Session) -> None:
        if self.history is None:
            return
        counts = session.rows(*broken_versions(session.dialect, session.home, self.history))[0]
        told = [f"{count} versions {what}" for count, what in zip(counts, BROKEN, strict=True) if count]
        if told:
            raise _refused(f"found {', '.join(told)} in", session, "expected none")


def _count(session: Session) -> int:
    return session.number(f"SELECT COUNT(*) FROM {session.home}")


def _refused(found: str, session: Session, expected: str) -> QualityError:
    return QualityError(
        "GH3002",
        f"{found} {session.target.name}, {expected}. Nothing was committed there.",
        "Run the batch again from publish. Where that fails too, somebody else writes the table: drop it there, "
        "and a history is loaded whole.",
    )
