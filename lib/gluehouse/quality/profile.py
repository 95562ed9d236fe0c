"""Record count and share of NULLs of every column, in one pass."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Contract
from gluehouse.spec.manifest import RuleReport


def profile(frame: DataFrame, contract: Contract) -> tuple[int, tuple[RuleReport, ...]]:
    """The row count and one report a column: a column that the contract calls not nullable must be complete."""
    nulls = [F.count_if(quoted(name).isNull()).alias(f"n{place}") for place, name in enumerate(contract.column_names)]
    counted = frame.agg(F.count(F.lit(1)).alias("rows"), *nulls).collect()[0]
    rows = int(counted["rows"])
    reports = []
    for place, column in enumerate(contract.columns):
        share = counted[f"n{place}"] / rows if rows else 0.0
        broken = share > 0 and not column.nullable
        reports.append(
            RuleReport(
                rule=f"NullShare {column.name}" + ("" if column.nullable else " = 0"),
                outcome="failed" if broken else "passed",
                severity="warn" if column.nullable else "stop",
                metrics={"null_share": share},
                reason=f"{share:.2%} of {column.name} is NULL, but the contract says not nullable" if broken else "",
            )
        )
    return rows, tuple(reports)
