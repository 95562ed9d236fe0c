"""Spark transforms of the airports pipeline."""

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

DECIMETRES_A_FOOT = 3.048


def normalise_country(airports: DataFrame, params: dict[str, Any]) -> DataFrame:
    """Country codes in capitals without blanks; beside feet the elevation in metres (``elevation_m``, double).

    Metres are whole decimetres, by floor(x + 0.5): every engine computes that to the same bit, which rounding
    functions do not promise.
    """
    decimetres = F.floor(F.col("elevation") * F.lit(DECIMETRES_A_FOOT) + F.lit(0.5))
    return airports.withColumn("country", F.upper(F.trim("country"))).withColumn(
        "elevation_m", decimetres / F.lit(10.0)
    )
