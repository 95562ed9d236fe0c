"""A pipeline is one YAML file; everything wrong with it is told at once, by file, line and path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluehouse.cli import schemas
from gluehouse.cli.compile import compile_all, write_artifacts
from gluehouse.errors import ConfigError
from gluehouse.spec.pipeline import CompiledPipeline

CHECKOUT = Path(__file__).resolve().parents[2]
PIPELINE = "config/pipelines/airports.yaml"
LAMBDA = "config/pipelines/airports_lambda.yaml"
CONTRACT = "config/contracts/airports.v1.yaml"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def problems(root: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        compile_all(root)
    assert refused.value.code == "GH1001"
    return str(refused.value)


def test_the_three_example_pipelines_differ_in_configuration_alone() -> None:
    compiled = compile_all(CHECKOUT)
    assert {name: one.spec.process.engine for name, one in compiled.items()} == {
        "airports": "glue_pyspark",
        "airports_lambda": "lambda",
        "airports_by_country": "glue_sql",
    }
    assert compiled["airports"].contract == compiled["airports_lambda"].contract


def test_an_anomaly_rule_for_a_column_that_is_not_there_is_refused(root: Path) -> None:
    change(root / PIPELINE, "quality:\n", "quality:\n  anomaly: [{metric: null_share(citty)}]\n")
    assert "quality.anomaly names ['citty'], which airports" in problems(root)


def test_an_artifact_reads_back_as_what_was_compiled(root: Path) -> None:
    compiled = compile_all(root)
    write_artifacts(root / "out", "s3://code/config", compiled)
    index = json.loads((root / "out/index.json").read_text())
    for name, pipeline in compiled.items():
        file = root / "out" / name / pipeline.hash / "pipeline.json"
        assert CompiledPipeline.model_validate_json(file.read_text()) == pipeline
        assert index["pipelines"][name]["uri"] == f"s3://code/config/{name}/{pipeline.hash}/pipeline.json"
    by_country = compiled["airports_by_country"]
    sql = root / "out/airports_by_country" / by_country.hash / "model.sql"
    assert sql.read_text() == (root / "sql/airports_by_country/model.sql").read_text()


def test_the_hash_is_the_same_for_the_same_configuration_and_changes_with_contract_and_sql(root: Path) -> None:
    before = {name: one.hash for name, one in compile_all(root).items()}
    assert {name: one.hash for name, one in compile_all(root).items()} == before
    change(root / "sql/airports_by_country/model.sql", "max(elevation)", "min(elevation)")
    change(root / "config/contracts/airports_curated.v1.yaml", "Metres above", "Metres over")
    after = {name: one.hash for name, one in compile_all(root).items()}
    assert all(before[name] != after[name] for name in before)


def test_an_unknown_key_is_refused_by_file_line_and_path(root: Path) -> None:
    change(root / PIPELINE, "  engine: glue_pyspark", "  engine: glue_pyspark\n  engin: spark")
    assert "airports.yaml:15: process.engin: is unknown here" in problems(root)


def test_all_problems_of_all_files_are_told_together(root: Path) -> None:
    change(root / PIPELINE, "engine: glue_pyspark", "engine: spark")
    change(root / PIPELINE, "type: 2", "type: 7")
    change(root / "config/contracts/airports.v1.yaml", "type: double", "type: doubel")
    told = problems(root)
    assert "process.engine" in told
    assert "'spark'" in told
    assert "history.type" in told
    assert "'doubel' is no column type" in told


def test_what_yaml_would_take_for_a_boolean_stays_text(root: Path) -> None:
    notify = compile_all(root)["airports"].spec.notify
    assert notify.on == ("success", "failure")


def test_a_key_that_stands_twice_is_refused(root: Path) -> None:
    change(root / PIPELINE, "contract: airports.v1", "contract: airports.v1\ncontract: airports.v2")
    assert "'contract' stands twice" in problems(root)


def test_a_text_that_is_no_yaml_is_refused_with_its_line(root: Path) -> None:
    change(root / PIPELINE, "history:", "history: [")
    assert "airports.yaml:" in problems(root)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (PIPELINE, "contract: airports.v1", "contract: airprots.v1", "names airprots.v1"),
        (PIPELINE, "pipeline: airports", "pipeline: airport", "the file's name says airports"),
        (PIPELINE, "keys: [iata]", "keys: [iota]", "history needs ['iota']"),
        (PIPELINE, "sequence_by: [released_on]", "sequence_by: [released]", "history needs ['released']"),
        (PIPELINE, "mode: snapshot", "mode: changes", "absence needs source.mode: snapshot"),
        (PIPELINE, "on: [success, failure]", "on: [success]", "must contain failure"),
        (PIPELINE, "[airports.transforms:normalise_country]", "[lokup]", "'lokup' is no built-in transform"),
        (PIPELINE, "table: curated.airports", "table: airports", "publish.0.table"),
        (PIPELINE, "(?P<released_on>", "(?P<released>", "columns_from_key gives 'released'"),
        (PIPELINE, "(?P<released_on>", "(", "names no column"),
        (LAMBDA, "execution: staged", "execution: fused", "cannot hold a Lambda"),
        (LAMBDA, "[airports.transforms_arrow:normalise_country]", "[lookup]", "need Spark"),
        (PIPELINE, "    tags: {owner: geo}", "    partition_by: [country]", "takes no mode and no partition_by"),
        (LAMBDA, "prefix: airports_lambda/", "prefix: airports/x/", "overlaps"),
        (LAMBDA, "curated.airports_lambda", "curated.airports", "airports writes too"),
        ("config/pipelines/airports_by_country.yaml", "sql: model.sql", "sql: modle.sql", "is no file"),
        ("config/pipelines/airports_by_country.yaml", "  sql: model.sql\n", "", "takes `sql: FILE.sql`"),
        (CONTRACT, "{name: city,", "{name: IATA,", "differ in case alone"),
        (CONTRACT, "keys: [iata]", "keys: [iota]", "keys name ['iota']"),
        (CONTRACT, "[A-Z0-9]{3}", "[A-Z0-9{3}", "is no regular expression"),
        (CONTRACT, "contract: airports.v1", "contract: airports.v2", "name says airports.v1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_found_before_anything_runs(
    root: Path, file: str, old: str, new: str, told: str
) -> None:
    change(root / file, old, new)
    assert told in problems(root)


def test_the_published_json_schemas_are_those_of_the_specs() -> None:
    for name, text in schemas.texts().items():
        assert (CHECKOUT / "config/schema" / name).read_text() == text, "run `gluehouse schema`"
