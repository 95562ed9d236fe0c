"""A plan's rows, computed once so that memory and table are written from the same ones, and counted on the way."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from gluehouse.history.layout import Layout
from gluehouse.history.memory import SUFFIX
from gluehouse.history.small import held
from gluehouse.history.surrogate import is_new


class PlanFile:
    """The change set, materialised once as Parquet so that memory and table are written from the same rows."""

    def __init__(self, spark: SparkSession, location: str, layout: Layout) -> None:
        # Inside memory's folder, under a name that Delta and Spark take for hidden.
        self.path = location.rstrip("/") + SUFFIX + "/_plan"
        self.spark, self.layout = spark, layout
        self.schema: T.StructType | None = None

    def write(self, plan: DataFrame) -> dict[str, int]:
        """Write the rows that change something; counts of all of them, taken in the same job."""
        seen = Observation("plan")
        counted = plan.observe(seen, *[column.alias(name) for name, column in plan_counts(self.layout).items()])
        self.schema = plan.schema
        changing(counted).write.mode("overwrite").parquet(self.path)
        return {name: int(value) for name, value in seen.get.items()}

    def read(self) -> DataFrame:
        assert self.schema is not None
        return self.spark.read.schema(self.schema).parquet(self.path)


def plan_counts(layout: Layout) -> dict[str, Column]:
    """What is counted of a plan's rows, whether they change something or not."""
    action, row = F.col("action"), F.col("row")
    changes = action.isin("update", "delete")
    return {
        "inserted": F.count(F.when(action == "insert", 1)),
        "updated": F.count(F.when(action == "update", 1)),
        "deleted": F.count(F.when(action == "delete", 1)),
        "closed": F.count(F.when(F.col("closes"), 1)),
        "remembered": F.count(F.when(F.col("remember") > 0, 1)),
        "arrived": F.coalesce(F.sum("arrived"), F.lit(0)),
        "undecided": F.coalesce(F.sum(F.when(F.col("rejected"), F.col("arrived"))), F.lit(0)),
        "confirmed": F.count(F.when((F.col("arrived") > 0) & ~F.col("rejected") & action.isNull(), 1)),
        "accepted": F.count(F.when(F.col("from_batch"), 1)),
        "history": F.count(F.when(changes & row.getField("old_till").isNotNull(), 1)),
        "numbered": F.count(F.when(is_new(layout), 1)),
        "files": F.approx_count_distinct(F.when(changes, row.getField("place").getField("file"))),
    }


def held_plan(plan: DataFrame, layout: Layout) -> tuple[DataFrame, dict[str, int]]:
    """A small change set's rows that change something, held, and the counts of all its rows."""
    counted = plan_counts(layout)
    seen = Observation("plan")
    kept, _ = held(changing(plan.observe(seen, *[column.alias(name) for name, column in counted.items()])))
    return kept, {name: int(value) for name, value in seen.get.items()}


def changing(plan: DataFrame) -> DataFrame:
    return plan.where(F.col("action").isNotNull() | (F.col("remember") > 0) | F.col("rejected"))
