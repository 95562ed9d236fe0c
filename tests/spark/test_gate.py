"""The gate over whole runs: each check of stage 3 on real zones, and that nothing is published where one stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from gluehouse.aws import transform
from gluehouse.aws.metrics import MetricsFolder
from gluehouse.history import FileLock, apply_batch
from gluehouse.spec.contract import Contract
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.manifest import Manifest, RuleReport
from gluehouse.stages.context import StageContext
from gluehouse.stages.runner import run_fused, run_stage
from tests.spark.ports import CONTRACT, SPEC, compiled, context_of, landed

GOOD = "code,depth\nRTM,24\nHAM,15.5\nANR,17\n"
SQL = "SELECT code, depth, released_on FROM staging"
Make = Callable[..., StageContext]


@pytest.fixture
def make(spark: SparkSession, tmp_path: Path) -> Iterator[Make]:
    """A context for one delivered file, with a memory; ``changes`` replaces top-level fields of the pipeline."""
    lock = FileLock(tmp_path / "ports.lock")

    def context(
        text: str = GOOD, sql: str | None = None, audits: dict[str, str] | None = None, day: int = 1, **changes: Any
    ) -> StageContext:
        if sql is not None:
            changes["process"] = {"engine": "glue_sql", "sql": "model.sql"}
        pipeline = compiled({**SPEC, "quality": {}, **changes}, CONTRACT, audits=audits or {})
        file = landed(tmp_path, f"ports/2024-01-{day:02}.csv", text)
        made = context_of(spark, tmp_path, pipeline, file, lock, sql=sql)
        plan = made.plan.model_copy(update={"triggered_at": datetime(2024, 1, day, 12, tzinfo=UTC)})
        return replace(made, plan=plan, metrics=MetricsFolder(made.environment.metrics, "ports"))

    with lock:
        yield context


def judged(context: StageContext) -> Manifest:
    """The verdict of stage 3, which must be there and not an error."""
    for stage in ("ingest", "process", "validate"):
        manifest = run_stage(context, stage, lambda _manifest: None)  # type: ignore[arg-type]
    return manifest


def rule(manifest: Manifest, name: str) -> RuleReport:
    (found,) = [report for report in manifest.quality if report.rule == name]
    return found


def published(context: StageContext) -> bool:
    return Path(context.table_location("curated.ports")).exists()


RECONCILE = {"reconcile": {"rows": {}, "sums": [{"column": "depth"}], "keys": {}}}


def test_what_a_transform_hands_on_whole_is_reconciled_and_published(make: Make) -> None:
    context = make(GOOD + "BAD,deep\n", quality=RECONCILE)
    manifest = run_fused(context, lambda _manifest: None)
    assert (manifest.outcome, manifest.published) == ("passed", True), manifest.problem
    assert rule(manifest, "Reconcile rows").metrics == {"found": 4, "expected": 4, "allowed": 0}
    assert rule(manifest, "Reconcile sum(depth)").metrics["found"] == 56.5
    assert rule(manifest, "Reconcile keys(code)").metrics["keys"] == 3
    (run,) = MetricsFolder(context.environment.metrics, "ports").earlier(datetime(2030, 1, 1, tzinfo=UTC), 9)
    assert (run.values["Reconcile sum(depth)"], run.values["type(depth)=double"]) == (56.5, None)


def test_rows_that_a_transform_loses_are_found_by_count_sum_and_key_and_nothing_is_published(make: Make) -> None:
    context = make(sql=f"{SQL} WHERE depth > 16", quality=RECONCILE)
    manifest = run_fused(context, lambda _manifest: None)
    assert (manifest.outcome, manifest.problem.code, manifest.published) == ("failed", "GH3001", False)  # type: ignore[union-attr]
    told = manifest.problem.message  # type: ignore[union-attr]
    assert "Reconcile rows (found 2 (0 of them set aside), expected 3)" in told
    assert "Reconcile sum(depth) (found 41, expected 56.5)" in told
    assert "Reconcile keys(code) (found 1 of 3 staged keys" in told
    assert "HAM" not in told, "no row's value"
    assert not published(context)


def test_rows_that_a_lookup_sets_aside_are_accounted_for(make: Make, spark: SparkSession) -> None:
    enrich = {"table": "curated.known", "on": {"code": "id"}, "columns": {"id": "found"}, "misses": "quarantine"}
    process = {"engine": "glue_pyspark", "transforms": [{"use": "lookup", "params": enrich}]}
    context = make(quality={"reconcile": {"rows": {}, "keys": {}}}, process=process)
    spark.createDataFrame([("RTM",), ("ANR",)], "id string").write.format("delta").save(
        context.table_location("curated.known")
    )
    manifest = judged(context)
    assert manifest.outcome == "passed", manifest.problem
    assert rule(manifest, "Reconcile rows").reason == "found 3 (1 of them set aside), expected 3"
    assert rule(manifest, "Reconcile keys(code)").metrics["found"] == 0


def test_sums_of_nothing_but_null_are_zero_on_both_sides(make: Make) -> None:
    quality = {"reconcile": {"sums": [{"column": "depth"}]}}
    manifest = judged(make("code,depth\nRTM,\nHAM,\n", quality=quality))
    assert rule(manifest, "Reconcile sum(depth)").metrics["found"] == 0
    assert manifest.outcome == "passed"


@pytest.mark.parametrize(("within", "outcome"), [("PT12H", "passed"), ("PT11H", "failed")])
def test_freshness_is_judged_by_the_time_of_the_trigger(make: Make, within: str, outcome: str) -> None:
    manifest = judged(make(quality={"freshness": [{"column": "released_on", "within": within}]}))
    assert rule(manifest, "Freshness released_on").metrics["found"] == 12
    assert manifest.outcome == outcome


REFERENCE = {"on": {"code": "id"}, "table": "curated.known"}


def known(context: StageContext, rows: list[tuple[Any, ...]], schema: str) -> None:
    frame = context.spark.createDataFrame(rows, schema)  # type: ignore[type-var]
    frame.write.format("delta").mode("overwrite").save(context.table_location("curated.known"))


def test_a_row_that_names_nothing_there_is_an_orphan(make: Make) -> None:
    context = make(quality={"references": [REFERENCE]})
    known(context, [("RTM",), ("RTM",), ("ANR",), (None,)], "id string")
    manifest = judged(context)
    assert rule(manifest, "Reference code -> curated.known").metrics == {
        "found": 1, "expected": 0, "allowed": 0, "rows": 3,
    }  # fmt: skip
    assert (manifest.outcome, manifest.problem.code) == ("failed", "GH3001")  # type: ignore[union-attr]


def test_null_names_nothing_and_passes_and_a_share_of_orphans_may_be_allowed(make: Make) -> None:
    context = make("code,depth\nRTM,24\nHAM,\nANR,17\n", quality={
        "references": [{"on": {"depth": "d"}, "table": "curated.known", "relative": 0.5}],
    })  # fmt: skip
    known(context, [(24.0,)], "d double")
    found = rule(judged(context), "Reference depth -> curated.known")
    assert (found.outcome, found.metrics["found"], found.metrics["rows"]) == ("passed", 1, 2)


def test_of_a_history_the_current_rows_count_or_those_of_the_rows_time(make: Make, spark: SparkSession) -> None:
    now = {"references": [REFERENCE, {**REFERENCE, "at": "released_on", "severity": "warn"}]}
    context = make(quality=now)
    history = HistorySpec.model_validate(
        {"keys": "id", "sequence_by": "d", "deletes": {"column": "op", "values": ["D"]}}
    )
    rows = [
        ("RTM", "U", "2023-01-01"),
        ("HAM", "U", "2023-01-01"),
        ("HAM", "D", "2024-01-05"),
        ("ANR", "U", "2024-01-05"),
    ]
    batch = spark.createDataFrame(rows, "id string, op string, d string").selectExpr("id", "op", "to_date(d) AS d")
    apply_batch(spark, context.table_location("curated.known"), batch, history, "b")
    current, then = [one for one in judged(context).quality if one.rule.startswith("Reference")]
    assert current.metrics["found"] == 1, "HAM is gone now"
    assert (then.metrics["found"], then.severity) == (1, "warn"), "ANR was not there yet"


def test_a_reference_that_cannot_be_judged_fails_and_says_why(make: Make) -> None:
    context = make(quality={"references": [REFERENCE, {**REFERENCE, "on": {"code": "n"}, "table": "curated.other"}]})
    context.spark.createDataFrame([(1,)], "n int").write.format("delta").save(context.table_location("curated.other"))
    manifest = judged(context)
    told = {report.rule: report.reason for report in manifest.quality if report.rule.startswith("Reference")}
    assert "there is no Delta table curated.known" in told["Reference code -> curated.known"]
    assert told["Reference code -> curated.other"] == "code is string, n of curated.other int"
    assert manifest.outcome == "failed"


def test_an_audit_reads_processed_staging_and_reference_tables_and_its_rows_are_violations(make: Make) -> None:
    sql = (
        "SELECT p.code FROM processed p JOIN staging s ON p.code = s.code "
        "LEFT JOIN curated_known k ON k.id = p.code WHERE k.id IS NULL; -- who are they"
    )
    audit = {"name": "unknown.sql", "tables": ["curated.known"]}
    for absolute, outcome in ((1, "failed"), (2, "passed")):
        context = make(audits={"unknown.sql": sql}, quality={"audits": [{**audit, "absolute": absolute}]})
        known(context, [("RTM",)], "id string")
        manifest = judged(context)
        assert manifest.outcome == outcome
        assert rule(manifest, "Audit unknown.sql").metrics["found"] == 2
    assert context.spark.catalog.listTables() == [], "no view stays behind"


def test_an_audit_that_nobody_named_stops_at_its_first_row(make: Make) -> None:
    manifest = judged(make(audits={"deep.sql": "SELECT * FROM processed WHERE depth > 20"}))
    assert (manifest.outcome, rule(manifest, "Audit deep.sql").severity) == ("failed", "stop")
    assert judged(make(audits={"deep.sql": "SELECT * FROM processed WHERE depth > 90"})).outcome == "passed"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing FROM processed", "UNRESOLVED_COLUMN"),
        ("SELECT FROM WHERE", "could not be evaluated"),
        ("SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND"),
        ("SELECT * FROM processed WHERE raise_error(code) IS NULL", "at some row"),
    ],
)
def test_an_audit_that_spark_cannot_evaluate_fails_without_a_rows_value(make: Make, sql: str, told: str) -> None:
    manifest = judged(make(audits={"a.sql": sql}))
    reason = rule(manifest, "Audit a.sql").reason
    assert told in reason
    assert "RTM" not in reason
    assert manifest.outcome == "failed"


def test_a_column_of_another_type_than_in_the_last_published_run_is_drift(make: Make) -> None:
    quality = {"drift": {"severity": "stop"}}
    first = make(quality=quality, history=None)
    assert rule(run_fused(first, lambda _m: None), "SchemaMatches last run").reason.startswith("no earlier")
    again = make(GOOD, day=2, quality=quality, history=None)
    assert run_fused(again, lambda _m: None).outcome == "passed"
    narrower = [{**one, "type": "float"} if one["name"] == "depth" else one for one in CONTRACT["columns"]]  # type: ignore[attr-defined]
    contract = Contract.model_validate({**CONTRACT, "columns": narrower})
    later = make(GOOD, day=3, quality=quality, history=None)
    pipeline = later.pipeline.model_copy(update={"contract": contract, "output_contract": contract})
    manifest = run_fused(replace(later, pipeline=pipeline), lambda _m: None)
    assert (manifest.outcome, manifest.published) == ("failed", False)
    assert rule(manifest, "SchemaMatches last run").reason == "depth is float, was double"


STOP = {"rules": "Rules = [ RowCount > 10 ]"}


@pytest.mark.parametrize("sql", [None, SQL], ids=["glue_pyspark", "glue_sql"])
def test_nothing_is_published_by_a_fused_run_whose_stop_rule_fails(make: Make, sql: str | None) -> None:
    context = make(sql=sql, quality=STOP)
    manifest = run_fused(context, lambda _manifest: None)
    assert (manifest.outcome, manifest.problem.code, manifest.published) == ("failed", "GH3001", False)  # type: ignore[union-attr]
    assert "RowCount > 10" in manifest.problem.message  # type: ignore[union-attr]
    assert "Dataset.*.RowCount = 3" in manifest.problem.message  # type: ignore[union-attr]
    assert not published(context)


@pytest.mark.parametrize("engine", ["glue_pyspark", "glue_sql", "lambda"])
@pytest.mark.parametrize("history", [True, False])
def test_nothing_is_published_by_a_publish_that_somebody_starts_after_a_failed_stage_3(
    make: Make, engine: str, history: bool
) -> None:
    changes: dict[str, Any] = {"execution": "staged", "quality": STOP, **({} if history else {"history": None})}
    context = make(sql=SQL, **changes) if engine == "glue_sql" else make(process={"engine": engine}, **changes)
    run_stage(context, "ingest", lambda _manifest: None)
    if engine == "lambda":
        by_lambda(context)
    else:
        run_stage(context, "process", lambda _manifest: None)
    verdict = run_stage(context, "validate", lambda _manifest: None)
    assert (verdict.outcome, verdict.counts.rows_in) == ("failed", 3)
    manifest = run_stage(replace(context, verdict=lambda: verdict), "publish", lambda _manifest: None)
    assert (manifest.outcome, manifest.problem.code, manifest.published) == ("failed", "GH3003", False)  # type: ignore[union-attr]
    assert not published(context)


def by_lambda(context: StageContext) -> None:
    plan_uri = Path(context.environment.plan_uri("ports", context.plan.run_id))
    for path, text in (
        (plan_uri, context.plan.to_json()),
        (Path(context.plan.config_uri), context.pipeline.model_dump_json()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert transform.run(str(plan_uri), context.environment).outcome == "passed"
