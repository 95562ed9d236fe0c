"""A small Spark session with Delta for commands that look at tables. Spark is imported when a command needs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gluehouse.aws import s3a
from gluehouse.errors import SetupError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
SETTINGS = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": EXTENSION,
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
# What `make setup` calls the folder of jars for a Spark.
PROFILES = {"3": "glue-5.1", "4": "glue-6.0"}
HINT = "In a checkout: `make setup`."


def open_session(location: str, root: Path, folder: Path | None) -> SparkSession:
    """The active session, else one of our own: with the jars of ``folder``, else of the checkout ``root``.

    Raises SetupError GH7501 (no PySpark), GH7502 (no Delta), GH7503 (Spark does not start).
    """
    try:
        from pyspark import __version__ as spark_version
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise SetupError(
            "GH7501", "PySpark is not installed here.", f"pip install 'gluehouse[spark]'. {HINT}"
        ) from None
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    remote = "://" in location and not location.startswith("file:")
    chosen = _java_home(root)
    if chosen is not None:
        os.environ["JAVA_HOME"] = chosen
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {**SETTINGS, **(s3a.settings() if remote else {})}
    found = jars(root, folder, remote, spark_version)
    if found:
        settings["spark.jars"] = ",".join(map(str, found))
    builder = SparkSession.builder.appName("gluehouse history")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except (PySparkException, RuntimeError):
        raise SetupError(
            "GH7503",
            "Spark does not start; what it says is above.",
            f"Set JAVA_HOME to a Java that this Spark runs on. {HINT}",
        ) from None
    spark.sparkContext.setLogLevel("ERROR")
    _refuse_without(spark, EXTENSION, "Delta Lake")
    if remote:
        _refuse_without(spark, "org.apache.hadoop.fs.s3a.S3AFileSystem", "hadoop-aws")
    return spark


def jars(root: Path, folder: Path | None, remote: bool, spark_version: str) -> list[Path]:
    """Every jar below ``folder``; without one those that `make setup` fetched, of S3 only where it is needed."""
    if folder is not None:
        return sorted(folder.rglob("*.jar"))
    parts = ("delta", "base") if remote else ("delta",)
    fetched = root / ".cache/jars" / PROFILES.get(spark_version.split(".")[0], "")
    return [jar for part in parts for jar in sorted((fetched / part).glob("*.jar"))]


def _java_home(root: Path) -> str | None:
    """The Java that `make setup` chose, where there is a checkout; else the machine's own is taken."""
    try:
        return str(json.loads((root / ".cache/java.json").read_text("utf-8"))["home"])
    except (OSError, ValueError, KeyError):
        return None


def _refuse_without(spark: SparkSession, name: str, what: str) -> None:
    from py4j.protocol import Py4JError

    jvm = spark._jvm
    assert jvm is not None
    try:
        jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(name)
    except Py4JError:
        spark.stop()
        raise SetupError(
            "GH7502",
            f"this Spark has no {what}.",
            f"Name a folder with its jars by --jars or GLUEHOUSE_JARS. {HINT}",
        ) from None
