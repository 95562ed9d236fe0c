"""Record count, share of NULLs of every column, and whatever else a pipeline asks of its rows, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from gluehouse.frames.rules import quoted
from gluehouse.spec.contract import Contract
from gluehouse.spec.manifest import RuleReport


def profile(
    frame: DataFrame, contract: Contract, more: Mapping[str, Column] | None = None
) -> tuple[int, tuple[RuleReport, ...], dict[str, Any]]:
    """The row count; one report a column: a column that the contract calls not nullable must be complete; and the
    values of ``more``, which are aggregates, under their names."""
    asked = dict(more or {})
    nulls = [F.count_if(quoted(name).isNull()).alias(f"n{place}") for place, name in enumerate(contract.column_names)]
    others = [column.alias(f"m{place}") for place, column in enumerate(asked.values())]
    counted = frame.agg(F.count(F.lit(1)).alias("rows"), *nulls, *others).collect()[0]
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
    return rows, tuple(reports), {name: counted[f"m{place}"] for place, name in enumerate(asked)}
