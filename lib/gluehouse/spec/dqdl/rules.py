"""What a DQDL rule IS once it is read. Two rules are equal where they say the same, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from gluehouse.spec.dqdl.tokens import Fault, Position

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "between", "not between", "in", "not in", "matches", "not matches"]
OperandKind = Literal[
    "number", "text", "date", "time", "now", "duration", "size", "null", "keyword", "constant", "call", "arithmetic"
]
Family = Literal["number", "text", "date", "duration", "size", "null"]

_FAMILIES: dict[Family, tuple[OperandKind, ...]] = {
    "null": ("null",),
    "number": ("number", "call", "arithmetic", "null"),
    "text": ("text", "keyword", "constant", "null"),
    "date": ("date", "time", "now", "null"),
    "duration": ("duration",),
    "size": ("size",),
}


@dataclass(frozen=True)
class Operand:
    """One value of a condition. ``text`` is as DQDL writes it; of a text, a date and a time, what the quotes hold."""

    kind: OperandKind
    text: str

    def __str__(self) -> str:
        return f'"{self.text}"' if self.kind in ("text", "date", "time") else self.text


@dataclass(frozen=True)
class Condition:
    operator: Operator
    operands: tuple[Operand, ...]
    position: Position = field(default=Position(), compare=False)

    def __str__(self) -> str:
        if self.operator.endswith("between"):
            return f"{self.operator} {self.operands[0]} and {self.operands[1]}"
        told = ", ".join(map(str, self.operands))
        bare = not self.operator.endswith("in") or self.operands[0].kind == "constant"
        return f"{self.operator} {told}" if bare else f"{self.operator} [{told}]"

    @property
    def family(self) -> Family | None:
        """What all operands can be taken for; None where they are of several kinds."""
        kinds = {operand.kind for operand in self.operands}
        return next((family for family, members in _FAMILIES.items() if kinds <= set(members)), None)

    def has(self, *kinds: OperandKind) -> bool:
        return any(operand.kind in kinds for operand in self.operands)


@dataclass(frozen=True)
class Parameter:
    """What stands between a rule's name and its condition, with the connector word before it (``of``, ``and``)."""

    text: str
    quoted: bool = True
    connector: str = ""
    position: Position = field(default=Position(), compare=False)

    def __str__(self) -> str:
        told = f'"{self.text}"' if self.quoted else self.text
        return f"{self.connector} {told}" if self.connector else told


@dataclass(frozen=True)
class Tag:
    """``with NAME CONDITION``; the name is mostly ``threshold``."""

    name: str
    condition: Condition
    position: Position = field(default=Position(), compare=False)

    def __str__(self) -> str:
        return f"with {self.name} {self.condition}"


@dataclass(frozen=True)
class Rule:
    """One rule: ``NAME PARAMETERS CONDITION where "SQL" with threshold CONDITION``."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    condition: Condition | None = None
    where: str | None = None
    tags: tuple[Tag, ...] = ()
    position: Position = field(default=Position(), compare=False)
    where_position: Position = field(default=Position(), compare=False)

    def __str__(self) -> str:
        where = () if self.where is None else (f'where "{self.where}"',)
        condition = () if self.condition is None else (self.condition,)
        return " ".join(map(str, (self.name, *self.parameters, *condition, *where, *self.tags)))

    def leaves(self) -> Iterator[Rule]:
        yield self


@dataclass(frozen=True)
class Composite:
    """Rules joined by one operator. Each is judged over the whole data set before they are joined."""

    operator: Literal["and", "or"]
    rules: tuple[Rule | Composite, ...]
    position: Position = field(default=Position(), compare=False)

    def __str__(self) -> str:
        return f" {self.operator} ".join(f"({rule})" for rule in self.rules)

    def leaves(self) -> Iterator[Rule]:
        for rule in self.rules:
            yield from rule.leaves()


@dataclass(frozen=True)
class Reading:
    """A text as far as it could be read: its rules, and a fault for each one that could not be."""

    rules: tuple[Rule | Composite, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return "Rules = [\n" + ",\n".join(f"  {rule}" for rule in self.rules) + "\n]\n"
