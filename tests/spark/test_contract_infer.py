"""``gluehouse contract infer``: a draft that the data it was made of keeps, through the real reader and rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pyspark.sql import SparkSession

from gluehouse.cli.main import commands
from gluehouse.errors import ConfigError, InputError
from gluehouse.frames.parse import VIOLATIONS, parse
from gluehouse.sources import file
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource

HEADER = "Order No,placed,amount,zip,state,paid,note,at"
STATES = ("new", "paid", "void")
LINES = [
    f"{n},{n % 28 + 1:02d}.{n % 12 + 1:02d}.2024,{n}.{n % 100:02d},{n:05d},{STATES[n % 3]},{str(n % 2 == 0).lower()},"
    f"{'x' if n % 4 else ''},2024-03-0{n % 9 + 1}T10:20:30Z"
    for n in range(1, 201)
]


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, *LINES]) + "\n", encoding="utf-8")
    return path


def infer(*arguments: object) -> str:
    done = CliRunner().invoke(commands, ["contract", "infer", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_types_dates_nulls_key_and_rules_are_drafted_from_a_csv(spark: SparkSession, delivered: Path) -> None:
    drafted = Contract.model_validate(yaml.safe_load(infer(delivered, "--name", "orders.v1")))
    assert {column.name: (column.type, column.formats) for column in drafted.columns} == {
        "Order_No": ("int", ()),
        "placed": ("date", ("dd.MM.yyyy",)),
        "amount": ("decimal(9,2)", ()),
        "zip": ("string", ()),
        "state": ("string", ()),
        "paid": ("boolean", ()),
        "note": ("string", ()),
        "at": ("timestamp", ("yyyy-MM-dd'T'HH:mm:ssXXX",)),
    }
    assert [column.name for column in drafted.columns if column.nullable] == ["note"]
    assert drafted.keys == ("Order_No",)
    rules = [rule.model_dump(exclude_defaults=True) for rule in drafted.row_rules]
    assert {"rule": "in_set", "column": "state", "values": STATES} in rules
    assert {"rule": "between", "column": "amount", "min": 0.0} in rules


def test_the_data_keeps_the_contract_that_was_drafted_from_it(spark: SparkSession, delivered: Path) -> None:
    drafted = Contract.model_validate(yaml.safe_load(infer(delivered, "--name", "orders.v1")))
    source = FileSource(kind="file", format="csv", prefix="orders/", mode="changes")
    parsed = parse(file.read(spark, [str(delivered)], source, drafted), drafted, ("",))
    assert parsed.where(f"size({VIOLATIONS}) > 0").count() == 0
    assert parsed.count() == len(LINES)


def test_a_file_with_types_of_its_own_keeps_them(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql("SELECT 1L AS id, array('a') AS tags, DATE'2024-01-02' AS day, 1.5D AS x").write.parquet(
        str(tmp_path / "p")
    )
    found = Contract.model_validate(yaml.safe_load(infer(tmp_path / "p", "--name", "p.v1", "--format", "parquet")))
    assert [column.type for column in found.columns] == ["bigint", "array<string>", "date", "double"]


def test_a_header_alone_gives_columns_of_text_that_may_be_null(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("a,b\n", encoding="utf-8")
    found = Contract.model_validate(yaml.safe_load(infer(tmp_path / "h.csv", "--name", "h.v1")))
    assert [(column.type, column.nullable) for column in found.columns] == [("string", True)] * 2


def test_json_that_is_nested_keeps_its_shape(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text('{"id": "1", "at": {"x": "1"}}\n{"id": "2", "at": null}\n', encoding="utf-8")
    found = Contract.model_validate(yaml.safe_load(infer(tmp_path / "n.json", "--name", "n.v1")))
    assert {column.name: column.type for column in found.columns} == {"at": "struct<x:string>", "id": "int"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["no.csv", "--name", "a.v1"], "GH2024"),
        (["data.bin", "--name", "a.v1"], "GH1053.*format of data.bin"),
        (["no.csv", "--name", "a"], "GH1053.*no name"),
        (["no.csv", "--name", "a.v1", "--to", "there"], "GH1053.*is there already"),
    ],
)
def test_what_cannot_be_drafted_is_told_with_a_code(
    spark: SparkSession, arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").touch()
    with pytest.raises((ConfigError, InputError), match=problem):
        infer(*arguments)
