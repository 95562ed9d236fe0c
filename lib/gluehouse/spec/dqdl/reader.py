"""DQDL text -> rules, by recursive descent.

Source of the language: https://docs.aws.amazon.com/glue/latest/dg/dqdl.html and the grammar in the jar of
software.amazon.glue:dqdl. Stricter than the grammar in one thing, as AWS's reference is: each rule of a composite
stands in parentheses (without them the grammar takes `A and B "c"` for one rule with three parameters).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gluehouse.spec.dqdl.conditions import COMPARISONS, condition
from gluehouse.spec.dqdl.cursor import DEEPEST, Cursor, UnreadError, is_name
from gluehouse.spec.dqdl.rules import Composite, Parameter, Reading, Rule, Tag
from gluehouse.spec.dqdl.support import RULE_TYPES
from gluehouse.spec.dqdl.tokens import RESERVED, Fault

_SECTIONS = ("Analyzers", "Metadata", "DataSources", "DefaultLabels")


def read(text: str) -> Reading:
    """The rules of the text and what is wrong with its form; never raises.

    >>> read('Rules = [ RowCount > 10, IsComplete "a" ]').rules[1].name
    'IsComplete'
    >>> print(read("Rules = [ RowCount > ]").faults[0].message)
    expected a number, a date, a duration or a text, found `]`
    """
    reader = _Reader(text)
    try:
        reader.opening()
    except UnreadError as problem:
        return Reading(faults=(problem.fault,))
    return reader.ruleset()


class _Reader(Cursor):
    """Each method reads what it is named after, or raises UnreadError."""

    def opening(self) -> None:
        named = self.here.kind == "word" and self.next.text == "="
        if self.meets(*_SECTIONS):
            self.refuse(f"the section {self.here.text} has no effect here; write Rules = [ … ] alone")
        if named and self.here.text.lower() != "rules":
            self.refuse(f"constants are not supported ({self.here.text}); write the value where it is used")
        self.expect("Rules")
        self.expect("=")
        self.expect("[")

    def ruleset(self) -> Reading:
        rules: list[Rule | Composite] = []
        faults: list[Fault] = []
        while not (self.meets("]") and not rules and not faults):
            start = self.at
            try:
                rule = self.joined(0)
                if not self.meets(",", "]"):
                    self.fail("`,` or `]` after a rule")
                rules.append(rule)
            except UnreadError as problem:
                faults.append(problem.fault)
                self.skip(start)
            if not self.meets(","):
                break
            self.take()
        if self.meets("]"):
            self.take()
            try:
                self.expect_kind("end", "the end of the text after the rules")
            except UnreadError as problem:
                faults.append(problem.fault)
        return Reading(tuple(rules), tuple(faults))

    def skip(self, start: int) -> None:
        """On to the comma or bracket that ends the rule which began at ``start``, so that the next one is read too."""
        self.rewind(start)
        depth = 0
        while self.here.kind != "end" and not (depth == 0 and self.meets(",", "]")):
            depth = max(0, depth + self.meets("(", "[") - self.meets(")", "]"))
            self.take()

    def joined(self, depth: int) -> Rule | Composite:
        return self.chain("or", lambda: self.chain("and", lambda: self.part(depth)))

    def chain(self, operator: Literal["and", "or"], part: Callable[[], Rule | Composite]) -> Rule | Composite:
        """Parts between one operator; `and` binds closer than `or`, as in the grammar."""
        position = self.here.position
        parts = [part()]
        while self.meets(operator, operator.upper()):
            self.take()
            parts.append(part() if self.meets("(") else self.fail(f"`(` after {operator}, as in (RULE) and (RULE)"))
        return parts[0] if len(parts) == 1 else Composite(operator, tuple(parts), position)

    def part(self, depth: int) -> Rule | Composite:
        if not self.meets("("):
            rule = self.rule()
            if self.meets("and", "AND", "or", "OR"):
                self.refuse("each rule of a composite stands in parentheses: (RULE) and (RULE)", rule.position)
            return rule
        if depth == DEEPEST:
            self.refuse(f"rules are nested deeper than {DEEPEST} parentheses")
        self.take()
        rule_or_composite = self.joined(depth + 1)
        self.expect(")")
        if self.meets("labels"):
            self.refuse("labels are known to Glue only; leave them out")
        return rule_or_composite

    def rule(self) -> Rule:
        if self.here.kind != "word" or self.here.text in RESERVED:
            self.fail("a rule, such as RowCount > 0")
        name = self.take()
        parameters = []
        while (parameter := self.parameter()) is not None:
            parameters.append(parameter)
        compared = None
        if self.meets(*COMPARISONS, "!", "not", "between", "in", "matches"):
            compared = condition(self)
        position, where = self.here.position, self.where()
        tags = []
        while self.meets("with"):
            tags.append(self.tag())
        if self.meets("where"):
            self.refuse("`where` stands before `with`")
        if self.meets("labels"):
            self.refuse("labels are known to Glue only; leave them out")
        return Rule(name.text, tuple(parameters), compared, where, tuple(tags), name.position, position)

    def parameter(self) -> Parameter | None:
        position, connector = self.here.position, ""
        if self.meets("of", "OF", "and", "AND") and (self.next.kind == "text" or is_name(self.next)):
            if self.next.text in RULE_TYPES:
                self.refuse("each rule of a composite stands in parentheses: (RULE) and (RULE)")
            connector = self.take().text
        if self.here.kind == "text":
            return Parameter(self.take().text[1:-1], True, connector, position)
        if self.here_is_name and self.here.text != "labels":
            return Parameter(self.take().text, False, connector, position)
        if self.meets("$"):
            self.refuse("constants are not supported; write the value where it is used")
        return None

    def where(self) -> str | None:
        if not self.meets("where"):
            return None
        self.take()
        position = self.here.position
        text = self.expect_kind("text", 'a condition in quotes, as in where "amount > 0"').text[1:-1]
        return text if text.strip() else self.refuse("`where` has no condition", position)

    def tag(self) -> Tag:
        position = self.take().position
        name = self.expect_kind("word", "`threshold` after `with`").text
        return Tag(name, condition(self), position)
