"""The four stages over local folders: nothing bad gets through, nothing is lost, and twice is once."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gluehouse.errors import ConfigError
from gluehouse.history import FileLock
from gluehouse.spec.contract import Contract
from gluehouse.spec.manifest import Manifest
from gluehouse.spec.pipeline import PipelineSpec
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused, run_stage
from tests.spark.ports import CONTRACT, SPEC, compiled, context_of, landed

Make = Callable[..., StageContext]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    """A context for one delivered file; ``changes`` replaces top-level fields of the pipeline."""
    lock = FileLock(tmp_path / "ports.lock")

    def context(name: str, text: str, sql: str | None = None, **changes: Any) -> StageContext:
        pipeline = compiled({**SPEC, **changes}, CONTRACT)
        return context_of(spark, tmp_path, pipeline, landed(tmp_path, f"ports/{name}", text), lock, sql=sql)

    with lock:
        yield context


GOOD = "code,depth\nRTM,24\nHAM,15.5\nANR,17\n"


def run(context: StageContext, *stages: str) -> Manifest:
    manifests = [run_stage(context, stage, lambda _manifest: None) for stage in stages]
    return manifests[-1]


def fused(context: StageContext) -> Manifest:
    return run_fused(context, lambda _manifest: None)


def table(context: StageContext) -> list[tuple[Any, ...]]:
    rows = context.spark.read.format("delta").load(context.table_location("curated.ports"))
    picked = rows.select("code", "depth", "effective_from", "effective_to", "is_current").collect()
    return sorted((row.code, row.depth, str(row.effective_from), str(row.effective_to)) for row in picked)


def test_two_releases_become_one_history(make: Make) -> None:
    fused(make("2024-01-01.csv", GOOD))
    context = make("2024-02-01.csv", "depth,code\n24,RTM\n16,HAM\n9,LEH\n")
    manifest = fused(context)
    assert (manifest.outcome, manifest.published, manifest.counts.rows_in) == ("passed", True, 3)
    assert table(context) == [
        ("ANR", 17.0, "2024-01-01", "2024-02-01"),
        ("HAM", 15.5, "2024-01-01", "2024-02-01"),
        ("HAM", 16.0, "2024-02-01", "None"),
        ("LEH", 9.0, "2024-02-01", "None"),
        ("RTM", 24.0, "2024-01-01", "None"),
    ]


def test_every_stage_run_twice_leaves_what_once_left(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD + "X,-1\n")
    for stage in ("ingest", "process", "validate", "publish"):
        first, second = run(context, stage), run(context, stage)
        assert (first.counts, first.outcome, first.quality) == (second.counts, second.outcome, second.quality)
    assert second.tables[0].version_before == second.tables[0].version_after
    assert len(table(context)) == 3


def test_bad_rows_are_set_aside_with_rule_reason_and_raw_form_and_counts_add_up(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD + "XXX,deep\n,3\nYYY,101\nZZZ,1,2\n" + "A,1\nB,2\n")
    manifest = run(context, "ingest")
    counts = manifest.counts
    assert (counts.rows_in, counts.good, counts.quarantined) == (9, 5, 4)
    aside = context.spark.read.parquet(manifest.outputs["quarantine"]).collect()
    found = {row.raw: (row.rules, row.key.code if row.key else None) for row in aside}
    assert found == {
        '{"code":"XXX","depth":"deep","released_on":"2024-01-01"}': (["type(depth)"], "XXX"),
        '{"depth":"3","released_on":"2024-01-01"}': (["not_null(code)"], None),
        '{"code":"YYY","depth":"101","released_on":"2024-01-01"}': (["between(depth)"], "YYY"),
        "ZZZ,1,2": (["malformed"], None),
    }
    assert {report.rule: report.metrics["rows"] for report in manifest.quality}["malformed"] == 1


def test_a_row_rule_that_only_warns_is_counted_in_the_manifest_and_keeps_its_rows(make: Make) -> None:
    context = make("2024-01-01.csv", "code,depth\nRTM,24\nHAM,70\nANR,170\n")
    lenient = {"rule": "between", "column": "depth", "max": 50, "severity": "warn"}
    contract = Contract.model_validate({**CONTRACT, "row_rules": [lenient, *CONTRACT["row_rules"]]})
    pipeline = context.pipeline.model_copy(update={"contract": contract})
    manifest = run(replace(context, pipeline=pipeline), "ingest")
    assert (manifest.outcome, manifest.counts.good, manifest.counts.quarantined) == ("passed", 2, 1)
    told = [(report.rule, report.reason, report.metrics["rows"]) for report in manifest.quality]
    assert told == [("between(depth)", "row rule, rows kept", 1), ("between(depth)", "row rule", 1)]


def test_a_row_in_quarantine_does_not_delete_its_key(make: Make) -> None:
    fused(make("2024-01-01.csv", GOOD))
    context = make("2024-02-01.csv", "code,depth\nRTM,24\nHAM,deep\nANR,17\n")
    assert fused(context).outcome == "passed"
    assert ("HAM", 15.5, "2024-01-01", "None") in table(context)


def test_a_row_whose_key_cannot_be_read_deletes_nothing_and_warns(make: Make) -> None:
    fused(make("2024-01-01.csv", GOOD))
    context = make("2024-02-01.csv", "code,depth\nRTM,24\n,15.5\nANR,17\n")
    manifest = fused(context)
    assert all(end == "None" for *_, end in table(context))
    assert any(report.rule == "history" and report.severity == "warn" for report in manifest.quality)


def test_too_many_bad_rows_refuse_the_delivery_and_publish_nothing(make: Make) -> None:
    context = make("2024-01-01.csv", "code,depth\nRTM,24\nHAM,deep\nANR,deeper\n")
    manifest = fused(context)
    assert (manifest.outcome, manifest.problem.code, manifest.published) == ("failed", "GH2030", False)
    assert not Path(context.table_location("curated.ports")).exists()


@pytest.mark.parametrize("text", ["code,depth\n", ""])
def test_a_snapshot_without_a_row_is_refused_and_the_table_untouched(make: Make, text: str) -> None:
    before = table_after_first(make)
    context = make("2024-02-01.csv", text)
    manifest = fused(context)
    assert (manifest.outcome, manifest.published) == ("failed", False)
    assert manifest.problem.code in ("GH2010", "GH2031")
    assert table(context) == before


def table_after_first(make: Make) -> list[tuple[Any, ...]]:
    context = make("2024-01-01.csv", GOOD)
    fused(context)
    return table(context)


def test_a_truncated_gzip_is_refused_by_a_stable_code(make: Make) -> None:
    lines = "".join(f"P{n:05d},{n % 90}\n" for n in range(20_000))
    whole = gzip.compress(f"code,depth\n{lines}".encode())
    manifest = run(make("2024-01-01.csv.gz", whole[: len(whole) // 2]), "ingest")
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH2020")


@pytest.mark.parametrize(("end", "outcome"), [("]}", ("passed", None, 3)), ("", ("failed", "GH2020", None))])
def test_a_json_document_is_taken_whole_or_refused_by_a_stable_code(make: Make, end: str, outcome: Any) -> None:
    lines = ",\n".join(f'{{"code": "P{n}", "depth": {n}, "released_on": "2024-01-01"}}' for n in range(3))
    source = {**SPEC["source"], "format": "json_document", "json_document": {"records": "$.items"}}
    context = make("2024-01-01.csv", f'{{"items": [{lines}{end}', source=source)
    manifest = run(context, "ingest")
    problem = manifest.problem.code if manifest.problem else None
    assert (manifest.outcome, problem, manifest.counts.good) == outcome


def test_log_lines_that_do_not_match_are_counted_and_kept_in_quarantine_as_they_were(make: Make) -> None:
    source = {**SPEC["source"], "format": "lines", "lines": {"grok": "%{WORD:code} %{NUMBER:depth}"}}
    manifest = run(context := make("2024-01-01.csv", "RTM 24\nHAM is closed\nANR 17\n", source=source), "ingest")
    assert (manifest.counts.rows_in, manifest.counts.good, manifest.counts.quarantined) == (3, 2, 1)
    aside = context.spark.read.parquet(manifest.outputs["quarantine"]).collect()
    assert [(row.rules, row.raw) for row in aside] == [(["malformed"], "HAM is closed")]


def test_a_missing_column_is_refused_by_name(make: Make) -> None:
    manifest = run(make("2024-01-01.csv", "code,deepness\nRTM,24\n"), "ingest")
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH2010")
    assert "depth" in manifest.problem.message


def test_a_repeated_column_is_refused(make: Make) -> None:
    manifest = run(make("2024-01-01.csv", "code,depth,depth\nRTM,24,25\n"), "ingest")
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH2011")


def test_a_failing_rule_blocks_publishing_and_is_named_with_its_value(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD, quality={"rules": "Rules = [ RowCount > 10 ]"})
    manifest = fused(context)
    assert (manifest.outcome, manifest.problem.code, manifest.published) == ("failed", "GH3001", False)
    assert "RowCount > 10" in manifest.problem.message
    assert not Path(context.table_location("curated.ports")).exists()


def test_a_failing_rule_that_only_warns_does_not_block(make: Make) -> None:
    manifest = fused(make("2024-01-01.csv", GOOD, quality={"warn": "Rules = [ RowCount > 10 ]"}))
    assert (manifest.outcome, manifest.published) == ("passed", True)
    assert ("RowCount > 10", "failed", "warn") in [(r.rule, r.outcome, r.severity) for r in manifest.quality]


def test_rules_that_are_no_dqdl_are_a_configuration_error(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD, quality={"rules": "Rules = [ RowCuont > "})
    run(context, "ingest", "process")
    with pytest.raises(ConfigError, match="GH1030"):
        run(context, "validate")


def test_the_sql_engine_reads_the_view_staging(make: Make) -> None:
    sql = "SELECT code, round(depth) AS depth, released_on FROM staging"
    context = make("2024-01-01.csv", GOOD, sql=sql, process={"engine": "glue_sql", "sql": "model.sql"})
    fused(context)
    assert [row[:2] for row in table(context)] == [("ANR", 17.0), ("HAM", 16.0), ("RTM", 24.0)]


def test_a_transform_that_drops_a_key_is_refused_before_it_runs(make: Make) -> None:
    sql = "SELECT depth, released_on FROM staging"
    context = make("2024-01-01.csv", GOOD, sql=sql, process={"engine": "glue_sql", "sql": "model.sql"})
    run(context, "ingest")
    with pytest.raises(ConfigError, match=r"GH1022.*code"):
        run(context, "process")
    assert not Path(context.environment.processed).exists()


def test_a_transform_that_no_wheel_has_is_a_configuration_error(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD, process={"engine": "glue_pyspark", "transforms": ["ports.none:at_all"]})
    run(context, "ingest")
    with pytest.raises(ConfigError, match="GH1021"):
        run(context, "process")


def test_without_history_a_table_is_replaced_by_each_batch_once(make: Make) -> None:
    first = make("2024-01-01.csv", GOOD, history=None)
    fused(first)
    second = make("2024-02-01.csv", "code,depth\nRTM,1\nHAM,2\n", history=None)
    fused(second)
    again = fused(second)
    assert again.tables[0].version_before == again.tables[0].version_after == 1
    rows = second.spark.read.format("delta").load(second.table_location("curated.ports")).collect()
    assert sorted((row.code, row.depth) for row in rows) == [("HAM", 2.0), ("RTM", 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffcode,depth\nRTM,24\nHAM,15.5\nANR,17\n",
        "code,,depth,\nRTM,a,24,\nHAM,b,15.5,\nANR,c,17,\n",
        "x0,x1,y,code,depth\n1,2,3,RTM,24\n1,2,3,HAM,15.5\n1,2,3,ANR,17\n",
        'depth,"code"\n24,"RTM"\n"15.5",HAM\n17,ANR\n',
    ],
    ids=["byte order mark", "blank headers", "names that look repeated", "quotes"],
)
def test_headers_of_honest_files_are_taken(make: Make, text: str) -> None:
    manifest = run(make("2024-01-01.csv", text), "ingest")
    assert (manifest.outcome, manifest.counts.good, manifest.counts.quarantined) == ("passed", 3, 0)


@pytest.mark.parametrize("name", ["a b.2024-01-01.csv", "a+b%20[1]{x}.2024-01-01.csv", "é*?.2024-01-01.csv"])
def test_an_object_is_read_by_its_name_whatever_characters_it_has(make: Make, name: str) -> None:
    make("éx.2024-01-01.csv", "code,depth\nXXX,1\n")
    assert run(make(name, GOOD), "ingest").counts.good == 3


@pytest.mark.parametrize("name", ["_a.2024-01-01.csv", ".a.2024-01-01.csv"])
def test_an_object_that_spark_would_skip_as_hidden_is_refused(make: Make, name: str) -> None:
    manifest = run(make(name, GOOD), "ingest")
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH2013")


def test_an_object_that_is_overwritten_before_it_is_read_is_refused(make: Make) -> None:
    context = make("2024-01-01.csv", GOOD)
    changed = context.plan.objects[0].model_copy(update={"etag": "other"})
    manifest = run(replace(context, look_up=lambda _uri: changed), "ingest")
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH2007")


def test_where_the_logic_may_change_keys_a_row_in_quarantine_deletes_nothing(make: Make) -> None:
    sql = "SELECT lower(code) AS code, depth, released_on FROM staging"
    changes: dict[str, Any] = {"sql": sql, "process": {"engine": "glue_sql", "sql": "model.sql"}}
    fused(make("2024-01-01.csv", GOOD, **changes))
    context = make("2024-02-01.csv", "code,depth\nRTM,24\nHAM,deep\n", **changes)
    fused(context)
    assert [row[3] for row in table(context)] == ["None"] * 3


def test_a_decimal_in_json_keeps_its_digits(make: Make, spark: SparkSession) -> None:
    context = make("1.json", '{"code": "RTM", "depth": 12345678901234567.89, "released_on": "2024-01-01"}\n')
    columns = [{**c, "type": "decimal(20,2)"} if c["name"] == "depth" else c for c in CONTRACT["columns"]]
    contract = Contract.model_validate({**CONTRACT, "row_rules": [], "columns": columns})
    source = {"kind": "file", "format": "json", "prefix": "ports/", "mode": "changes"}
    spec = PipelineSpec.model_validate({**SPEC, "source": source, "history": None})
    pipeline = context.pipeline.model_copy(update={"spec": spec, "contract": contract, "output_contract": contract})
    manifest = run(replace(context, pipeline=pipeline), "ingest")
    assert manifest.counts.good == 1
    assert str(spark.read.parquet(manifest.outputs["staging"]).first()["depth"]) == "12345678901234567.89"


def test_a_row_that_a_lookup_misses_is_set_aside_and_does_not_delete_its_key(make: Make, spark: SparkSession) -> None:
    enrich = {
        "use": "lookup",
        "params": {"table": "curated.known", "on": {"code": "id"}, "columns": {"id": "found"}, "misses": "quarantine"},
    }
    first = make("2024-01-01.csv", GOOD)
    fused(first)
    known = spark.createDataFrame([("RTM",), ("ANR",)], "id string")
    known.write.format("delta").save(first.table_location("curated.known"))
    context = make("2024-02-01.csv", GOOD, process={"engine": "glue_pyspark", "transforms": [enrich]})
    manifest = fused(context)
    assert (manifest.outcome, manifest.counts.rows_in, manifest.counts.out, manifest.counts.quarantined) == (
        "passed", 3, 2, 1,
    )  # fmt: skip
    aside = spark.read.parquet(manifest.outputs["quarantine_process"]).collect()
    assert [(row.key.code, row.rules) for row in aside] == [("HAM", ["lookup(curated.known)"])]
    assert ("HAM", 15.5, "2024-01-01", "None") in table(context)


def test_changes_become_history_by_their_sequence_however_late_they_come(make: Make) -> None:
    changes: dict[str, Any] = {
        "source": {"kind": "file", "format": "json", "prefix": "ports/", "mode": "changes"},
        "history": {"type": 2, "keys": ["code"], "sequence_by": ["released_on"]},
        "quality": {},
    }
    late = '{"code": "HAM", "depth": 16, "released_on": "2024-02-01"}\n'
    early = (
        '{"code": "HAM", "depth": 15.5, "released_on": "2024-01-01"}\n'
        '{"code": "HAM", "depth": 17, "released_on": "2024-03-01"}\n'
        '{"code": "BAD", "depth": "deep", "released_on": "2024-03-01"}\n'
        '{"code": "CUT", "dep\n'
    )
    first = fused(make("1.json", early, **changes))
    assert (first.counts.rows_in, first.counts.quarantined) == (4, 2)
    context = make("2.json", late, **changes)
    assert fused(context).outcome == "passed"
    assert table(context) == [
        ("HAM", 15.5, "2024-01-01", "2024-02-01"),
        ("HAM", 16.0, "2024-02-01", "2024-03-01"),
        ("HAM", 17.0, "2024-03-01", "None"),
    ]
