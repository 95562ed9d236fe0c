"""Rules by Glue Data Quality without Glue: what is accepted for it, how its outcomes are read, where it is not there.

Glue's rows are written here as AWS documents them; none of this has run on Glue.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import Row

from gluehouse.aws.data_quality import service_for
from gluehouse.errors import ConfigError, QualityError
from gluehouse.quality import engine
from gluehouse.quality.service import evaluate, reports
from gluehouse.spec.dqdl.judge import judge
from gluehouse.spec.dqdl.support import RULE_TYPES
from gluehouse.spec.pipeline import Quality
from tests.dqdl_rules import ACCEPTED, CONTRACT

RULES = 'Rules = [ RowCount > 1, IsComplete "code", (RowCount > 0) or (Mean "depth" > 3) ]'


def told(rule: str, by: Any = "glue") -> list[str]:
    return [fault.message for fault in judge(f"Rules = [ {rule} ]", CONTRACT, by)]


def outcome(rule: str, found: str | None = "Passed", reason: str | None = None, metrics: Any = None) -> dict[str, Any]:
    return {"Rule": rule, "Outcome": found, "FailureReason": reason, "EvaluatedMetrics": metrics}


@pytest.mark.parametrize("rule", ACCEPTED)
def test_what_pydeequ_judges_glue_judges_too(rule: str) -> None:
    assert told(rule) == []


GLUE_ALONE = [
    'CustomSql "select count(*) from primary" > 0',
    'CustomSql "select id from primary where rate > 0" with threshold > 0.9',
    'DetectAnomalies "RowCount"',
    'FileFreshness "s3://bucket/" > (now() - 3 hours)',
    'FileSize "s3://bucket/" > 5 MB',
    "RowCount > avg(last(10)) * 2",
    'ColumnValues "status" in ["new"] with threshold > 0.9',
    'ColumnDataType "note" = "INTEGER" with threshold between 0.9 and 1',
    'ColumnLength "note" > 3',
    'ColumnLength "status" != 3',
    'ColumnLength "status" not in [0, 3]',
    'ColumnNamesMatchPattern "a.*"',
    'ColumnValues "status" not matches "a.*"',
    'ColumnValues "note" not in ["a", EMPTY]',
    'ColumnValues "changed" > "12:30"',
    'IsPrimaryKey "id" "note"',
]


@pytest.mark.parametrize("rule", GLUE_ALONE)
def test_what_only_pydeequ_cannot_judge_is_refused_for_it_and_accepted_for_glue(rule: str) -> None:
    assert told(rule) == []
    assert told(rule, "deequ") != []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('Distribution "note"', "it is an analyzer"),
        ('Kurtosis "rate" < 3', "neither AWS's reference"),
        ('RowCountMatch "ref" = 1.0', "no pipeline hands one over"),
        ('AggregateMatch "sum(amount)" "sum(ref.amount)" = 1', "no pipeline hands over a second one"),
        ("RowCount > 2 * 50", "write the value itself"),
        ("RowCuont > 1", "did you mean RowCount?"),
        ('IsComplete "nope"', "nope is no column"),
        ('ColumnValues "amount" > NULL', "NULL is neither more nor less"),
        ('Completeness "note" > 95', "says nothing"),
        ("RowCount > 1 with threshold > 0.9", "RowCount takes no `with threshold`"),
        ('ColumnValues "status" in ["new"] with other > 0.9', "takes no `with other`"),
        ('ColumnValues "status" in ["new"] with threshold > 90', "between 0 and 1, found `> 90`"),
        ('ColumnValues "status" in ["new"] with threshold = "a"', "between 0 and 1"),
    ],
)
def test_what_neither_engine_judges_is_refused_for_both(rule: str, reason: str) -> None:
    assert [reason in one for one in told(rule)] == [True]
    assert told(rule, "deequ") != []


def test_no_rule_type_is_for_pydeequ_alone() -> None:
    assert [name for name, kind in RULE_TYPES.items() if kind.support == "supported" and not kind.on_glue] == []


def test_an_engine_without_rules_and_an_unknown_one_are_refused() -> None:
    assert Quality().engine == "deequ"
    assert Quality(engine="glue", warn="Rules = [ RowCount > 0 ]").engine == "glue"
    for given, reason in (({"engine": "glue"}, "nothing to evaluate"), ({"engine": "spark"}, "'deequ' or 'glue'")):
        with pytest.raises(ValidationError, match=reason):
            Quality.model_validate(given)


def test_glues_outcomes_become_reports_with_metrics_reason_and_severity() -> None:
    found = reports(
        [
            outcome("RowCount > 1", metrics={"Dataset.*.RowCount": 3.0}),
            outcome('IsComplete "code"', "Failed", "Value: 0.5 does not meet the constraint", {"c": 0.5}),
            outcome('(RowCount > 0)  or  (Mean "depth" > 3)', "Failed"),
        ],
        RULES,
        "warn",
    )
    assert [(one.outcome, one.severity, one.reason) for one in found] == [
        ("passed", "warn", ""),
        ("failed", "warn", "Value: 0.5 does not meet the constraint"),
        ("failed", "warn", "no reason was given"),
    ]
    assert (found[0].metrics, found[2].metrics) == ({"Dataset.*.RowCount": 3.0}, {})


@pytest.mark.parametrize("word", ["Error", "passed", "Skipped", "", None])
def test_an_outcome_that_is_not_passed_fails(word: str | None) -> None:
    (found,) = reports([outcome("RowCount > 1", word, "no access")], "Rules = [ RowCount > 1 ]", "stop")
    assert found.outcome == "failed"
    assert found.reason == f"it could not be evaluated: no access (outcome {word or 'missing'})"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["RowCount > 1", 'IsComplete "code"'], "found no rule more, expected 1 of Mean with RowCount"),
        (["RowCount > 1"] * 3, "found 2 of RowCount, expected 1 of IsComplete, 1 of Mean with RowCount"),
        ([], "expected 1 of IsComplete, 1 of Mean with RowCount, 1 of RowCount"),
        ([None, "RowCount > 1", 'IsComplete "code"'], "found 1 of no known type, expected 1 of Mean with RowCount"),
    ],
)
def test_a_rule_without_an_outcome_is_an_error_though_all_others_passed(rows: list[str], message: str) -> None:
    with pytest.raises(QualityError, match="GH3004") as caught:
        reports([outcome(rule) for rule in rows], RULES, "stop")
    assert message in caught.value.message


def test_glue_may_write_and_order_the_rules_otherwise() -> None:
    rows = ["( Mean 'depth' > 3.0 ) or (RowCount > 0)", "IsComplete code", "RowCount > 1.0"]
    assert [one.outcome for one in reports([outcome(rule) for rule in rows], RULES, "stop")] == ["passed"] * 3


def test_the_words_of_columns_are_no_rule_types() -> None:
    text = 'Rules = [ IsComplete "Mean", IsUnique "a\\" (Mean", IsPrimaryKey Mean ]'
    rows = ['IsComplete "Mean"', 'IsUnique "a\\" (Mean"', "IsPrimaryKey Mean"]
    assert len(reports([outcome(rule) for rule in rows], text, "stop")) == 3


def test_outcomes_without_a_column_are_an_error_and_are_not_read() -> None:
    answer = SimpleNamespace(columns=["Rule", "Outcome"])
    with pytest.raises(QualityError, match=r"GH3004: .* without FailureReason, EvaluatedMetrics"):
        evaluate(lambda *_: answer, "name", None, RULES, "stop")  # type: ignore[arg-type,return-value]


def test_rules_of_either_severity_are_published_under_names_of_their_own() -> None:
    asked = []

    def service(_frame: Any, ruleset: str, name: str) -> Any:
        asked.append(name)
        row = SimpleNamespace(asDict=lambda: outcome(ruleset[10:-2]))
        return SimpleNamespace(columns=list(outcome("")), collect=lambda: [row])

    quality = Quality(engine="glue", rules="Rules = [ RowCount > 1 ]", warn="Rules = [ ColumnCount = 2 ]")
    found = engine.evaluate(quality, SimpleNamespace(sparkSession=None), "ports", service)  # type: ignore[arg-type]
    assert [(one.rule, one.severity) for one in found] == [("RowCount > 1", "stop"), ("ColumnCount = 2", "warn")]
    assert asked == ["ports_stop", "ports_warn"]


def test_without_glue_data_quality_nothing_is_judged_by_another_engine() -> None:
    quality = Quality(engine="glue", rules="Rules = [ RowCount > 1 ]")
    with pytest.raises(ConfigError, match=r"GH1031: .* this session has no Glue Data Quality"):
        engine.evaluate(quality, SimpleNamespace(sparkSession=None), "ports")  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["validate", "fused"])
def test_a_job_without_the_module_ends_before_it_reads_rows(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "awsgluedq", None)
    with pytest.raises(ConfigError, match=rf"GH1031: .*runtime of this job \({stage} of ports\).*engine: deequ"):
        service_for(pipeline("glue"), stage)


def test_a_stage_or_pipeline_that_does_not_ask_needs_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "awsgluedq", None)
    assert service_for(pipeline("deequ"), "validate") is None
    assert service_for(pipeline("glue"), "ingest") is None


def pipeline(by: str) -> Any:
    return SimpleNamespace(name="ports", spec=SimpleNamespace(quality=SimpleNamespace(engine=by)))


def test_an_unreadable_ruleset_is_a_wrong_configuration() -> None:
    from pyspark.errors import IllegalArgumentException

    def service(*_given: Any) -> Any:
        raise IllegalArgumentException("Parsing Error: line 1\nmore")

    with pytest.raises(ConfigError, match=r"GH1030: the rules are no DQDL: Parsing Error: line 1\."):
        evaluate(service, "name", None, RULES, "stop")  # type: ignore[arg-type]


def test_metrics_told_as_a_structure_do_not_blot_out_those_of_other_rules() -> None:
    both = Row("Dataset.*.RowCount", "Column.depth.Mean")
    rows = [outcome("RowCount > 1", metrics=both(3.0, None)), outcome('Mean "depth" > 3', metrics=both(None, 20.0))]
    found = reports(rows, 'Rules = [ RowCount > 1, Mean "depth" > 3 ]', "stop")
    assert [one.metrics for one in found] == [{"Dataset.*.RowCount": 3.0}, {"Column.depth.Mean": 20.0}]


def test_one_rule_answered_twice_does_not_stand_for_another_of_its_type() -> None:
    with pytest.raises(QualityError, match=r"GH3004: .* found 1 of IsComplete told twice"):
        reports([outcome('IsComplete "a"')] * 2, 'Rules = [ IsComplete "a", IsComplete "b" ]', "stop")
