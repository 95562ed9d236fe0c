"""What a change of a contract IS: its kind, how severe it is, and the places that it breaks."""

from __future__ import annotations

from typing import Literal

from gluehouse.spec.model import Spec

Severity = Literal["compatible", "risky", "breaking"]
SEVERITIES: tuple[Severity, ...] = ("compatible", "risky", "breaking")
ChangeKind = Literal[
    "column_added", "column_removed", "column_renamed", "type_widened", "type_narrowed", "type_changed",
    "nullable_tightened", "nullable_loosened", "format_changed", "zone_changed", "alias_added", "alias_removed",
    "pii_changed", "protection_changed", "key_changed", "rule_added", "rule_removed",
    "rule_tightened", "rule_loosened", "rule_changed", "policy_changed", "limit_changed", "description_changed",
]  # fmt: skip


class Break(Spec):
    """What a change does to one place that uses the contract: ``where`` is a file and a path in it."""

    where: str
    severity: Severity
    why: str


class Change(Spec):
    """One change of ``subject`` (a column by its old name, a rule's title, a policy), and what it breaks."""

    kind: ChangeKind
    subject: str
    was: str = ""
    now: str = ""
    severity: Severity
    why: str
    breaks: tuple[Break, ...] = ()

    def breaking(self, breaks: tuple[Break, ...]) -> Change:
        """The same change with what it breaks, as severe as the worst of that."""
        severity = worst(self.severity, *(found.severity for found in breaks))
        return self.model_copy(update={"breaks": breaks, "severity": severity})


def worst(*severities: Severity) -> Severity:
    """
    >>> worst("compatible", "breaking", "risky"), worst()
    ('breaking', 'compatible')
    """
    return max(severities, key=SEVERITIES.index, default="compatible")
