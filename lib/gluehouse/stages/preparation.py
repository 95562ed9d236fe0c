"""What must be at hand before a delivery is read: tables that rules refer to, the salt, rules that Spark can read."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from gluehouse.errors import ConfigError
from gluehouse.frames.parse import How
from gluehouse.spec.protect import is_salted
from gluehouse.spec.row_rule import Expression, Reference
from gluehouse.spec.row_sql import as_condition
from gluehouse.stages import zones
from gluehouse.stages.context import StageContext


def how(context: StageContext) -> How:
    """How the rows of this batch are parsed.

    Raises ConfigError GH1090 (no salt), GH1091 (a rule refers to a table that is not there) and GH1092 (the SQL of a
    rule is none, or no condition), before any row is read.
    """
    contract = context.pipeline.contract
    for rule in contract.row_rules:
        if isinstance(rule, Expression):
            _refuse_wrong_sql(context, rule)
    tables = {rule.table: _table(context, rule) for rule in contract.row_rules if isinstance(rule, Reference)}
    salted = any(is_salted(column.protect) for column in contract.columns)
    if salted and context.salt is None:
        raise ConfigError("GH1090", "the contract has hashes or tokens, but the job reads no secret.", "Deploy again.")
    salt = context.salt() if salted and context.salt else None
    return How(cleanse=context.pipeline.spec.cleanse, tables=tables, salt=salt)


def _table(context: StageContext, rule: Reference) -> DataFrame:
    location = context.table_location(rule.table)
    if not zones.exists(context, f"{location}/_delta_log"):
        raise ConfigError(
            "GH1091",
            f"the row rule {rule.title} cannot be judged: there is no Delta table at {location}.",
            f"Publish {rule.table} first, or correct the name.",
        )
    return context.spark.read.format("delta").load(location)


def _refuse_wrong_sql(context: StageContext, rule: Expression) -> None:
    """Spark reads the rule over no rows: at the read itself its complaint would pass for one about the delivery."""
    empty = context.spark.createDataFrame([], zones.ddl_of(context.pipeline.contract))
    try:
        found = empty.select(F.expr(as_condition(rule.sql))).schema[0].dataType.simpleString()
    except AnalysisException as problem:
        found = f"no SQL over its columns ({problem.getErrorClass() or type(problem).__name__})"
    if found not in ("boolean", "void"):
        raise ConfigError(
            "GH1092",
            f"the row rule {rule.name} cannot be judged: `{rule.sql}` is {found}.",
            "Write a condition over the contract's columns.",
        )
