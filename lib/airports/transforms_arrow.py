"""The same logic for the Lambda engine: pyarrow tables in, pyarrow tables out, no Spark."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

DECIMETRES_A_FOOT = 3.048


def normalise_country(airports: pa.Table, params: dict[str, Any]) -> pa.Table:
    """Country codes in capitals without blanks; beside feet the elevation in metres (``elevation_m``, double)."""
    country = pc.utf8_upper(pc.utf8_trim(airports["country"], characters=" "))
    decimetres = pc.floor(pc.add(pc.multiply(airports["elevation"], DECIMETRES_A_FOOT), 0.5))
    named = airports.set_column(airports.column_names.index("country"), "country", country)
    return named.append_column("elevation_m", pc.divide(decimetres, 10.0))
