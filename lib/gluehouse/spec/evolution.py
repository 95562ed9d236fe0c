"""What becomes of a delivery that differs from its contract: one answer for each kind of difference.

The answers are `evolve`, `ignore`, `quarantine` and `refuse`. Not each can work for each kind: a run reads a contract
that was compiled before the delivery came, so it cannot take up what nobody agreed on.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from gluehouse.spec.model import Spec

Kind = Literal["added", "removed", "widened", "narrowed", "renamed"]
Answer = Literal["evolve", "ignore", "quarantine", "refuse"]

_NEW_VERSION = "the columns of staging and table are the contract's; agree on a new version of it"
_EVERY_ROW = "it would set every row of the delivery aside; `refuse` says the same in one error"
CANNOT: dict[tuple[str, str], str] = {
    ("added", "evolve"): _NEW_VERSION,
    ("added", "quarantine"): _EVERY_ROW,
    ("removed", "evolve"): _NEW_VERSION,
    ("removed", "quarantine"): _EVERY_ROW,
    ("widened", "evolve"): _NEW_VERSION,
    ("widened", "ignore"): "values that do not fit would be nulled; `quarantine` takes all others",
    ("narrowed", "evolve"): "every value fits the agreed type; `ignore` takes it as that",
    ("narrowed", "quarantine"): _EVERY_ROW,
    ("renamed", "ignore"): "the agreed column would then be missing; take the name out of `aliases`",
    ("renamed", "quarantine"): _EVERY_ROW,
}


class Evolution(Spec):
    """The answer to each kind of difference between what is delivered and what was agreed.

    >>> Evolution().removed, Evolution(removed="ignore").removed
    ('refuse', 'ignore')
    """

    added: Literal["ignore", "refuse"] = Field(
        default="ignore", description="A column is delivered that the contract has not"
    )
    removed: Literal["ignore", "refuse"] = Field(
        default="refuse", description="A column is not delivered; ignore: NULL, where it is nullable and no key"
    )
    widened: Literal["quarantine", "refuse"] = Field(
        default="quarantine",
        description="A column has a wider type than agreed; quarantine: the rows whose values do not fit",
    )
    narrowed: Literal["ignore", "refuse"] = Field(
        default="ignore", description="A column has a narrower type than agreed; ignore: its values fit"
    )
    renamed: Literal["evolve", "refuse"] = Field(
        default="evolve", description="A column is delivered under one of its aliases; evolve: take it as the column"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _can_work(cls, value: Any, info: Any) -> Any:
        reason = CANNOT.get((info.field_name, value)) if isinstance(value, str) else None
        if reason:
            raise ValueError(f"{info.field_name}: {value} cannot work: {reason}")
        return value
