"""Schema drift: what was written against what the output contract says."""

from __future__ import annotations

from pyspark.sql.types import StructType

from gluehouse.spec.contract import Contract
from gluehouse.spec.manifest import RuleReport


def drift(found: StructType, contract: Contract) -> RuleReport:
    """One report: passed where names and types are the contract's, in any order."""
    actual = {field.name: field.dataType.simpleString() for field in found}
    agreed = {column.name: StructType.fromDDL(f"`c` {column.type}")[0].dataType.simpleString() for column in contract.columns}
    changes = [
        *(f"{name} is missing" for name in agreed.keys() - actual.keys()),
        *(f"{name} is new" for name in actual.keys() - agreed.keys()),
        *(f"{n} is {actual[n]}, agreed {agreed[n]}" for n in agreed.keys() & actual.keys() if actual[n] != agreed[n]),
    ]
    return RuleReport(
        rule=f"SchemaMatches {contract.contract}",
        outcome="failed" if changes else "passed",
        severity="stop",
        metrics={"columns": len(actual)},
        reason="; ".join(sorted(changes)),
    )
