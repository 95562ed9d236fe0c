"""An archive of Spark's loaded classes (Java's class data sharing): a third less work at each start of a Glue run.

Java uses an archive only while the class path begins as it did when the archive was made, so the run's own jars come
last and Spark's configuration directory, which is on the class path, is one empty directory for all. Java ignores an
archive that does not fit; nothing depends on there being one. ``python -m gluehouse_local.class_archive`` makes it.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

from gluehouse_local.environments import Environments
from gluehouse_local.spark_settings import SHORT_RUN

_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")
_TRAINING = """
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
uri = "s3://training/"
spark.range(100).withColumn("name", F.concat(F.lit("n"), "id")).write.option("header", True).csv(uri + "csv")
rows = spark.read.option("header", True).schema("id long, name string").csv(uri + "csv")
rows.groupBy("name").agg(F.count("*").alias("n")).join(rows, on="name", how="left").write.parquet(uri + "parquet")
spark.read.parquet(uri + "parquet").select("id", "name").write.format("delta").save(uri + "delta")
from delta.tables import DeltaTable
table = DeltaTable.forPath(spark, uri + "delta")
merge = table.alias("t").merge(rows.withColumn("id", F.col("id") + 50).alias("n"), "t.id = n.id")
merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
spark.read.format("delta").load(uri + "delta").orderBy("id").collect()
table.history().collect()
"""
_DELTA = (
    "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf "
    "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
)


def empty_directory(places: Environments) -> Path:
    """The directory that stands where SPARK_CONF_DIR would."""
    directory = places.archives / "empty"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def path(places: Environments) -> Path:
    """Where the archive for this Java and these jars is, or would be."""
    jars = [jar for folder in (places.base_jars, places.delta_jars) for jar in sorted(folder.glob("*.jar"))]
    about = [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    text = "\n".join([str(places.java_home), str(places.spark_home()), *about])
    return places.archives / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.jsa"


def options(places: Environments) -> tuple[str, ...]:
    """Java's options to use the archive; none when it was not made."""
    archive = path(places)
    return (f"-XX:SharedArchiveFile={archive}", *_QUIET) if archive.exists() else ()


def make(places: Environments) -> Path:
    """Run one small Glue job that loads what our jobs load, and keep its classes. Raises RuntimeError when it fails."""
    from gluehouse_local.server import LocalAws

    archive = path(places)
    empty_directory(places)
    draft = archive.with_suffix(".new")
    with tempfile.TemporaryDirectory() as state, LocalAws(Path(state), places) as aws:
        s3, glue = aws.client("s3"), aws.client("glue")
        s3.create_bucket(Bucket="training")
        s3.put_object(Bucket="training", Key="job.py", Body=_TRAINING)
        command = {"Name": "glueetl", "ScriptLocation": "s3://training/job.py", "PythonVersion": "3"}
        glue.create_job(Name="training", Role="role", GlueVersion="5.1", Command=command)
        java = f"spark.driver.extraJavaOptions={SHORT_RUN} -XX:ArchiveClassesAtExit={draft} {' '.join(_QUIET)}"
        arguments = {"--datalake-formats": "delta", "--conf": f"{_DELTA} --conf {java}"}
        run_id = glue.start_job_run(JobName="training", Arguments=arguments)["JobRunId"]
        record = glue.get_job_run(JobName="training", RunId=run_id)["JobRun"]
        while record["JobRunState"] in ("STARTING", "RUNNING"):
            time.sleep(0.2)
            record = glue.get_job_run(JobName="training", RunId=run_id)["JobRun"]
        if record["JobRunState"] != "SUCCEEDED" or not draft.exists():
            raise RuntimeError(f"{record.get('ErrorMessage')}: {aws.run_log(run_id).read_text()[-2000:]}")
    draft.chmod(0o644)
    for old in places.archives.glob("*.jsa"):
        old.unlink()
    return draft.rename(archive)


if __name__ == "__main__":
    print(make(Environments.of_checkout()))
