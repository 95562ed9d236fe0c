"""Parquet, ORC and Avro: fields go by their names, objects of one delivery keep each value, and so do old calendars."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet
import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.errors import InputError
from gluehouse.frames.parse import parse
from gluehouse.history import FileLock
from gluehouse.history.session import options
from gluehouse.sources import file
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource
from gluehouse.stages import zones
from gluehouse.stages.runner import run_stage
from tests.spark.deliveries import Ports, ref
from tests.spark.ports import landed

SOURCE = FileSource(kind="file", format="parquet", prefix="t/", mode="changes")

Read = Callable[..., list[Row]]
Parse = Callable[..., list[Row]]


def agreed(evolution: dict[str, str] | None = None, **types: Any) -> Contract:
    """A contract of columns by their types, or all that it says of them."""
    columns = [{"name": name, **(kind if isinstance(kind, dict) else {"type": kind})} for name, kind in types.items()]
    return Contract.model_validate({"contract": "t.v1", "columns": columns, "evolution": evolution or {}})


def packed(columns: dict[str, pa.Array], format_: str = "parquet", **how: Any) -> bytes:
    sink = io.BytesIO()
    if format_ == "parquet":
        pa.parquet.write_table(pa.table(columns), sink, **how)
    else:
        pa.orc.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.fixture
def objects(spark: SparkSession, tmp_path: Path) -> Parse:
    """The parsed rows of a delivery of several Parquet objects, one for each table of columns."""

    def rows(contract: Contract, *tables: dict[str, pa.Array]) -> list[Row]:
        uris = [str(tmp_path / f"{place}.parquet") for place in range(len(tables))]
        for uri, columns in zip(uris, tables, strict=True):
            Path(uri).write_bytes(packed(columns))
        return parse(file.read(spark, uris, SOURCE, contract), contract).collect()

    return rows


def found(rows: list[Row], name: str) -> list[Any]:
    """The values of a column, and the rules that a row breaks in the place of one."""
    told = [[one["rule"] for one in row["_violations"]] or row[name] for row in rows]
    return [one.asDict(recursive=True) if isinstance(one, Row) else one for one in told]


PLACE = pa.struct([("lon", pa.int64()), ("lat", pa.int32())])
PLACES = {
    "struct<lat:int,lon:int>": (pa.array([{"lon": 1, "lat": 2}, {"lon": 2**31, "lat": 2}, None], PLACE)),
    "array<struct<lat: bigint, lon: double>>": pa.array(
        [[{"lon": 1, "lat": 2}, None], [{"lon": 2**53 + 1, "lat": 0}], None], pa.list_(PLACE)
    ),
    "map<bigint,struct<lat:string,lon:int>>": pa.array(
        [[(7, {"lon": 1, "lat": 2})], [(7, {"lon": 2**31, "lat": None})], None], pa.map_(pa.int32(), PLACE)
    ),
    "struct<a:array<struct<lat:smallint,lon:int>>>": pa.array(
        [{"a": [{"lon": 1, "lat": 2}]}, {"a": [{"lon": 0, "lat": 2**15}]}, None], pa.struct([("a", pa.list_(PLACE))])
    ),
}
EXPECTED = {
    "struct<lat:int,lon:int>": {"lat": 2, "lon": 1},
    "array<struct<lat: bigint, lon: double>>": [Row(lat=2, lon=1.0), None],
    "map<bigint,struct<lat:string,lon:int>>": {7: Row(lat="2", lon=1)},
    "struct<a:array<struct<lat:smallint,lon:int>>>": {"a": [{"lat": 2, "lon": 1}]},
}


@pytest.mark.parametrize("format_", ["parquet", "orc"])
def test_fields_of_structs_go_by_their_names_at_any_depth_and_a_lost_one_sets_the_row_aside(
    read: Read, format_: str
) -> None:
    types = {f"c{place}": kind for place, kind in enumerate(PLACES)}
    content = packed({name: PLACES[kind] for name, kind in types.items()}, format_)
    good, bad, nulls = read(f"t.{format_}", content, contract=agreed(**types))
    for name, kind in types.items():
        assert found([good], name) == [EXPECTED[kind]]
    assert found([bad], "c0") == [[f"type({name})" for name in types]]
    assert [nulls[name] for name in types] == [None] * len(types)
    assert nulls["_violations"] == []


@pytest.mark.parametrize(
    "type_",
    ["struct<lat:int,long:int>", "struct<lat:int>", "struct<lat:int,Lon:int>", "struct<lat:int,lon:struct<a:int>>"],
)
def test_a_struct_that_lacks_a_field_or_has_others_refuses_the_object(read: Read, type_: str) -> None:
    for kind, array in (
        (type_, PLACES["struct<lat:int,lon:int>"]),
        (f"array<{type_}>", pa.array([[]], pa.list_(PLACE))),
    ):
        with pytest.raises(InputError, match=r"GH2014.* column a .*by their names"):
            read("t.parquet", packed({"a": array}), contract=agreed(a=kind))


def test_a_map_is_taken_however_its_agreed_type_is_written_and_its_values_are_held_against_it(read: Read) -> None:
    content = packed({"a": pa.array([[("x", 1)], [("x", 300)], []], pa.map_(pa.string(), pa.int32()))})
    assert found(read("t.parquet", content, contract=agreed(a="map<string, int>")), "a") == [{"x": 1}, {"x": 300}, {}]
    narrow = read("u.parquet", content, contract=agreed(a="map<string,tinyint>"))
    assert found(narrow, "a") == [{"x": 1}, ["type(a)"], {}]


def test_objects_of_one_delivery_may_have_columns_in_types_that_go_exactly_into_one(objects: Parse) -> None:
    contract = agreed(
        {"removed": "ignore"}, a="bigint", b="decimal(12,4)", c="double", d="boolean", e=PLACE_TYPE, f="timestamp"
    )
    first = {
        "a": pa.array([1], pa.int8()),
        "b": pa.array([Decimal("1.25")], pa.decimal128(10, 2)),
        "c": pa.array([0.5], pa.float32()),
        "e": pa.array([{"lon": 1, "lat": 2}], PLACE),
        "f": pa.array([dt.date(2024, 1, 1)]),
    }
    second = {
        "a": pa.array([2**53 + 1], pa.int64()),
        "b": pa.array([Decimal("1.1234")], pa.decimal128(9, 4)),
        "c": pa.array([2**31 - 1], pa.int32()),
        "d": pa.array([True]),
        "e": pa.array([{"lat": 4, "lon": 3}], pa.struct([("lat", pa.int64()), ("lon", pa.int32())])),
        "f": pa.array([dt.datetime(2024, 1, 1, 12)], pa.timestamp("us", "UTC")),
    }
    rows = objects(contract, first, second, {"b": pa.array([7], pa.int32()), "d": pa.array([False])})
    assert found(rows, "a") == [1, 2**53 + 1, None]
    assert found(rows, "b") == [Decimal("1.2500"), Decimal("1.1234"), Decimal("7.0000")]
    assert found(rows, "c") == [0.5, 2**31 - 1, None]
    assert found(rows, "d") == [None, True, False]
    assert found(rows, "e") == [{"lat": 2, "lon": 1}, {"lat": 4, "lon": 3}, None]
    assert [row["f"] and row["f"].timestamp() for row in rows] == [1704067200, 1704110400, None]


PLACE_TYPE = "struct<lat:bigint,lon:bigint>"
INT, LONG, DOUBLE, TEXT = pa.array([1], pa.int32()), pa.array([2**53 + 1]), pa.array([1.5]), pa.array(["1"])
UNLIKE = [
    ("decimal(38,0)", pa.array([Decimal("9e37")], pa.decimal128(38, 0)), pa.array([None], pa.decimal128(38, 18))),
    ("bigint", LONG, DOUBLE),
    ("decimal(19,2)", pa.array([Decimal("1.25")], pa.decimal128(19, 2)), DOUBLE),
    ("timestamp", pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("us", "UTC"))),
    ("string", pa.array([True]), TEXT),
    ("int", INT, pa.array([True])),
    ("int", INT, pa.array([b"1"])),
    ("string", TEXT, pa.array([b"1"])),
    ("string", INT, DOUBLE),
    ("decimal(9,2)", pa.array([0.1], pa.float32()), DOUBLE),
    ("array<bigint>", pa.array([[1]], pa.list_(pa.int64())), pa.array([[1.5]])),
]


@pytest.mark.parametrize(("type_", "one", "other"), UNLIKE)
def test_objects_that_have_a_column_in_types_of_which_none_has_all_values_are_refused(
    objects: Parse, type_: str, one: pa.Array, other: pa.Array
) -> None:
    with pytest.raises(
        InputError, match=r"GH2014.*column a is \S+ in \S+0\.parquet, \S+ in \S+2\.parquet, and no type"
    ):
        objects(agreed(a=type_), {"a": one}, {"a": one}, {"a": other})


@pytest.mark.parametrize(("depth", "code"), [([16], None), ([16.5], "GH2014")])
def test_corrected_records_of_a_replay_do_not_change_the_values_of_the_delivery(
    spark: SparkSession, tmp_path: Path, depth: list[Any], code: str | None
) -> None:
    source = {"kind": "file", "format": "parquet", "prefix": "ports/", "mode": "changes"}
    columns = [{"name": "code", "type": "string"}, {"name": "depth", "type": "bigint"}]
    history = {"type": 2, "keys": ["code"], "sequence_by": ["depth"]}
    delivered = packed({"code": pa.array(["RTM", "HAM"]), "depth": pa.array([2**53 + 1, -1])})
    fixed = landed(tmp_path, "fixed.parquet", packed({"code": pa.array(["HAM"]), "depth": pa.array(depth)}))
    with FileLock(tmp_path / "ports.lock") as lock:
        ports = Ports(spark, tmp_path, lock, {"source": source, "history": history}, {"columns": columns})
        landed(tmp_path, "ports/a.parquet", delivered)
        again = ports.replay("a.parquet", top=2**60)
        replay = again.plan.replay.model_copy(update={"corrected": ref(fixed)})
        again = replace(again, plan=again.plan.model_copy(update={"replay": replay}))
        manifest = run_stage(again, "ingest", lambda _manifest: None)
        assert (manifest.problem.code if manifest.problem else None) == code
        if code is None:
            rows = zones.read_staging(again, rejected=False).collect()
            assert {(row["code"], row["depth"]) for row in rows} == {("RTM", 2**53 + 1), ("HAM", 16)}


LONG_AGO = [
    dt.datetime(1, 1, 1, 5),
    dt.datetime(1500, 3, 1, 12, 0, 1),
    dt.datetime(1899, 12, 31),
    dt.datetime(2024, 1, 1),
]
# As text, because Python tells an instant in the zone of the machine.
AGREED_TIMES = agreed(day="string", at="string")


def times(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row["day"], row["at"]) for row in rows if not row["_violations"]]


@pytest.mark.parametrize(
    ("format_", "how"), [("parquet", {}), ("parquet", {"use_deprecated_int96_timestamps": True}), ("orc", {})]
)
def test_dates_and_times_long_ago_are_what_another_program_wrote(read: Read, format_: str, how: dict[str, Any]) -> None:
    at = pa.array(LONG_AGO, pa.timestamp("us"))
    content = packed({"day": at.cast(pa.date32()), "at": at}, format_, **how)
    assert times(read(f"t.{format_}", content, contract=AGREED_TIMES)) == [
        (str(one.date()), str(one)) for one in LONG_AGO
    ]


@pytest.mark.parametrize("mode", ["LEGACY", "CORRECTED"])
def test_dates_and_times_long_ago_are_what_spark_wrote_in_either_calendar(
    spark: SparkSession, tmp_path: Path, mode: str
) -> None:
    kinds = [
        ("parquet", "INT96"),
        ("parquet", "TIMESTAMP_MICROS"),
        ("avro", "TIMESTAMP_MICROS"),
        ("orc", "TIMESTAMP_MICROS"),
    ]
    frame = spark.sql("SELECT date'1500-03-01' AS day, timestamp'1500-03-01 12:00:01' AS at").coalesce(1)
    modes = {
        f"spark.sql.{one}RebaseModeInWrite": mode for one in ("parquet.datetime", "parquet.int96", "avro.datetime")
    }
    for format_, type_ in kinds:
        folder = tmp_path / f"{format_}{type_}"
        with options(spark, **modes, **{"spark.sql.parquet.outputTimestampType": type_}):
            frame.write.format(format_).save(str(folder))
        [uri] = map(str, folder.glob(f"*.{format_}"))
        rows = parse(file.read(spark, [uri], SOURCE.model_copy(update={"format": format_}), AGREED_TIMES), AGREED_TIMES)
        assert times(rows.collect()) == [("1500-03-01", "1500-03-01 12:00:01")]


def test_a_time_that_spark_cannot_have_refuses_the_object_by_a_code(read: Read) -> None:
    far = {"at": pa.array([0, 2**60], pa.timestamp("ms", "UTC"))}
    with pytest.raises(InputError, match=r"GH2014.*after 294247"):
        read("far.parquet", packed(far), contract=agreed(at="timestamp"))
    with pytest.raises(InputError, match=r"GH2014.*instant of ORC"):
        read("t.orc", packed(far, "orc"), contract=agreed(at="timestamp"))


def test_a_group_of_the_key_that_takes_no_part_gives_null(read: Read) -> None:
    keyed = {"columns_from_key": r"t(?P<day>\d+)?(?P<town>[.])parquet"}
    rows = read("t.parquet", packed({"a": INT}), keyed, agreed(a="int", day="date", town="string"))
    assert [(row["a"], row["day"], row["town"], row["_violations"]) for row in rows] == [(1, None, ".", [])]
