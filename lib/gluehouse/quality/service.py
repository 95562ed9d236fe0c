"""Data set rules evaluated by Glue Data Quality, as reports that look like those of PyDeequ.

Source of the columns: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-pyspark-transforms-EvaluateDataQuality.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pyspark.errors import IllegalArgumentException
from pyspark.sql import DataFrame, Row

from gluehouse.errors import ConfigError, QualityError
from gluehouse.spec.dqdl.reader import read
from gluehouse.spec.dqdl.support import RULE_TYPES
from gluehouse.spec.manifest import RuleReport

Severity = Literal["stop", "warn"]
Service = Callable[[DataFrame, str, str], DataFrame]
"""Rows to judge, rules in DQDL, the name under which Glue publishes results -> one row a rule: Rule, Outcome
(Passed, Failed, Error), FailureReason, EvaluatedMetrics (map of text to double)."""

COLUMNS = ("Rule", "Outcome", "FailureReason", "EvaluatedMetrics")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_HEAD = re.compile(r"(?:^|\()\s*([A-Za-z]+)")


def evaluate(
    service: Service | None, name: str, frame: DataFrame, ruleset: str, severity: Severity
) -> tuple[RuleReport, ...]:
    """One report a rule, in the order that Glue gives. A rule that could not be evaluated is failed.

    Raises ConfigError GH1031 where there is no service, ConfigError GH1030 for bad syntax, and QualityError GH3004
    where what came back is not one outcome for each rule.
    """
    if service is None:
        raise missing("this session")
    try:
        found = service(frame, ruleset, f"{name}_{severity}")
        rows = [] if _lacking(found.columns) else found.collect()
    except IllegalArgumentException as problem:
        told = str(problem).splitlines()[0]
        raise ConfigError("GH1030", f"the rules are no DQDL: {told}.", "Correct quality in the pipeline.") from problem
    if lacking := _lacking(found.columns):
        raise _mismatch(f"outcomes without {', '.join(lacking)}", f"the columns {', '.join(COLUMNS)}")
    return reports([row.asDict() for row in rows], ruleset, severity)


def reports(rows: Sequence[Mapping[str, Any]], ruleset: str, severity: Severity) -> tuple[RuleReport, ...]:
    """Glue's rows as reports; raises QualityError GH3004 where they are not about the rules of ``ruleset``.

    Glue may write a rule otherwise than its author did, so rules are told apart by their types: each that was asked for
    has an outcome, and none is there that was not.
    """
    asked = Counter(tuple(sorted(leaf.name for leaf in rule.leaves())) for rule in read(ruleset).rules)
    answered = Counter(_types(row["Rule"] or "") for row in rows)
    if asked != answered:
        raise _mismatch(_listed(answered - asked), _listed(asked - answered))
    # No rule stands twice in what gluehouse check accepts, so a text told twice took the place of another's.
    texts = Counter(" ".join(row["Rule"].split()) for row in rows)
    if twice := Counter(_types(text) for text, count in texts.items() if count > 1):
        raise _mismatch(f"{_listed(twice)} told twice", "each rule once")
    return tuple(_report(row, severity) for row in rows)


def missing(where: str) -> ConfigError:
    """There is no Glue Data Quality ``where`` the rules are to be judged."""
    return ConfigError(
        "GH1031",
        f"quality.engine is glue, but {where} has no Glue Data Quality (the module awsgluedq).",
        "It is in jobs on AWS Glue only, not in the Docker image: run the pipeline there, or write engine: deequ.",
    )


def _lacking(columns: Sequence[str]) -> list[str]:
    return [name for name in COLUMNS if name not in columns]


def _mismatch(found: str, expected: str) -> QualityError:
    return QualityError(
        "GH3004",
        f"Glue Data Quality answered otherwise than it was asked: found {found}, expected {expected}.",
        "Nothing was published. Report a defect with the pipeline's rules; until it is mended, write engine: deequ.",
    )


def _types(rule: str) -> tuple[str, ...]:
    """The rule types of a rule or a composite, whatever its blanks, quotes and order are.

    >>> _types('(RowCount > avg(last(3)))  or (IsComplete "(Mean")')
    ('IsComplete', 'RowCount')
    """
    return tuple(sorted(word for word in _HEAD.findall(_QUOTED.sub("x", rule)) if word in RULE_TYPES))


def _listed(rules: Counter[tuple[str, ...]]) -> str:
    told = [f"{count} of {' with '.join(types) or 'no known type'}" for types, count in sorted(rules.items())]
    return ", ".join(told) or "no rule more"


def _report(row: Mapping[str, Any], severity: Severity) -> RuleReport:
    passed = row["Outcome"] == "Passed"
    return RuleReport(
        rule=row["Rule"],
        outcome="passed" if passed else "failed",
        severity=severity,
        metrics=_metrics(row["EvaluatedMetrics"]),
        reason="" if passed else _reason(row),
    )


def _metrics(found: Mapping[str, float | None] | Row | None) -> dict[str, float | None]:
    # A DynamicFrame may tell a map as a structure, with a field for each key of any rule.
    if isinstance(found, Row):
        return {name: value for name, value in found.asDict().items() if value is not None}
    return dict(found or {})


def _reason(row: Mapping[str, Any]) -> str:
    told = row["FailureReason"] or "no reason was given"
    outcome = row["Outcome"]
    return told if outcome == "Failed" else f"it could not be evaluated: {told} (outcome {outcome or 'missing'})"
