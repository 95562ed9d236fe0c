"""Published tables in the Glue Data Catalog, as Athena and Spark find Delta tables there.

Properties of a native Delta table: https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import boto3
from pyspark.sql import DataFrame

from gluehouse.aws.faults import passing_faults


class GlueCatalog:
    """Registers a table under its database, which is created where it is missing."""

    def __init__(self, client: Any = None) -> None:
        self._glue = client or boto3.client("glue")

    def register(self, table: str, location: str, frame: DataFrame, tags: Mapping[str, str]) -> None:
        """Create or update ``database.table``; the pipeline's tags become table parameters ``tag:NAME``."""
        database, name = table.split(".")
        self._create_database(database)
        definition = _definition(name, location, frame, tags)
        with passing_faults(f"registering {table}"):
            try:
                self._glue.create_table(DatabaseName=database, TableInput=definition)
            except self._glue.exceptions.AlreadyExistsException:
                self._glue.update_table(DatabaseName=database, TableInput=definition)

    def _create_database(self, name: str) -> None:
        with passing_faults(f"making database {name}"), suppress(self._glue.exceptions.AlreadyExistsException):
            self._glue.create_database(DatabaseInput={"Name": name})


def _definition(name: str, location: str, frame: DataFrame, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
            **{f"tag:{tag}": value for tag, value in tags.items()},
        },
        "StorageDescriptor": {
            "Location": location,
            "Columns": [{"Name": field.name, "Type": field.dataType.simpleString()} for field in frame.schema],
            "InputFormat": "org.apache.hadoop.mapred.SequenceFileInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": {"path": location},
            },
        },
    }
