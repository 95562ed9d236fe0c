"""Stage 2 for the Lambda engine: the same contract as ``process``, over pyarrow tables, without Spark.

A Lambda holds the whole batch in memory, so it is for small deliveries; a larger one is refused, not truncated.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gluehouse.errors import ConfigError
from gluehouse.spec.contract import Contract
from gluehouse.spec.pipeline import CompiledPipeline

_ATOMIC: dict[str, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}


def transform(parts: Iterable[bytes], pipeline: CompiledPipeline) -> bytes:
    """Staged Parquet files in, one processed Parquet file out; raises ConfigError GH1021 to GH1024."""
    table = read(parts, pipeline.contract)
    for step in pipeline.spec.process.transforms:
        table = _load(step.function)(table, dict(step.params))
    sink = io.BytesIO()
    # Spark reads timestamps as instants only from this version of the format on.
    pq.write_table(conform(table, pipeline.output_contract), sink, version="2.6", coerce_timestamps="us")
    return sink.getvalue()


def read(parts: Iterable[bytes], contract: Contract) -> pa.Table:
    """The contract's columns of all parts, typed as the contract says."""
    schema = arrow_schema(contract)
    tables = [
        pq.read_table(io.BytesIO(part), columns=schema.names, coerce_int96_timestamp_unit="us").cast(schema)
        for part in parts
    ]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def conform(table: pa.Table, contract: Contract) -> pa.Table:
    """The contract's columns in its order and types; raises ConfigError GH1022 for one that is missing or unfit."""
    schema = arrow_schema(contract)
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise _unfit(contract, f"missing {missing}")
    columns = [_fitted(table, field, contract) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _fitted(table: pa.Table, field: pa.Field, contract: Contract) -> pa.ChunkedArray:
    given = table[field.name]
    try:
        return given.cast(field.type, safe=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's own message quotes the value, which must not get into an alert.
        raise _unfit(contract, f"{field.name} is {given.type} and does not fit {field.type}") from None


def arrow_schema(contract: Contract) -> pa.Schema:
    return pa.schema([pa.field(column.name, _arrow_type(column.type)) for column in contract.columns])


def _arrow_type(name: str) -> pa.DataType:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", name)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if name not in _ATOMIC:
        raise ConfigError(
            "GH1024",
            f"the Lambda engine does not know the type {name}.",
            "Use engine glue_pyspark or glue_sql.",
        )
    return _ATOMIC[name]


def _load(function: str) -> Callable[[pa.Table, dict[str, Any]], pa.Table]:
    module, _, name = function.partition(":")
    try:
        found: Callable[[pa.Table, dict[str, Any]], pa.Table] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as problem:
        raise ConfigError(
            "GH1021",
            f"the transform {function} cannot be loaded: {problem}.",
            "Put the module into the Lambda's zip.",
        ) from problem
    return found


def _unfit(contract: Contract, found: str) -> ConfigError:
    return ConfigError(
        "GH1022",
        f"the transform does not give what contract {contract.contract} says: {found}.",
        "Keep these columns through the transform, cast them there, or change the output contract.",
    )
