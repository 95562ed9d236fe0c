"""Session settings for one operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from pyspark.sql import SparkSession

# For a few thousand rows what costs is not computing them but planning: every class that Spark compiles, with the Java
# compiler that it warms up, and every exchange.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.constraintPropagation.enabled": "false",
}


@contextmanager
def options(spark: SparkSession, **settings: str) -> Iterator[None]:
    """Session settings for one operation, put back afterwards. ``__`` stands for a dot in a name."""
    names = {name.replace("__", "."): value for name, value in settings.items()}
    before: dict[str, str | None] = {name: spark.conf.get(name, None) for name in names}
    try:
        for name, value in names.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, was in before.items():
            if was is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, was)


def quick(spark: SparkSession, small: bool) -> AbstractContextManager[None]:
    """Interpreted and in one partition, where everything that Spark sees is ``small``."""
    return options(spark, **QUICK) if small else nullcontext()
