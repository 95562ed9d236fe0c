"""The session under the engine: settings for one operation, and classes of its JVM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Any

from py4j.java_gateway import JavaClass
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
_ONE_AT_A_TIME = RLock()
PYTHON_UTILS = "org.apache.spark.api.python.PythonUtils"


@contextmanager
def options(spark: SparkSession, **settings: str) -> Iterator[None]:
    """Session settings for one operation, put back afterwards. ``__`` stands for a dot in a name.

    One thread at a time: a session has one set of them, and two threads would put back each other's.
    """
    names = {name.replace("__", "."): value for name, value in settings.items()}
    with _ONE_AT_A_TIME:
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


def java_class(spark: SparkSession, name: str) -> Any:
    """A class of the JVM by its full name. Asked for part by part, each package is a search through all jars."""
    assert spark._jvm is not None
    return JavaClass(name, spark._jvm._gateway_client)
