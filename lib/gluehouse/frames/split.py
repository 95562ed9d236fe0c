"""Good and bad rows are a named pair, so that neither can be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Split:
    """``accepted`` has a data set's columns. ``rejected``, where there can be any, has those that its rows
    came with, and ``_violations`` (array of ``struct<rule, reason>``)."""

    accepted: DataFrame
    rejected: tuple[DataFrame, ...] = ()
