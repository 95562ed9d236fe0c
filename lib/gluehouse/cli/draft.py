"""A contract drafted from files: read a sample of them as text, look at it, write down what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gluehouse.cli.session import open_session
from gluehouse.errors import ConfigError, InputError
from gluehouse.spec.draft import as_yaml, draft

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    Reader = Callable[[SparkSession, list[str], str], DataFrame]


def _csv(spark: SparkSession, files: list[str], delimiter: str) -> DataFrame:
    return spark.read.csv(files, header=True, sep=delimiter, quote='"', escape='"', inferSchema=False)


def _json(spark: SparkSession, files: list[str], _: str) -> DataFrame:
    return spark.read.json(files, primitivesAsString=True)


def _parquet(spark: SparkSession, files: list[str], _: str) -> DataFrame:
    return spark.read.option("mergeSchema", "true").parquet(*files)


SAMPLES: dict[str, Reader] = {"csv": _csv, "json": _json, "parquet": _parquet}
_ENDINGS = {"csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
_PACKED = (".gz", ".bz2", ".snappy")


def draft_of(
    files: Sequence[str], name: str, format_: str | None, delimiter: str, rows: int, root: Path, jars: Path | None
) -> str:
    """The text of a contract ``name`` for what lies in ``files``.

    Raises ConfigError GH1053 where the format cannot be told, InputError GH2024 where there is nothing to draft from.
    """
    read = SAMPLES[format_ or _format_of(files)]
    every_jar = jars or root / ".cache/jars/glue-5.1"
    spark = open_session(files[0], root, every_jar if every_jar.is_dir() else None)
    # Spark is there only now.
    from pyspark.errors import AnalysisException

    from gluehouse.quality.sample import look

    try:
        whole = read(spark, [_place(file) for file in files], delimiter)
    except AnalysisException as problem:
        told = str(problem).splitlines()[0]
        raise InputError("GH2024", f"{', '.join(files)} cannot be read: {told}", "Name files that are there.") from None
    seen = look(spark, whole.limit(rows))
    if not seen:
        raise InputError("GH2024", f"{', '.join(files)} has no columns.", "Name files with a header or with records.")
    return as_yaml(draft(name, seen), seen)


def _place(file: str) -> str:
    return file.replace("s3://", "s3a://", 1)


def _format_of(files: Sequence[str]) -> str:
    bare = files[0].lower()
    for packed in _PACKED:
        bare = bare.removesuffix(packed)
    ending = bare.rpartition(".")[2]
    if ending not in _ENDINGS:
        raise ConfigError(
            "GH1053", f"nobody can tell the format of {files[0]}.", f"Say --format: {', '.join(SAMPLES)}."
        )
    return _ENDINGS[ending]
