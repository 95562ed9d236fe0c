"""What the check accepts is what PyDeequ evaluates: a rule may fail on data, but never for want of support."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from pyspark.sql import SparkSession

from gluehouse.quality.dqdl import evaluate
from tests.dqdl_rules import ACCEPTED, CONTRACT

NOT_EVALUATED = re.compile(
    "not supported|xception|not executed|does not (exist|include)|[Ee]xpected type|invalid|Empty state"
)
DAY, TIME = dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5)
ROWS = [
    (1, 1, Decimal("1.50"), 2.0, "new", "12", True, DAY, TIME, ["a"]),
    (2, 1, Decimal("-2.00"), 4.5, "paid", "345", False, DAY, TIME, []),
    (3, 2, None, None, "paid", None, None, None, None, None),
    (4, 2, Decimal("7.25"), 3.0, "paid", "a", True, DAY, TIME, None),
]


def test_every_rule_that_the_check_accepts_is_evaluated(spark: SparkSession) -> None:
    schema = ", ".join(f"{column.name} {column.type}" for column in CONTRACT.columns)
    frame = spark.createDataFrame(ROWS, schema)
    reports = evaluate(spark, frame, "Rules = [" + ",\n".join(ACCEPTED) + "]", "stop")
    assert len(reports) == len(ACCEPTED)
    assert {report.rule: report.reason for report in reports if NOT_EVALUATED.search(report.reason)} == {}
