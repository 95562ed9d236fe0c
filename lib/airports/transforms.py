"""Spark transforms of the airports pipeline."""

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

METRES_A_FOOT = 0.3048


def normalise_country(airports: DataFrame, params: dict[str, Any]) -> DataFrame:
    """Country codes in capitals without blanks, and the elevation in metres (``elevation_m``, double) beside feet."""
    return airports.withColumn("country", F.upper(F.trim("country"))).withColumn(
        "elevation_m", F.round(F.col("elevation").cast("double") * F.lit(METRES_A_FOOT), 1)
    )
