"""Schema drift: what was written against what the output contract says, and against the last published run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyspark.sql.types import StructType

from gluehouse.spec.check import DriftCheck
from gluehouse.spec.manifest import RuleReport
from gluehouse.spec.metrics import RunMetrics

# A schema is remembered as metrics without a value, one a column, so that it needs no form of its own.
_REMEMBERED = re.compile(r"type\((?P<column>.+?)\)=(?P<type>.+)", re.S)


def drift(found: StructType, agreed: StructType, contract: str) -> RuleReport:
    """One report: passed where names and types are those agreed on in ``contract``, in any order."""
    actual = types_of(found)
    changes = _changes(actual, types_of(agreed), "agreed")
    return RuleReport(
        rule=f"SchemaMatches {contract}",
        outcome="failed" if changes else "passed",
        severity="stop",
        metrics={"columns": len(actual)},
        reason="; ".join(changes),
    )


def since_last_run(check: DriftCheck, actual: Mapping[str, str], earlier: Sequence[RunMetrics]) -> RuleReport:
    """``actual``: column -> type now; ``earlier``: published runs that this one may be compared with, oldest first.

    Passed where no earlier run remembers its columns: there is nothing to differ from.
    """
    last = next((found for run in reversed(earlier) if (found := _recalled(run))), None)
    changes = _changes(actual, last, "was") if last is not None else []
    told = "; ".join(changes) or "as in the last published run"
    return RuleReport(
        rule="SchemaMatches last run",
        outcome="failed" if changes else "passed",
        severity=check.severity,
        metrics={"found": len(actual), "expected": None if last is None else len(last)},
        reason="no earlier published run tells its columns" if last is None else told,
    )


def types_of(schema: StructType) -> dict[str, str]:
    """Column -> type, as Spark writes it."""
    return {field.name: field.dataType.simpleString() for field in schema}


def remembered(actual: Mapping[str, str]) -> dict[str, float | None]:
    """The metrics by which a later run knows these columns.

    >>> remembered({"depth": "decimal(5,2)"})
    {'type(depth)=decimal(5,2)': None}
    """
    return {f"type({name})={kind}": None for name, kind in actual.items()}


def _recalled(run: RunMetrics) -> dict[str, str]:
    found = (_REMEMBERED.fullmatch(metric) for metric in run.values)
    return {one["column"]: one["type"] for one in found if one is not None}


def _changes(actual: Mapping[str, str], wanted: Mapping[str, str], before: str) -> list[str]:
    return sorted(
        [
            *(f"{name} is missing" for name in wanted.keys() - actual.keys()),
            *(f"{name} is new" for name in actual.keys() - wanted.keys()),
            *(
                f"{name} is {actual[name]}, {before} {wanted[name]}"
                for name in wanted.keys() & actual.keys()
                if actual[name] != wanted[name]
            ),
        ]
    )
