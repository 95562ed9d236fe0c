"""Digests and identities are fixed for ever: tables hold them, and one Glue goes on where another one stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from gluehouse.history.digest import digest64, digest128
from gluehouse.history.session import options

Digest = Callable[..., Column]
# A value in SQL, and its 64 bits under the name "c".
VALUES = {
    "NULL": ("CAST(NULL AS INT)", -6698625589789238999),
    "a byte": ("CAST(7 AS TINYINT)", -2246571798049547351),
    "an integer": ("7", -2246571798049547351),
    "a negative integer": ("-7", 2466352116998516944),
    "a large integer": ("9223372036854775807", -2900004758810618706),
    "a float": ("CAST(1.5 AS FLOAT)", -8987868561589764655),
    "a double": ("CAST(0.1 AS DOUBLE)", 882369596255561560),
    "a large double": ("CAST('2e23' AS DOUBLE)", -1072928345680496081),
    "not a number": ("CAST('NaN' AS DOUBLE)", 1222629329748736512),
    "zero": ("CAST(0 AS DOUBLE)", -9165992036292684624),
    "minus zero": ("-CAST(0 AS DOUBLE)", -9165992036292684624),
    "a decimal": ("CAST('12.50' AS DECIMAL(12,2))", -8320706951122018102),
    "a small decimal": ("CAST('0.0000001' AS DECIMAL(30,10))", -1883609608642919989),
    "a small negative decimal": ("CAST('-0.00000012' AS DECIMAL(38,18))", -4923107861079097397),
    "a large decimal": ("CAST('12345678901234567890.1234567000' AS DECIMAL(30,10))", 2063126846185824731),
    "a decimal zero": ("CAST(0 AS DECIMAL(38,18))", 7180434779028182807),
    "text": ("'Z\u00fcrich, \u6771\u4eac \U0001d11e'", 9116008773601713548),
    "no text": ("''", 3385510114936813206),
    "bytes": ("X'00ff'", -395047216443574704),
    "true": ("true", 1674497074530955709),
    "a date": ("DATE'2024-02-29'", -1161925170400039240),
    "an instant": ("TIMESTAMP'2024-02-29 12:00:00.123456Z'", -1460326943240148740),
    "an instant before 1970": ("TIMESTAMP'1883-11-18 12:03:57.999999Z'", 7003738174759166),
    "a time of day and year": ("TIMESTAMP_NTZ'2024-02-29 12:00:00.123456'", -1460326943240148740),
    "a struct": (
        "named_struct('a', 1, 'b', CAST(NULL AS STRING), 'c', CAST(0.5 AS DECIMAL(3,2)))",
        -2537249497098755191,
    ),
    "an array": ("array(1.10, NULL, 2.00)", 1669507321758169393),
    "a map": ("map('b', CAST('NaN' AS FLOAT), 'a', NULL)", 9064075660353600605),
    "nested": ("array(named_struct('m', map(1, array(DATE'1970-01-01', NULL))))", -8741316849600921293),
}

# One value before and after its column was widened.
WIDENED = {
    "integers": ("CAST(-7 AS SMALLINT)", "CAST(-7 AS BIGINT)"),
    "floats": ("CAST(1.1 AS FLOAT)", "CAST(CAST(1.1 AS FLOAT) AS DOUBLE)"),
    "decimals": ("CAST('12.50' AS DECIMAL(4,2))", "CAST('12.5' AS DECIMAL(38,18))"),
    "small decimals": ("CAST('0.000001' AS DECIMAL(12,6))", "CAST('0.000001' AS DECIMAL(30,10))"),
    "smaller decimals": ("CAST('0.0000012' AS DECIMAL(12,7))", "CAST('0.0000012' AS DECIMAL(38,18))"),
    "decimals in arrays": ("array(CAST('1.10' AS DECIMAL(4,2)))", "array(CAST('1.1' AS DECIMAL(30,10)))"),
}
# A value in SQL, and its text in an identity. A double's is the hash of its eight bytes.
TEXTS = {
    "7S": "1:7",
    "'7'": "1:7",
    "CAST(NULL AS INT)": "-",
    "''": "0:",
    "'Z\u00fcrich, \u6771\u4eac'": "15:Z\u00fcrich, \u6771\u4eac",
    "X'00ff'": "4:00FF",
    "true": "4:true",
    "DATE'2024-02-29'": "10:2024-02-29",
    "TIMESTAMP'1970-01-02 00:00:00.5Z'": "11:86400500000",
    "TIMESTAMP_NTZ'2024-02-29 12:00:00.5'": "21:2024-02-29 12:00:00.5",
    "CAST('12.50' AS DECIMAL(12,2))": "4:12.5",
    "CAST('0.0000001' AS DECIMAL(30,10))": "4:1E-7",
    "CAST(0 AS DECIMAL(38,18))": "1:0",
    "-CAST(0 AS FLOAT)": "20:-5252525462095825812",
    "CAST('2e23' AS DOUBLE)": "19:8338996380236062066",
}
SETTINGS = [
    {"ansi__enabled": "false", "codegen__factoryMode": "NO_CODEGEN", "session__timeZone": "UTC"},
    {"ansi__enabled": "true", "codegen__factoryMode": "NO_CODEGEN", "session__timeZone": "UTC"},
    {"ansi__enabled": "true", "codegen__factoryMode": "CODEGEN_ONLY", "session__timeZone": "America/New_York"},
]


def differing(names: Iterable[str], found: list[Any], expected: list[Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (one, other) for name, one, other in zip(names, found, expected, strict=True) if one != other}


@pytest.fixture(params=SETTINGS, ids=lambda settings: " ".join(settings.values()))
def spark_as_set(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    """A session with each of the settings that a runtime may have and a digest must not know."""
    with options(spark, **{f"spark__sql__{name}": value for name, value in request.param.items()}):
        yield spark


def digests(spark: SparkSession, values: list[str], digest: Digest) -> list[Any]:
    """Each value's digest under the name "c", computed by Spark's executor and not folded while it plans."""
    whole = spark.range(1).selectExpr(*[f"IF(id < 1, {value}, NULL) AS c{at}" for at, value in enumerate(values)])
    columns = [digest([("c", F.col(field.name), field.dataType)]) for field in whole.schema.fields]
    return list(whole.select(*[column.alias(f"d{at}") for at, column in enumerate(columns)]).collect()[0])


def test_the_digest_of_a_value_is_what_tables_hold_whatever_the_runtime_and_its_settings(
    spark_as_set: SparkSession,
) -> None:
    found = digests(spark_as_set, [value for value, _ in VALUES.values()], digest64)
    assert differing(VALUES, found, [digest for _, digest in VALUES.values()]) == {}


def test_an_identity_is_the_hash_of_the_values_texts_each_behind_its_length(spark_as_set: SparkSession) -> None:
    found = digests(spark_as_set, list(TEXTS), digest128)
    expected = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in TEXTS.values()]
    assert differing(TEXTS, found, expected) == {}


@pytest.mark.parametrize("digest", [digest64, digest128])
def test_widening_a_column_changes_no_digest(spark_as_set: SparkSession, digest: Digest) -> None:
    narrow, wide = (digests(spark_as_set, list(values), digest) for values in zip(*WIDENED.values(), strict=True))
    assert differing(WIDENED, wide, narrow) == {}
