"""How the columns of a delivery differ from those agreed on, and what the contract says to each difference.

Pure: names and type names in, verdicts out. A format without types (CSV) tells None for each type; where every record
names its own fields (JSON) there is nothing to compare, and the readers resolve aliases record by record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from gluehouse.errors import InputError
from gluehouse.spec.contract import Column, Contract
from gluehouse.spec.evolution import Answer, Evolution, Kind
from gluehouse.spec.model import Spec
from gluehouse.spec.types import is_wider

Delivered = Mapping[str, str | None]
_SHOWN = 10


class Difference(Spec):
    """One difference: ``column`` as agreed (as delivered where nobody agreed on it), the contract's answer, and why."""

    kind: Kind
    column: str
    answer: Answer
    told: str


def differences(contract: Contract, delivered: Delivered, given: Collection[str] = ()) -> tuple[Difference, ...]:
    """Every difference between ``delivered`` (name to type name, or to None) and the contract.

    ``given``: agreed columns that come from elsewhere (the object's key). Answers are those of the contract, but
    `refuse` where nothing else is possible: a key or a column that is not nullable is missing, no agreed column is
    there at all, or one is there under two names.
    """
    wanted = [column for column in contract.columns if column.name not in given]
    names = {name for column in contract.columns for name in column.names}
    nothing = not any(source_of(column, delivered) for column in wanted)
    found = [found for column in wanted for found in _of_column(contract, column, delivered, nothing)]
    added = [name for name in delivered if name not in names]
    policy = contract.evolution
    return (
        *found,
        *(
            Difference(kind="added", column=name, answer=policy.added, told=f"{name or 'a nameless column'} is new")
            for name in added
        ),
    )


def source_of(column: Column, delivered: Collection[str]) -> str | None:
    """The delivered name of an agreed column: its own before its aliases; None where it is missing."""
    return next((name for name in column.names if name in delivered), None)


def missing(found: Collection[Difference]) -> list[str]:
    """The agreed columns whose absence is refused."""
    return [one.column for one in found if one.kind == "removed" and one.answer == "refuse"]


def refuse(uri: str, contract: Contract, found: Collection[Difference]) -> None:
    """Raise InputError for what the contract refuses: GH2010 for missing columns, else GH2018; or do nothing."""
    refused = [one for one in found if one.answer == "refuse"]
    lacking = missing(found)
    if lacking:
        raise InputError(
            "GH2010",
            f"{uri} lacks the columns {_some(lacking, ', ')}, which contract {contract.contract} has.",
            "Deliver the agreed columns, or agree on a new version of the contract.",
        )
    if refused:
        told = _some([one.told for one in refused], "; ")
        raise InputError(
            "GH2018",
            f"{uri} has other columns than contract {contract.contract}, which refuses that: {told}.",
            "Deliver the agreed columns, change `evolution` in the contract, or agree on a new version of it.",
        )


def _some(told: list[str], between: str) -> str:
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return between.join([*told[:_SHOWN], *more])


def unmet(policy: Evolution, format_: str, typed: bool, listed: bool) -> tuple[str, ...]:
    """The answers that a source of this format could not give: what it delivers does not show the difference.

    ``typed``: an object tells its columns' types; ``listed``: it has one list of columns.

    >>> unmet(Evolution(widened="refuse"), "csv", typed=False, listed=True)
    ('evolution.widened: refuse needs types, which csv does not have',)
    """
    by_type = [kind for kind in ("widened", "narrowed") if getattr(policy, kind) == "refuse" and not typed]
    by_name = [kind for kind in ("added", "renamed") if getattr(policy, kind) == "refuse" and not listed]
    return (
        *(f"evolution.{kind}: refuse needs types, which {format_} does not have" for kind in by_type),
        *(f"evolution.{kind}: refuse needs one list of columns, not one a record as {format_} has" for kind in by_name),
    )


def _of_column(contract: Contract, column: Column, delivered: Delivered, nothing: bool) -> Iterator[Difference]:
    policy = contract.evolution
    there = [name for name in column.names if name in delivered]
    if not there:
        needed = nothing or not column.nullable or column.name in contract.keys
        answer: Answer = "refuse" if needed else policy.removed
        yield Difference(kind="removed", column=column.name, answer=answer, told=f"{column.name} is missing")
        return
    if len(there) > 1:
        told = f"{column.name} is there under the names {', '.join(there)}"
        yield Difference(kind="renamed", column=column.name, answer="refuse", told=told)
    elif there[0] != column.name:
        told = f"{column.name} is there as {there[0]}"
        yield Difference(kind="renamed", column=column.name, answer=policy.renamed, told=told)
    yield from _of_type(column, delivered[there[0]], policy)


def _of_type(column: Column, type_: str | None, policy: Evolution) -> Iterator[Difference]:
    if type_ is None:
        return
    told = f"{column.name} is {type_}, agreed {column.type}"
    if is_wider(column.type, type_):
        yield Difference(kind="widened", column=column.name, answer=policy.widened, told=told)
    elif is_wider(type_, column.type):
        yield Difference(kind="narrowed", column=column.name, answer=policy.narrowed, told=told)
