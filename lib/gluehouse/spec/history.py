"""What a history table is: how its rows are identified, ordered, deleted and compared. No Spark here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gluehouse.spec.duration import Duration

RESULT_COLUMNS = ("effective_from", "effective_to", "is_current", "batch_id", "loaded_at")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeleteFlag(_Frozen):
    """A column says which rows are deletes, and which, without a key, empty the whole table at their sequence.

    >>> DeleteFlag(column="op", values=["D"]).truncates
    ()
    """

    column: str
    values: tuple[Any, ...] = Field(min_length=1)
    truncates: tuple[Any, ...] = ()


class Untracked(_Frozen):
    """Columns whose changes open no version, and which versions show their newest value."""

    columns: tuple[str, ...] = ()
    mode: Literal["in_interval", "all_versions"] = "in_interval"


class SurrogateKey(_Frozen):
    """Our identity of a version: a running BIGINT, or 128 bits (32 hex digits) of (business key, start).

    >>> SurrogateKey(kind="bigint", column="customer_sk", unknown_member=True).kind
    'bigint'
    """

    kind: Literal["bigint", "hash128"]
    column: str
    unknown_member: bool = Field(
        default=False,
        description="Keep one row with NULL keys and values for facts without a version: key -1, or 32 times f",
    )


class Breaker(_Frozen):
    """A snapshot that would delete more than ``share`` of the valid keys, and ``keys`` or more, is refused."""

    share: float = Field(default=0.2, ge=0, le=1)
    keys: int = Field(default=10, ge=1)


class HistorySpec(_Frozen):
    """How one history table is kept.

    >>> HistorySpec(keys=["iata"], sequence_by=["released_on"], deletes="absence").type
    2
    """

    type: Literal[0, 1, 2] = 2
    keys: tuple[str, ...] = Field(min_length=1)
    sequence_by: tuple[str, ...] = Field(min_length=1)
    effective_at: str | None = None
    deletes: Literal["absence", "none"] | DeleteFlag = "none"
    tracked: tuple[str, ...] | None = None
    untracked: Untracked = Untracked()
    ignore_nulls: bool = False
    tie_breaker: str | None = None
    surrogate_key: SurrogateKey | None = None
    lateness: Duration | None = None
    breaker: Breaker = Breaker()
    deletion_vectors: bool = False

    @field_validator("untracked", mode="before")
    @classmethod
    def _a_plain_list_is_short_for_in_interval(cls, value: Any) -> Any:
        return {"columns": value} if isinstance(value, list | tuple) else value

    @field_validator("deletes", mode="before")
    @classmethod
    def _no_deletes_may_be_left_empty(cls, value: Any) -> Any:
        return "none" if value is None else value

    @field_validator("sequence_by", "keys", mode="before")
    @classmethod
    def _one_name_is_short_for_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _parts_fit_together(self) -> HistorySpec:
        _refuse_twice("keys", self.keys)
        _refuse_twice("sequence_by", self.sequence_by)
        if self.tracked is not None and self.untracked.columns:
            raise ValueError("name either tracked or untracked columns, not both: the rest is the other")
        if self.effective_at and self.deletes == "absence":
            raise ValueError("deletes: absence takes the sequence for its time, so effective_at cannot be given")
        if self.effective_at and self.type != 2:
            raise ValueError(f"type {self.type} keeps one state by sequence, so effective_at cannot be given")
        if self.lateness is not None and len(self.sequence_by) > 1 and not self.effective_at:
            raise ValueError("lateness needs one date or timestamp: one sequence_by column, or effective_at")
        taken = {name.lower() for name in RESULT_COLUMNS}
        if self.surrogate_key:
            taken.add(self.surrogate_key.column.lower())
        for name in (*self.keys, *(self.tracked or ()), *self.untracked.columns):
            if name.lower() in taken:
                raise ValueError(f"{name} is the name of a column that the history table itself writes")
        return self

    @property
    def delete_flag(self) -> DeleteFlag | None:
        return self.deletes if isinstance(self.deletes, DeleteFlag) else None


def _refuse_twice(field: str, names: tuple[str, ...]) -> None:
    if len({name.lower() for name in names}) != len(names):
        raise ValueError(f"{field} names a column twice (letter case does not tell columns apart)")
