"""Checks of a data set beside DQDL: what can be configured, what is refused before a run, and what each one says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from gluehouse.cli.compile import compile_all
from gluehouse.errors import ConfigError, QualityError
from gluehouse.quality import freshness, reconcile, references
from gluehouse.quality.drift import remembered, since_last_run
from gluehouse.spec.check import (
    Audit,
    DriftCheck,
    FreshnessCheck,
    KeysCheck,
    ReferenceCheck,
    RowsCheck,
    SumCheck,
)
from gluehouse.spec.failure import Failure
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import Counts, Manifest, Problem, RuleReport
from gluehouse.spec.metrics import RunMetrics
from gluehouse.spec.notice import Look, RunRef, failure_notice
from gluehouse.spec.pipeline import Quality
from gluehouse.spec.plan import ObjectRef, RunPlan
from gluehouse.spec.select import fault_of
from gluehouse.stages import validate
from gluehouse.stages.judged import judged_by_the_gate

CHECKOUT = Path(__file__).resolve().parents[2]
PIPELINE = "config/pipelines/airports.yaml"
AUDITS = "sql/airports/audits"
NOON = datetime(2024, 8, 7, 12, tzinfo=UTC)


def with_quality(root: Path, *lines: str) -> Path:
    file = root / PIPELINE
    file.write_text(
        file.read_text().replace("quality:\n", "".join(("quality:\n", *(f"  {one}\n" for one in lines))), 1)
    )
    return root


def problems(root: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        compile_all(root)
    assert refused.value.code == "GH1001"
    return str(refused.value)


def test_all_checks_are_compiled_with_the_text_of_the_audits(root: Path) -> None:
    (root / AUDITS).mkdir(parents=True)
    (root / AUDITS / "low.sql").write_text("SELECT * FROM processed WHERE elevation < -500")
    with_quality(
        root,
        "drift: {severity: stop}",
        "reconcile: {rows: {absolute: 2}, sums: [{column: elevation}], keys: {}}",
        "freshness: [{column: released_on, within: P400D, severity: warn}]",
        "references: [{on: {country: code}, table: curated.countries, at: released_on, relative: 0.01}]",
        "audits: [{name: low.sql, absolute: 3, tables: [curated.regions]}]",
    )
    found = compile_all(root)["airports"]
    assert found.audits == {"low.sql": "SELECT * FROM processed WHERE elevation < -500"}
    quality = found.spec.quality
    assert quality.reconcile is not None
    assert (quality.reconcile.rows, quality.drift) == (RowsCheck(absolute=2), DriftCheck(severity="stop"))
    assert quality.freshness[0].within == timedelta(days=400)
    assert [one.severity for one in (*quality.references, *quality.audits)] == ["stop", "stop"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("reconcile: {sums: [{column: hight}]}", "quality.reconcile.sums names hight, which airports_curated.v1 lacks"),
        ("reconcile: {sums: [{column: city}]}", "takes number columns, but city is string in airports.v1"),
        ("reconcile: {sums: [{column: lat}, {column: lat}]}", "reconcile.sums names a column twice"),
        ("reconcile: {keys: {columns: [iota]}}", "needs iota before and after, but airports.v1 lacks it"),
        ("freshness: [{column: released, within: P1D}]", "quality.freshness names released"),
        ("freshness: [{column: city, within: P1D}]", "takes a date or timestamp, but city is string"),
        ("freshness: [{column: released_on, within: P1M}]", "'P1M' is not a duration"),
        ("references: [{on: {contry: code}, table: curated.countries}]", "quality.references names ['contry']"),
        ("references: [{on: {country: code}, table: curated.countries, at: city}]", "but city is string"),
        ("references: [{on: {country: code}, table: countries}]", "quality.references.0.table"),
        ("references: [{on: {}, table: curated.countries}]", "quality.references.0.on"),
        ("audits: [{name: none.sql}]", "names none.sql; sql/airports/audits has []"),
        ("audits: [{name: a.sql, tables: [a.b_c, a_b.c]}]", "a_b.c and a.b_c would be one view, a_b_c"),
        ("drift: {severity: maybe}", "quality.drift.severity"),
        ("reconcile: {row: {}}", "quality.reconcile.row: is unknown here"),
    ],
)  # fmt: skip
def test_a_check_that_no_run_could_judge_is_refused_by_its_key(root: Path, line: str, told: str) -> None:
    assert told in problems(with_quality(root, line))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "-- what for\nselect a, 'x; y' from processed;\n-- the end;\n",
        "WITH few AS (SELECT * FROM staging) SELECT * FROM few",
        "/* it's ( */ SELECT `drop;` FROM processed",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT * FROM processed WHERE created > 1 AND b IN (SELECT set FROM staging)",
    ],
)
def test_one_query_is_an_audit(sql: str) -> None:
    assert fault_of(sql) is None


@pytest.mark.parametrize(
    ("sql", "line", "told"),
    [
        ("", 1, "there is no statement"),
        ("-- nothing\n", 2, "there is no statement"),
        ("DELETE FROM processed", 1, "begins with SELECT or WITH, not with DELETE"),
        ("SELECT 1;\nSELECT 2", 2, "a second statement"),
        ("WITH a AS (SELECT 1)\nINSERT INTO t SELECT * FROM a", 2, "it has INSERT"),
        ("SELECT (1", 1, "a parenthesis is not closed"),
        ("SELECT 1)", 1, "closed that was not opened"),
        ("SELECT 1\nFROM t WHERE a = 'x", 2, "does not end"),
        ("SELECT 1 /* and so on", 1, "does not end"),
    ],
)
def test_what_is_no_single_query_is_refused_by_its_line(sql: str, line: int, told: str) -> None:
    found = fault_of(sql)
    assert found is not None
    assert (found[0], told in found[1]) == (line, True), found


def test_an_audit_that_is_no_query_or_named_oddly_is_told_by_its_file_and_line(root: Path) -> None:
    (root / AUDITS).mkdir(parents=True)
    (root / AUDITS / "a.sql").write_text("SELECT 1;\nDROP TABLE t")
    (root / AUDITS / "B.sql").write_text("SELECT 1")
    told = problems(root)
    assert f"{root / AUDITS}/a.sql:2: the audit: a second statement begins" in told
    assert "B.sql:1: the file: is named otherwise than small_letters.sql" in told


def test_an_audit_changes_the_hash_of_its_pipeline_alone(root: Path) -> None:
    before = {name: one.hash for name, one in compile_all(root).items()}
    (root / AUDITS).mkdir(parents=True)
    (root / AUDITS / "a.sql").write_text("SELECT 1 WHERE false")
    after = {name: one.hash for name, one in compile_all(root).items()}
    assert {name for name in before if before[name] != after[name]} == {"airports"}


def test_rows_in_are_rows_out_and_rows_set_aside() -> None:
    assert reconcile.rows(RowsCheck(), 10, 8, 2).outcome == "passed"
    lost = reconcile.rows(RowsCheck(), 10, 7, 2)
    assert (lost.outcome, lost.severity, lost.metrics) == ("failed", "stop", {"found": 9, "expected": 10, "allowed": 0})
    assert lost.reason == "found 9 (2 of them set aside), expected 10"
    assert reconcile.rows(RowsCheck(), 10, 11, 0).outcome == "failed", "doubled rows differ too"
    assert reconcile.rows(RowsCheck(), 0, 0, 0).outcome == "passed"


@pytest.mark.parametrize(("tolerance", "outcome"), [
    ({"absolute": 1}, "passed"), ({"relative": 0.1}, "passed"), ({"relative": 0.09}, "failed"), ({}, "failed"),
])  # fmt: skip
def test_the_larger_of_the_tolerances_counts(tolerance: dict[str, float], outcome: str) -> None:
    assert reconcile.rows(RowsCheck(**tolerance), 10, 9, 0).outcome == outcome  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("staged", "processed", "outcome"),
    [
        (100.0, 100.0, "passed"),
        (0.1 + 0.2, 0.3, "passed"),
        (100.0, 100.1, "failed"),
        (0.0, 0.0, "passed"),
        (None, 100.0, "failed"),
        (100.0, None, "failed"),
        (float("nan"), float("nan"), "failed"),
        (float("inf"), float("inf"), "failed"),
    ],
)
def test_a_sum_is_what_it_was_but_for_the_rounding_of_doubles(
    staged: float | None, processed: float | None, outcome: str
) -> None:
    (found,) = reconcile.sums([SumCheck(column="net", source="n")], {"n": staged}, {"net": processed})
    assert (found.rule, found.outcome) == ("Reconcile sum(net)", outcome)


def test_lost_keys_are_counted_and_the_report_says_how_to_list_them() -> None:
    found = reconcile.lost_keys(KeysCheck(), ["id", "line"], 8, 2)
    assert (found.outcome, found.metrics["found"], found.metrics["keys"]) == ("failed", 2, 8)
    assert "SELECT `id`, `line` FROM staging EXCEPT SELECT `id`, `line` FROM processed" in found.reason
    assert reconcile.lost_keys(KeysCheck(relative=0.25), ["id"], 8, 2).outcome == "passed"
    assert reconcile.lost_keys(KeysCheck(), ["id"], 0, 0).outcome == "passed"


@pytest.mark.parametrize(("age", "outcome"), [(36.0, "passed"), (36.01, "failed"), (-5.0, "passed"), (None, "failed")])
def test_the_newest_value_is_not_older_than_agreed(age: float | None, outcome: str) -> None:
    check = FreshnessCheck(column="changed_at", within="PT36H")  # type: ignore[arg-type]
    newest = None if age is None else round((NOON - timedelta(hours=age)).timestamp() * 1e6)
    found = freshness.freshness(check, newest, NOON)
    assert found.outcome == outcome
    assert "expected at most 36 hours before the run's trigger" in found.reason


def test_a_rerun_is_as_fresh_as_the_run_that_it_repeats() -> None:
    plan = RunPlan(
        pipeline="p", run_id="r2", batch_id="b", config_uri="u", config_hash="h", engine="glue_sql",
        execution="fused", objects=(ObjectRef(uri="u", size=1, etag="e"),), triggered_at=NOON,
    )  # fmt: skip
    assert plan.due_at == NOON
    assert plan.model_copy(update={"first_triggered_at": NOON - timedelta(days=9)}).due_at == NOON - timedelta(days=9)


def test_orphans_are_held_against_the_rows_that_name_something() -> None:
    check = ReferenceCheck(on={"country": "code"}, table="curated.countries", relative=0.1)
    assert references.judged(check, 20, 2).outcome == "passed"
    found = references.judged(check, 20, 3)
    assert (found.rule, found.outcome) == ("Reference country -> curated.countries", "failed")
    assert (found.metrics["found"], found.metrics["allowed"], found.metrics["rows"]) == (3, 2, 20)
    assert references.judged(check, 0, 0).outcome == "passed"


def run(day: int, columns: dict[str, str] | None) -> RunMetrics:
    values = remembered(columns) if columns is not None else {"rows": 1.0}
    return RunMetrics(
        run_id=f"r{day}", batch_id=f"b{day}", planned_at=NOON + timedelta(days=day), outcome="passed",
        values=values, published=True,
    )  # fmt: skip


def test_drift_is_told_against_the_last_run_that_remembers_its_columns() -> None:
    earlier = [run(1, {"a": "int"}), run(2, {"a": "int", "c": "string"}), run(3, None)]
    assert since_last_run(DriftCheck(), {"c": "string", "a": "int"}, earlier).outcome == "passed"
    found = since_last_run(DriftCheck(), {"a": "bigint", "b": "date"}, earlier)
    assert (found.outcome, found.severity) == ("failed", "warn")
    assert found.reason == "a is bigint, was int; b is new; c is missing"


def test_without_an_earlier_run_there_is_nothing_to_differ_from() -> None:
    found = since_last_run(DriftCheck(), {"a": "int"}, [run(1, None)])
    assert (found.outcome, found.reason) == ("passed", "no earlier published run tells its columns")


def test_a_nested_type_is_remembered_as_it_is() -> None:
    kinds = {"a": "array<struct<x:int,y:map<string,decimal(5,2)>>>"}
    assert since_last_run(DriftCheck(), kinds, [run(1, kinds)]).outcome == "passed"


def verdict_of(outcome: str, rows: int | None = 3, found: float | None = 5.0) -> Manifest:
    problem = Problem(code="GH3001", message="m") if outcome == "failed" else None
    quality = (RuleReport(rule="Reconcile sum(net)", outcome="passed", metrics={"found": found}),)
    return Manifest(
        stage="validate", pipeline="p", run_id="r", batch_id="b", outcome=outcome, problem=problem,  # type: ignore[arg-type]
        counts=Counts(**{"in": rows}), quality=quality, config_hash="h", wheel_version="0", started_at=NOON, seconds=1,
    )  # fmt: skip


def context(manifest: Manifest | None) -> Any:
    spec = SimpleNamespace(quality=Quality())
    return SimpleNamespace(
        verdict=lambda: manifest, pipeline=SimpleNamespace(spec=spec, output_contract=SimpleNamespace(columns=()))
    )


def test_publish_refuses_a_run_that_stage_3_has_failed_however_it_was_started() -> None:
    with pytest.raises(QualityError, match="GH3003"):
        judged_by_the_gate(context(verdict_of("failed")))


def test_publish_knows_what_was_judged_and_nothing_where_nothing_was() -> None:
    judged = judged_by_the_gate(context(verdict_of("passed")))
    assert judged is not None
    assert judged.rows == 3
    assert judged_by_the_gate(context(None)) is None
    assert judged_by_the_gate(context(verdict_of("passed", rows=None))) is None


def test_a_verdict_names_the_rules_that_failed_with_what_was_found_and_expected() -> None:
    reports = (
        reconcile.rows(RowsCheck(), 10, 7, 2),
        reconcile.rows(RowsCheck(severity="warn"), 10, 3, 2),
        validate._measured_shown(
            RuleReport(rule="RowCount > 10", outcome="failed", metrics={"Dataset.*.RowCount": 3.0}, reason="too few")
        ),
    )
    problem = validate._verdict(reports)
    assert problem is not None
    assert "2 of 3 data set rules failed" in problem.message
    assert "Reconcile rows (found 9 (2 of them set aside), expected 10)" in problem.message
    assert "RowCount > 10 (too few; found Dataset.*.RowCount = 3)" in problem.message
    assert validate._verdict(reports[1:2]) is None


RUN = RunRef(environment="dev", pipeline="orders", run_id="r1", batch_id="b1", execution_arn="arn", where="s3://w/r1")
LOOK = Look(processed="s3://l/processed/orders/b1", quarantine="s3://q/orders")


@pytest.mark.parametrize(
    ("state", "code", "report", "rows"),
    [
        ("validate", "GH3001", "validate.json", True),
        ("fused", "GH3001", "validate.json", True),
        ("fused", "GH3002", "publish.json", True),
        ("fused", "GH4001", "publish.json", True),
        ("fused", "GH2030", "ingest.json", False),
        ("ingest", "GH2030", "ingest.json", False),
    ],
)
def test_an_alert_about_data_says_where_its_report_and_rows_are(state: str, code: str, report: str, rows: bool) -> None:
    told = failure_notice(RUN, Failure(state=state, code=code, message="m"), "no", LOOK).text
    assert f"Report: s3://w/r1/{report}" in told
    assert "gluehouse quarantine show b1 --stack gluehouse-dev" in told
    assert ("s3://l/processed/orders/b1" in told) == rows


def test_an_alert_about_machinery_or_without_a_batch_points_to_no_rows() -> None:
    for one, failure in (
        (RUN, Failure(state="Publish", code="GH9000", message="m")),
        (RUN.model_copy(update={"batch_id": ""}), Failure(state="validate", code="GH3001", message="m")),
    ):
        assert "Report:" not in failure_notice(one, failure, "no", LOOK).text


@pytest.mark.parametrize("written", ["PT0S", "P399D", "P400DT1H", "P60W"])
def test_a_duration_survives_the_artifact(written: str) -> None:
    check = FreshnessCheck.model_validate({"column": "a", "within": written})
    assert FreshnessCheck.model_validate_json(check.model_dump_json()) == check
    history = HistorySpec.model_validate({"keys": "k", "sequence_by": "s", "lateness": written})
    assert HistorySpec.model_validate_json(history.model_dump_json()) == history


@pytest.mark.parametrize("written", ["P1M", "1 day", "", "P", "-P1D"])
def test_what_has_no_certain_length_is_no_duration(written: str) -> None:
    with pytest.raises(ValidationError, match="not a duration"):
        FreshnessCheck.model_validate({"column": "a", "within": written})


def test_the_checks_of_the_documents_are_valid(tmp_path: Path) -> None:
    readme, page = ((CHECKOUT / name).read_text("utf-8") for name in ("README.md", "docs/quality.md"))
    head = "# of config/pipelines/orders.yaml, beside its rules"
    (shown,) = re.findall(rf"^```yaml\n{head}\n(.*?)^```", page, re.M | re.S)
    (sql,) = re.findall(r"^```sql\n-- sql/orders/audits/negative.sql\n(.*?)^```", page, re.M | re.S)
    for path, content in re.findall(r"`(config/[^`]+\.yaml)`:\n\n```yaml\n(.*?)^```", readme, re.M | re.S):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(re.sub(r"^quality:\n(?:  .*\n)+", lambda _: shown, content, flags=re.M), "utf-8")
    (tmp_path / "sql/orders/audits").mkdir(parents=True)
    (tmp_path / "sql/orders/audits/negative.sql").write_text(sql)
    found = compile_all(tmp_path)["orders"]
    quality = found.spec.quality
    assert quality.reconcile is not None
    assert None not in (quality.drift, quality.reconcile.rows, quality.reconcile.keys)
    assert (len(quality.freshness), len(quality.references), len(quality.audits)) == (1, 1, 1)
    assert list(found.audits) == ["negative.sql"]


def test_a_check_with_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="tolerence"):
        RowsCheck.model_validate({"tolerence": 1})
    with pytest.raises(ValidationError, match=r"write database\.table"):
        Audit(name="a.sql", tables=("countries",))
