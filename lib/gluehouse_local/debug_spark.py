"""Spark on local paths, without any AWS: for debugging a stage, looking at tables, and the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark import __version__ as spark_version
from pyspark.sql import SparkSession

from gluehouse_local.environments import CHECKOUT
from gluehouse_local.setup import java
from gluehouse_local.setup.main import Checkout
from gluehouse_local.setup.profile import profile_of_spark
from gluehouse_local.spark_settings import SHORT_RUN

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": SHORT_RUN,
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "2",
}


def jars(root: Path = CHECKOUT, spark: str = spark_version) -> list[Path]:
    """The jars of Avro, Delta and Deequ for that Spark, which on AWS Glue, ``--datalake-formats`` and ``--extra-jars``
    bring.

    None for a Spark that is no profile's, and where there was no set-up: the Glue image has its own.
    """
    profile = profile_of_spark(spark)
    if profile is None:
        return []
    folder = Checkout(root, profile).jars
    wanted = ("base/spark-avro*.jar", "delta/*.jar", "extra/*.jar")
    return [jar for pattern in wanted for jar in sorted(folder.glob(pattern))]


def java_home() -> str:
    """The Java that the set-up chose, else the machine's own: the Glue image has a Java 17 and needs no set-up.

    Raises SetupError GH7009 where there is neither.
    """
    at = Checkout(CHECKOUT)
    chosen = java.recorded(at.java_file) or java.on_machine(os.environ)[0]
    return (chosen or at.java()).home


def session(name: str = "gluehouse", java_options: str = SHORT_RUN) -> SparkSession:
    """A session as small as a laptop wants it; it takes Java 17 from where the set-up found it."""
    os.environ["JAVA_HOME"] = java_home()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName(name)
    if jars():
        builder = builder.config("spark.jars", ",".join(map(str, jars())))
    for key, value in {**SETTINGS, "spark.driver.extraJavaOptions": java_options}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
