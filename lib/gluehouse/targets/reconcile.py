"""What a target was given, or has written and not yet committed, against what the gate judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from gluehouse.errors import QualityError
from gluehouse.history.file_commit import FileCommit

# Doubles add up in any order, and a sum of decimals is told as a double.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Judged:
    """How many rows stage 3 judged, and the sums of columns that the pipeline reconciles.

    ``sums``: what stage 3 found, by column; ``measures``: what computes them again, by column.
    """

    rows: int
    sums: Mapping[str, float | None] = field(default_factory=dict)
    measures: Mapping[str, Column] = field(default_factory=dict)


def reconcile_rows(batch: DataFrame, table: str, judged: Judged | None) -> None:
    """Hold a batch, before it is written, against what was judged; raises QualityError GH3002. One scan of the columns
    that are summed; without sums Parquet's footers tell the rows."""
    if judged is not None:
        refuse_difference(judged, *measured(batch, judged), f"the rows for {table}")


def reconcile_files(
    spark: SparkSession, commit: FileCommit, batch: DataFrame, table: str, judged: Judged | None
) -> None:
    """Hold the files of a commit that is not made yet against what was judged; raises QualityError GH3002.

    Delta has counted their rows while it wrote them, so they are read again for sums alone.
    """
    if judged is None:
        return
    commit.expect(judged.rows, table)
    if judged.measures:
        # Partition columns are not in the files; sums over them are those of the batch.
        apart = {name for name in commit.partitioned_by() if name in judged.measures}
        asked = {name: column for name, column in judged.measures.items() if name not in apart}
        written = spark.read.schema(batch.schema).parquet(*commit.files_added()) if commit.added else batch.limit(0)
        rows, sums = measured(written, Judged(judged.rows, judged.sums, asked))
        refuse_difference(judged, rows, sums, f"the files of {table}")


def measured(frame: DataFrame, judged: Judged) -> tuple[int, dict[str, float | None]]:
    """The rows of a frame, and its sums of the columns that are reconciled; one job."""
    asked = [column.alias(f"s{place}") for place, column in enumerate(judged.measures.values())]
    found = frame.agg(F.count(F.lit(1)).alias("rows"), *asked).collect()[0]
    return int(found["rows"]), {name: finite(found[f"s{place}"]) for place, name in enumerate(judged.measures)}


def refuse_difference(judged: Judged, rows: int, sums: Mapping[str, float | None], where: str) -> None:
    """Raises QualityError GH3002 where rows or sums found ``where`` are not those that were judged."""
    told = [] if rows == judged.rows else [f"found {rows} rows, expected {judged.rows}"]
    told += [
        f"found {_shown(found)} for sum({name}), expected {_shown(judged.sums.get(name))}"
        for name, found in sums.items()
        if not _equal(found, finite(judged.sums.get(name)))
    ]
    if told:
        raise QualityError(
            "GH3002",
            f"{where} are not those that the gate judged: {'; '.join(told)}. Nothing was committed.",
            "Something changed the processed rows since. Run the batch again from process.",
        )


def _equal(found: float | None, expected: float | None) -> bool:
    """Sums that could not be told then must not be told now either."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=ROUNDING)


def finite(value: float | None) -> float | None:
    """The value, if it is a number: a manifest has no NaN and no infinities."""
    return value if value is not None and math.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.15g}"
