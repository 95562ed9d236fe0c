"""The same logic for the Lambda engine: pyarrow tables in, pyarrow tables out, no Spark."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

METRES_A_FOOT = 0.3048


def normalise_country(airports: pa.Table, params: dict[str, Any]) -> pa.Table:
    """Country codes in capitals without blanks, and the elevation in metres (``elevation_m``, double) beside feet."""
    country = pc.utf8_upper(pc.utf8_trim(airports["country"], characters=" "))
    metres = pc.round(
        pc.multiply(airports["elevation"].cast(pa.float64()), METRES_A_FOOT),
        ndigits=1,
        round_mode="half_towards_infinity",
    )
    named = airports.set_column(airports.column_names.index("country"), "country", country)
    return named.append_column("elevation_m", metres)
