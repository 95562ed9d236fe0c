"""One Glue run with a real Spark: Delta on the local S3, jars and settings by arguments alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from gluehouse_local.environments import CHECKOUT, Environments
from gluehouse_local.server import LocalAws
from tests.local.glue_jobs import GlueJobs

pytestmark = pytest.mark.spark
JARS = CHECKOUT / ".cache" / "jars" / "glue-5.1" / "extra"
DELTA = (
    "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf "
    "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
)
SCRIPT = """
import sys
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession
uri = getResolvedOptions(sys.argv, ["table"])["table"]
spark = SparkSession.builder.getOrCreate()
spark.range(3).withColumnRenamed("id", "key").write.format("delta").save(uri)
from delta.tables import DeltaTable
table = DeltaTable.forPath(spark, uri)
new = spark.range(2, 5).withColumnRenamed("id", "key")
table.alias("t").merge(new.alias("n"), "t.key = n.key").whenNotMatchedInsertAll().execute()
print("KEYS", sorted(row.key for row in spark.read.format("delta").load(uri).collect()))
print("DEEQU", spark._jvm.java.lang.Class.forName("com.amazon.deequ.checks.Check").getName())
print("DRIVER", spark.conf.get("spark.driver.host"), spark.conf.get("spark.sql.session.timeZone"))
"""


@pytest.fixture(scope="module")
def jobs(places: Environments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlueJobs]:
    with LocalAws(tmp_path_factory.mktemp("spark"), dataclasses.replace(places, spark_submit=None)) as aws:
        made = GlueJobs(aws)
        for name in ("whole", "bare"):
            made.create(SCRIPT, name)
        yield made


def test_delta_tables_live_on_the_local_s3_with_jars_and_settings_from_the_arguments(jobs: GlueJobs) -> None:
    jars = [jobs.upload(f"jars/{jar.name}", jar.read_bytes()) for jar in sorted(JARS.glob("*.jar"))]
    run_id = jobs.glue.start_job_run(
        JobName="whole",
        Arguments={
            "--table": "s3://code/tables/keys",
            "--datalake-formats": "delta",
            "--conf": DELTA,
            "--extra-jars": ",".join(jars),
        },
    )["JobRunId"]
    record = jobs.ended(run_id, "whole", seconds=120)
    log = jobs.log(run_id)
    assert record["JobRunState"] == "SUCCEEDED", log
    assert "KEYS [0, 1, 2, 3, 4]" in log
    assert "DEEQU com.amazon.deequ.checks.Check" in log
    assert "DRIVER 127.0.0.1 UTC" in log
    assert " WARN " not in log
    written = jobs.aws.object_path("s3://code/tables/keys/_delta_log").glob("0*")
    names = {path.name for path in written if ".meta." not in path.name}
    assert names == {f"{version:020}.{kind}" for version in range(2) for kind in ("json", "crc")}


def test_without_the_argument_for_delta_there_is_no_delta(jobs: GlueJobs) -> None:
    run_id = jobs.start("bare", table="s3://code/tables/none")
    record = jobs.ended(run_id, "bare", seconds=120)
    assert record["JobRunState"] == "FAILED"
    assert "delta" in record["ErrorMessage"].lower()
    assert record["ErrorMessage"].startswith("Py4JJavaError: ")
