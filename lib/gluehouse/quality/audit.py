"""Audits: SQL over the processed rows, staged ones and reference tables; the rows that it returns are violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from gluehouse.quality.anomaly import number
from gluehouse.spec.check import Audit
from gluehouse.spec.manifest import RuleReport

Views = Mapping[str, Callable[[], DataFrame]]
# What Spark throws inside of a job where the SQL meets a value that it cannot take.
_OF_VALUES = {
    "ArithmeticException",
    "DateTimeException",
    "NumberFormatException",
    "SparkArithmeticException",
    "SparkArrayIndexOutOfBoundsException",
    "SparkDateTimeException",
    "SparkNumberFormatException",
    "SparkRuntimeException",
}


def evaluate(spark: SparkSession, audits: Mapping[Audit, str], views: Views, rows: int) -> list[RuleReport]:
    """One report an audit, in their order. ``audits``: with their texts; ``views``: name -> what makes the frame
    behind it, asked where a text has the name; ``rows``: of the processed data set.

    An audit that Spark cannot evaluate is failed, with a reason that has no value of a row. What is no fault of the
    SQL (a service, a lost executor) is raised as it is, so that the stage is run again.
    """
    return [_evaluated(spark, audit, text, views, rows) for audit, text in audits.items()]


def _evaluated(spark: SparkSession, audit: Audit, text: str, views: Views, rows: int) -> RuleReport:
    try:
        with _visible(spark, text, views):
            return _judged(audit, spark.sql(text.strip().rstrip(";")).count(), rows)
    except (PySparkException, Py4JJavaError) as problem:
        reason = _reason(problem)
        if reason is None:
            raise
    return RuleReport(rule=_title(audit), outcome="failed", severity=audit.severity, reason=reason)


@contextmanager
def _visible(spark: SparkSession, text: str, views: Views) -> Iterator[None]:
    """The views that a text has the names of, for as long as it runs."""
    named = [name for name in views if name in text.lower()]
    try:
        for name in named:
            views[name]().createOrReplaceTempView(name)
        yield
    finally:
        for name in named:
            spark.catalog.dropTempView(name)


def _judged(audit: Audit, found: int, rows: int) -> RuleReport:
    allowed = audit.allowed(rows)
    expected = f"at most {number(allowed)}" if allowed else "none"
    return RuleReport(
        rule=_title(audit),
        outcome="failed" if found > allowed else "passed",
        severity=audit.severity,
        metrics={"found": found, "expected": 0, "allowed": allowed},
        reason=f"found {found} rows, expected {expected}; the file's SELECT lists them",
    )


def _title(audit: Audit) -> str:
    return f"Audit {audit.name}"


def _reason(problem: Exception) -> str | None:
    """Why the SQL could not be evaluated, without any value; None where the SQL is not at fault."""
    if isinstance(problem, AnalysisException | ParseException):
        # Told before a row is read, so it can only quote the SQL; behind the first line comes Spark's plan.
        first = next((line for line in str(problem).splitlines() if line.strip()), "no reason was given")
        return f"it could not be evaluated: {first.strip()}"
    if isinstance(problem, PySparkException):
        return f"it could not be evaluated: {problem.getErrorClass() or type(problem).__name__} at some row"
    thrown = getattr(problem, "java_exception", None)
    while thrown is not None:
        name, cause = str(thrown.getClass().getSimpleName()), thrown.getCause()
        # Spark 3.5's raise_error throws a plain one; those of services are wrapped around what happened.
        if name in _OF_VALUES or (name == "RuntimeException" and cause is None):
            return f"it could not be evaluated: {name} at some row"
        thrown = cause
    return None
