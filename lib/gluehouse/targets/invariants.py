"""What must hold of every history table, asked of a warehouse in its own SQL before the commit."""

from __future__ import annotations

from collections.abc import Sequence

from gluehouse.history.surrogate import UNKNOWN_BIGINT, UNKNOWN_HASH128
from gluehouse.spec.history import HistorySpec
from gluehouse.targets.columns import WENT
from gluehouse.targets.dialect import STAGED, Dialect, Statement

BROKEN = ("without key or start", "inverted", "with a wrong is_current", "overlapping the next one of their key")
# Of the unknown member, whose key and start are NULL on purpose.
_UNKNOWN = {"bigint": UNKNOWN_BIGINT, "hash128": UNKNOWN_HASH128}


def broken_versions(dialect: Dialect, home: str, history: HistorySpec) -> Statement:
    """Asks how many versions of the staged keys break each invariant of ``BROKEN``; all of the table's for the first.

    More than one current version of a key overlap: an open one that is not the last.
    """
    keys = [dialect.quote(name) for name in history.keys]
    start, end, current = (dialect.quote(name) for name in ("effective_from", "effective_to", "is_current"))
    counted = ", ".join(
        f"COUNT(CASE WHEN {condition} THEN 1 END)"
        for condition in (
            f"{end} <= {start}",
            f"({end} IS NULL AND NOT {current}) OR ({end} IS NOT NULL AND {current}) OR {current} IS NULL",
            f"next_start IS NOT NULL AND ({end} IS NULL OR {end} > next_start)",
        )
    )
    following = f"LEAD(t.{start}) OVER (PARTITION BY {_of('t', keys)} ORDER BY t.{start}) AS next_start"
    touched = f"SELECT DISTINCT {', '.join(keys)} FROM {dialect.quote(STAGED)}"
    joined = " AND ".join(f"t.{key} = k.{key}" for key in keys)
    nameless, exempt = _nameless(dialect, home, history)
    versions = (
        f"SELECT t.{start} AS {start}, t.{end} AS {end}, t.{current} AS {current}, {following} "
        f"FROM {home} AS t JOIN ({touched}) AS k ON {joined}"
    )
    return f"SELECT ({nameless}), {counted} FROM ({versions}) AS v", exempt


def delete_staged(dialect: Dialect, table: str, history: HistorySpec) -> list[str]:
    """Take the rows away that went, by key and start; the unknown member, which has neither, by its surrogate key."""
    home, here, staged = dialect.table(table), dialect.quote(table.split(".")[1]), dialect.quote(STAGED)
    went = f"{staged}.{dialect.quote(WENT)}"

    def matching(names: Sequence[str]) -> str:
        quoted = [dialect.quote(name) for name in names]
        return " AND ".join([went, *(f"{here}.{name} = {staged}.{name}" for name in quoted)])

    found = [f"DELETE FROM {home} USING {staged} WHERE {matching([*history.keys, 'effective_from'])}"]
    surrogate = history.surrogate_key
    if surrogate and surrogate.unknown_member:
        nameless = f"{staged}.{dialect.quote(history.keys[0])} IS NULL"
        found.append(f"DELETE FROM {home} USING {staged} WHERE {matching([surrogate.column])} AND {nameless}")
    return found


def _nameless(dialect: Dialect, home: str, history: HistorySpec) -> Statement:
    missing = " OR ".join(f"{dialect.quote(name)} IS NULL" for name in (*history.keys, "effective_from"))
    surrogate = history.surrogate_key
    if surrogate is None or not surrogate.unknown_member:
        return f"SELECT COUNT(*) FROM {home} WHERE {missing}", ()
    known = f"{dialect.quote(surrogate.column)} <> %s"
    return f"SELECT COUNT(*) FROM {home} WHERE ({missing}) AND {known}", (_UNKNOWN[surrogate.kind],)


def _of(alias: str, quoted: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in quoted)
