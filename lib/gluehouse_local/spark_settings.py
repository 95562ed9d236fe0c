"""Spark's settings on a laptop, which on AWS come with the Glue runtime: where S3 is, and how small the machine is."""

from __future__ import annotations

from pathlib import Path

DUMMY_KEY = "test"  # MiniStack asks for any key
_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2
logger.metrics.level = error
logger.fields.name = org.apache.spark.sql.catalyst.util.SparkStringUtils
logger.fields.level = error
# hadoop-aws 3.3.4 has no FileContext for s3:// (3.4 on Glue has); Spark and Delta then use FileSystem and say so.
logger.checkpoint.name = org.apache.spark.sql.execution.streaming.CheckpointFileManager
logger.checkpoint.level = error
"""


# For minutes of work in one process Java's second compiler pays: the tests of frames and stages took 359 s with it and
# 494 s without, those of history tables 631 s and 803 s.
LONG_RUN = "-XX:+UseSerialGC -Duser.timezone=UTC"
# For one job or command: half the start-up time and memory of the defaults.
SHORT_RUN = f"-XX:TieredStopAtLevel=1 {LONG_RUN}"


def defaults(endpoint: str, classpath: list[Path], work: Path, java_options: str = SHORT_RUN) -> dict[str, str]:
    """Settings for one run: S3A on ``endpoint``, ``classpath`` ahead of Spark's own, scratch space in ``work``.

    Two partitions are enough here; the jobs themselves set none of this.
    """
    s3a = {
        "endpoint": endpoint,
        "endpoint.region": "us-east-1",
        "path.style.access": "true",
        "connection.ssl.enabled": "false",
        "access.key": DUMMY_KEY,
        "secret.key": DUMMY_KEY,
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "attempts.maximum": "3",
        "bucket.probe": "0",
    }
    joined = ":".join(str(jar) for jar in classpath)
    return {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": java_options,
        **({"spark.driver.extraClassPath": joined} if joined else {}),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.hadoop.hadoop.tmp.dir": str(work / "tmp"),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        **{f"spark.hadoop.fs.s3a.{name}": value for name, value in s3a.items()},
    }


def log_options(directory: Path) -> str:
    return f"-Dlog4j2.configurationFile=file:{directory / 'log4j2.properties'}"


def write(directory: Path, settings: dict[str, str]) -> None:
    """Files in ``directory``: spark-defaults.conf with ``settings`` and a quiet log4j2.properties."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    (directory / "log4j2.properties").write_text(_LOG4J)
