"""Schema drift: what was written against what the output contract says."""

from __future__ import annotations

from pyspark.sql.types import StructType

from gluehouse.spec.manifest import RuleReport


def drift(found: StructType, agreed: StructType, contract: str) -> RuleReport:
    """One report: passed where names and types are those agreed on in ``contract``, in any order."""
    actual = {field.name: field.dataType.simpleString() for field in found}
    wanted = {field.name: field.dataType.simpleString() for field in agreed}
    changes = [
        *(f"{name} is missing" for name in wanted.keys() - actual.keys()),
        *(f"{name} is new" for name in actual.keys() - wanted.keys()),
        *(f"{n} is {actual[n]}, agreed {wanted[n]}" for n in wanted.keys() & actual.keys() if actual[n] != wanted[n]),
    ]
    return RuleReport(
        rule=f"SchemaMatches {contract}",
        outcome="failed" if changes else "passed",
        severity="stop",
        metrics={"columns": len(actual)},
        reason="; ".join(sorted(changes)),
    )
