"""Which rule types work: one table, which the check and docs/quality.md hold to.

Sources: AWS's list of rule types (https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types.html); the rule types that
the jar software.amazon.glue:dqdl 1.0.0 parses; what com.amazon.deequ:deequ 2.1.0-spark-3.5 does with each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

RuleEngine = Literal["deequ", "glue"]
Support = Literal["supported", "differs", "unsupported", "glue-only"]
Role = Literal[
    "column", "column that is not nested", "number column", "text column", "date or timestamp column", "columns",
    "pattern", "aggregate",
]  # fmt: skip
Takes = Literal["nothing", "number", "values", "duration", "type"]


@dataclass(frozen=True)
class RuleType:
    """What one rule type takes, and whether it may be used.

    ``low`` and ``high`` bound what the rule measures: a condition beyond them always or never holds.
    ``limits`` tells which forms of a supported type are refused; ``reason`` and ``instead`` belong to other verdicts.
    ``on_glue``: the service judges it, whatever PyDeequ does; ``threshold``: there it takes `with threshold`.
    """

    support: Support = "supported"
    parameters: tuple[Role, ...] = ()
    takes: Takes = "number"
    where: bool = False
    low: float = -math.inf
    high: float = math.inf
    limits: str = ""
    reason: str = ""
    instead: str = ""
    on_glue: bool = True
    threshold: bool = False


def _share(limits: str = "no columns of nested types") -> RuleType:
    return RuleType(parameters=("column that is not nested",), where=True, low=0, high=1, limits=limits)


def _about(role: Role, low: float = -math.inf) -> RuleType:
    return RuleType(parameters=(role,), where=True, low=low)


def _glue(reason: str, instead: str, threshold: bool = False) -> RuleType:
    return RuleType("glue-only", reason=reason, instead=instead, threshold=threshold)


def _second(instead: str) -> RuleType:
    reason = "it needs a second data set, and no pipeline hands one over"
    return RuleType("unsupported", reason=reason, instead=instead, on_glue=False)


def _files(threshold: bool = False) -> RuleType:
    reason = "it looks at files in S3, which PyDeequ cannot"
    return _glue(reason, "drop it; ValidateInput checks what was delivered", threshold)


_ANALYZER = RuleType(
    "glue-only",
    reason="it is an analyzer and judges nothing",
    instead="drop it; the null shares of all columns are recorded anyway",
    on_glue=False,
)
_NOT_IN_AWS = RuleType(
    "unsupported",
    reason="Deequ has it, but neither AWS's reference nor the DQDL parser of this release knows it",
    instead="use StandardDeviation, Mean or ColumnValues, or a row rule of the contract",
    on_glue=False,
)

RULE_TYPES: dict[str, RuleType] = {
    "AggregateMatch": RuleType(
        parameters=("aggregate", "aggregate"),
        limits="`sum` and `avg` of number columns of this data set; none of a reference data set",
    ),
    "ColumnCorrelation": RuleType(parameters=("number column", "number column"), where=True, low=-1, high=1),
    "ColumnCount": RuleType(low=0),
    "ColumnDataType": RuleType(
        parameters=("text column",),
        takes="type",
        where=True,
        limits="only `=` and the types of AWS's reference; no `with threshold`",
        threshold=True,
    ),
    "ColumnExists": RuleType(parameters=("column",), takes="nothing"),
    "ColumnLength": RuleType(
        parameters=("text column",),
        where=True,
        low=0,
        limits="no `!=`; no 0 in `not in` and `not between`; `>`, `>=`, `=` and `between` only without NULLs",
    ),
    "ColumnNamesMatchPattern": RuleType(
        parameters=("pattern",), takes="nothing", limits="the pattern begins with `^` and ends with `$`"
    ),
    "ColumnValues": RuleType(
        parameters=("column",),
        takes="values",
        where=True,
        limits="no `with threshold`, no `not matches`, no `|` outside of parentheses; days, not times of day",
        threshold=True,
    ),
    "Completeness": _share(),
    "CustomSql": RuleType(
        "unsupported",
        reason="it reads a view named primary, which the run does not make",
        instead="write a row rule `expression` in the contract, or several rules",
        threshold=True,
    ),
    "DataFreshness": RuleType(parameters=("date or timestamp column",), takes="duration", where=True),
    "DatasetMatch": _second("compare the tables outside of the run"),
    "DetectAnomalies": _glue(
        "it needs the statistics that Glue keeps of earlier runs",
        "write fixed bounds, such as RowCount between 900 and 1100",
    ),
    "DistinctValuesCount": _about("column", low=0),
    "Distribution": _ANALYZER,
    "AllStatistics": _ANALYZER,
    "DuplicateRowCount": _NOT_IN_AWS,
    "Entropy": RuleType(
        parameters=("column that is not nested",), where=True, low=0, limits="no columns of nested types"
    ),
    "FileFreshness": _files(threshold=True),
    "FileMatch": _files(),
    "FileSize": _files(threshold=True),
    "FileUniqueness": _files(),
    "InterquartileRange": _NOT_IN_AWS,
    "IsComplete": RuleType(
        parameters=("column that is not nested",), takes="nothing", where=True, limits="no columns of nested types"
    ),
    "IsPrimaryKey": RuleType(
        parameters=("columns",),
        takes="nothing",
        where=True,
        limits="no columns of nested types; several only where the output contract says `nullable: false` for each",
    ),
    "IsUnique": RuleType(
        parameters=("column that is not nested",),
        takes="nothing",
        where=True,
        limits="one column, of no nested type",
    ),
    "Kurtosis": _NOT_IN_AWS,
    "Mean": _about("number column"),
    "Range": _NOT_IN_AWS,
    "ReferentialIntegrity": _second("use the transform `lookup` with misses: quarantine"),
    "RowCount": RuleType(where=True, low=0),
    "RowCountMatch": _second("write RowCount with bounds"),
    "SchemaMatch": _second("drop it; stage 3 holds every data set against its output contract"),
    "Skewness": _NOT_IN_AWS,
    "StandardDeviation": _about("number column", low=0),
    "Sum": _about("number column"),
    "UniqueValueRatio": _share(),
    "Uniqueness": _share("one column, of no nested type"),
    "Variance": _NOT_IN_AWS,
    "ZerosCount": _NOT_IN_AWS,
}
