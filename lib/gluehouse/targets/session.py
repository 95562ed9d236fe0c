"""A warehouse as publishing needs it, the port: DB-API 2.0 connections and a dialect; and one session of it.

The driver's own words reach neither log nor error: they quote rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from gluehouse.errors import GluehouseError, InfrastructureError, PublishError
from gluehouse.spec.target import WarehouseTarget
from gluehouse.targets.dialect import Dialect

# SQLSTATE classes of what may be gone a moment later: connection, conflict of transactions, resources, shutdown.
_PASSING = {"08", "40", "53", "57"}
_BY_NAME = {"OperationalError", "InterfaceError"}


class Cursor(Protocol):
    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def fetchall(self) -> Any: ...

    def close(self) -> Any: ...


class Connection(Protocol):
    """Of DB-API 2.0, with ``%s`` for a parameter, and committing each statement by itself outside BEGIN and COMMIT."""

    def cursor(self) -> Any: ...

    def close(self) -> Any: ...


@dataclass(frozen=True)
class Warehouse:
    """``connect`` opens a new connection; it may raise what its driver raises, and errors of ours."""

    connect: Callable[[], Connection]
    dialect: Dialect


class Session:
    """One connection for the publishing of one batch to one table; closed, and so rolled back, at the end.

    Raises PublishError GH5002 where the warehouse refuses something, InfrastructureError GH9001 where it is not
    reached or asks to try again.
    """

    def __init__(self, warehouse: Warehouse, target: WarehouseTarget) -> None:
        self.dialect, self.target = warehouse.dialect, target
        self._connect = warehouse.connect
        self.home = self.dialect.table(target.table)

    def __enter__(self) -> Session:
        with self._translated("connecting"):
            self._connection = self._connect()
            self._cursor: Cursor = self._connection.cursor()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # What was to be committed is committed; a connection that cannot be closed is gone.
        with suppress(Exception):
            self._connection.close()

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        with self._translated(" ".join(sql.split()[:2])):
            self._cursor.execute(sql, parameters) if parameters else self._cursor.execute(sql)

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        self.execute(sql, parameters)
        with self._translated("SELECT"):
            return [tuple(row) for row in self._cursor.fetchall()]

    def number(self, sql: str, parameters: tuple[Any, ...] = ()) -> int:
        return int(self.rows(sql, parameters)[0][0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # Where even this fails the connection is gone, and the transaction with it.
            with suppress(Exception):
                self.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except GluehouseError:
            raise
        except Exception as error:
            # Not chained: a traceback would print the driver's text.
            raise _told(error, doing, self.target) from None


def _told(error: Exception, doing: str, target: WarehouseTarget) -> GluehouseError:
    """What may be said of a driver's error: its class and its SQLSTATE."""
    state = sqlstate(error)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    found = f"{target.name}: {doing} failed with {type(error).__name__}, SQLSTATE {state or 'not told'}"
    if state[:2] in _PASSING or (not state and kinds & _BY_NAME):
        return InfrastructureError("GH9001", f"{found}.", "Run it again.")
    return PublishError(
        "GH5002",
        f"{found}. Nothing was committed there.",
        "Look the statement up in the warehouse's own log of queries; docs/targets.md lists the rights needed.",
    )


def sqlstate(error: Exception) -> str:
    """As psycopg, redshift_connector and Snowflake's connector each tell it; empty where none is told.

    >>> class ProgrammingError(Exception): ...
    >>> sqlstate(ProgrammingError({"C": "42P01", "M": "relation does not exist"})), sqlstate(ValueError("no"))
    ('42P01', '')
    """
    first = error.args[0] if error.args else None
    told = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if told is None and isinstance(first, dict):
        told = first.get("C")
    return str(told) if isinstance(told, str) and len(told) == 5 else ""
