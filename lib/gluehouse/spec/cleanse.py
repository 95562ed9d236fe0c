"""How the texts of one source are cleaned, before they are cast to the contract's types.

The steps of a column have one order, whatever order they are written in: null tokens, Unicode, trim, replace, case,
null tokens again. Then come the cast, the default, the row rules, and what repeats other rows is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from gluehouse.spec.contract import Contract
from gluehouse.spec.literal import is_value
from gluehouse.spec.model import Spec
from gluehouse.spec.regex import Regex

# What Java's Matcher.appendReplacement reads: text, an escaped character, or a group.
_REPLACEMENT = re.compile(r"(?:[^\\$]|\\[\\$]|\$(?P<group>\d))*")
_GROUP = re.compile(r"(?:^|[^\\])(?:\\\\)*\$(\d)")


class Replace(Spec):
    """Every match of ``pattern`` becomes ``to``, where ``$1`` to ``$9`` are its groups and ``\\$`` is a dollar."""

    pattern: Regex
    to: str

    @model_validator(mode="after")
    def _groups_are_there(self) -> Replace:
        if not _REPLACEMENT.fullmatch(self.to):
            raise ValueError(f"'{self.to}' is no replacement; write $1 for a group, \\$ for a dollar, \\\\ for a \\")
        groups = re.compile(self.pattern).groups
        missing = [found for found in _GROUP.findall(self.to) if int(found) > groups]
        if missing:
            raise ValueError(f"'{self.to}' names the group ${missing[0]}, but '{self.pattern}' has {groups}")
        return self


class TextSteps(Spec):
    """What is done to a column where it is delivered as text."""

    null_tokens: tuple[str, ...] = Field(default=(), description="Texts that mean NULL here, beside the source's")
    unicode: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = Field(
        default=None, description="Unicode normalisation form; this step alone runs in Python"
    )
    trim: Literal["ends", "all"] | None = Field(
        default=None, description="White space: ends: none at both ends; all: and one blank for each run inside"
    )
    replace: tuple[Replace, ...] = Field(default=(), description="In this order")
    case: Literal["upper", "lower", "title"] | None = None

    @property
    def changes_text(self) -> bool:
        return bool(self.unicode or self.trim or self.replace or self.case)


class ColumnSteps(TextSteps):
    """The same, and the value that stands for NULL."""

    default: str | None = Field(default=None, description="Instead of NULL; dates and times in ISO 8601")


class Deduplicate(Spec):
    """Of good rows with the same ``keys`` those first or last in the order of ``order_by`` are kept, once each.

    Rows that stand at the same place and differ are all kept: nobody can say which is meant.
    """

    keys: tuple[str, ...] = Field(min_length=1, description="A row with NULL in one of them is kept")
    order_by: tuple[str, ...] = Field(default=(), description="None: only rows that are the same in all columns go")
    keep: Literal["first", "last"] = "last"


class Cleanse(Spec):
    """What is done to delivered rows so that they can be what the contract says.

    >>> Cleanse(texts={"trim": "ends"}, columns={"town": {"case": "title"}}).steps("town").trim is None
    True
    """

    texts: TextSteps = Field(default=TextSteps(), description="For columns that `columns` does not name")
    columns: dict[str, ColumnSteps] = Field(default_factory=dict)
    deduplicate: Deduplicate | None = None

    @property
    def names(self) -> frozenset[str]:
        """The columns that it names anywhere."""
        among = (*self.deduplicate.keys, *self.deduplicate.order_by) if self.deduplicate else ()
        return frozenset((*self.columns, *among))

    def steps(self, column: str) -> TextSteps:
        """The steps of a column: its own or those for all others, never a mixture."""
        return self.columns.get(column, self.texts)

    def default(self, column: str) -> str | None:
        own = self.columns.get(column)
        return own.default if own else None


def unfit(cleanse: Cleanse, contract: Contract, format_: str) -> Iterator[str]:
    """What of it cannot be done to rows of this contract that come in this format, one sentence each."""
    for name, steps in cleanse.columns.items():
        if name not in contract.column_names:
            yield f"cleanse.columns names {name}, which is none of its columns"
            continue
        column = contract.column(name)
        typed = format_ in ("json", "json_document") and column.type.startswith("decimal")
        if typed and (steps.changes_text or steps.null_tokens):
            yield f"cleanse.columns changes the text of {name}, but decimals of JSON are read as numbers"
        if steps.default is not None and not is_value(steps.default, column.type):
            yield f"cleanse.columns gives {name} the default '{steps.default}', which is no {column.type}"
        if steps.default is not None and name in contract.keys:
            yield f"cleanse.columns gives the key {name} a default, so that different things would be one"
    yield from _unfit_order(cleanse.deduplicate, contract)


def _unfit_order(deduplicate: Deduplicate | None, contract: Contract) -> Iterator[str]:
    if deduplicate is None:
        return
    for name in (*deduplicate.keys, *deduplicate.order_by):
        if name not in contract.column_names:
            yield f"cleanse.deduplicate names {name}, which is none of its columns"
        elif "<" in contract.column(name).type:
            yield f"cleanse.deduplicate names {name}, of a nested type, which has no order"
        elif name in deduplicate.order_by and contract.column(name).nullable:
            yield f"cleanse.deduplicate orders by {name}, which may be NULL; write nullable: false there"
