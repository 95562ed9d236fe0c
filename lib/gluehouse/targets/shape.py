"""A warehouse's table as it must be for a batch: made, extended, widened, or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gluehouse.errors import PublishError
from gluehouse.spec.target import WarehouseTarget
from gluehouse.spec.types import is_wider
from gluehouse.targets.columns import Column
from gluehouse.targets.dialect import Dialect
from gluehouse.targets.session import Session

_DIGITS = re.compile(r"\((\d+),(\d+)\)$")


def types_there(session: Session) -> dict[str, str]:
    """The type of each column of the target's table by its name in small letters; empty where there is no table."""
    found = session.rows(*session.dialect.catalog(session.target.table))
    return {
        str(name).lower(): session.dialect.told(str(kind), precision, scale) for name, kind, precision, scale in found
    }


def statements(
    dialect: Dialect, target: WarehouseTarget, there: Mapping[str, str], columns: Sequence[Column]
) -> list[str]:
    """What makes a table with the types ``there`` hold the columns. Raises PublishError GH5001 where nothing does."""
    if not there:
        return [dialect.create_table(target, columns)]
    needed: list[str] = []
    unfit: list[str] = []
    for column in columns:
        found, wanted = there.get(column.name.lower()), dialect.type_of(column.kind)
        if found is None:
            needed.append(dialect.add_column(target.table, column))
        elif found != wanted and not _holds(found, wanted):
            widened = dialect.widen(target.table, column) if _holds(wanted, found) else None
            needed += widened or []
            unfit += [] if widened else [f"{column.name} is {found}, not {wanted}"]
    if unfit:
        raise PublishError(
            "GH5001",
            f"the table {target.name} cannot take the batch: {', '.join(unfit)}. Nothing was changed there.",
            "Change the columns there, or drop the table: a history is then loaded whole, another with its next batch.",
        )
    return needed


def _holds(wide: str, narrow: str) -> bool:
    """Whether a decimal type holds every value of another.

    >>> _holds("DECIMAL(12,2)", "DECIMAL(10,2)"), _holds("DECIMAL(12,2)", "DECIMAL(12,3)"), _holds("DATE", "VARCHAR")
    (True, False, False)
    """
    one, other = _DIGITS.search(narrow), _DIGITS.search(wide)
    return bool(one and other) and is_wider(*(f"decimal({d[1]},{d[2]})" for d in (one, other) if d))
