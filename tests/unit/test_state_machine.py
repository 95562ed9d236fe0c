"""The definition, read: what must hold for every path through it, and that it agrees with the code around it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from gluehouse.spec.failure import MAX_RETURNS, STAGE_STATES
from gluehouse.spec.manifest import Stage
from gluehouse.spec.plan import Engine, FromStage

FILE = Path(__file__).resolve().parents[2] / "statemachines/pipeline.asl.json"
TEMPLATE = FILE.parents[1] / "deploy/template.yaml"
DEFINITION: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")
RELEASES = {"ReleaseTableLock", "ReleaseAfterFailure"}
HANDLER = {"RecordFailure", "EmitFailureEvent", "NotifyFailure", "RecordUnsentFailure", "ReleaseAfterFailure"}


def next_of(state: dict[str, Any]) -> set[str]:
    """Every state that can follow."""
    after = {state.get("Next"), state.get("Default")}
    after |= {choice["Next"] for choice in (*state.get("Choices", ()), *state.get("Catch", ()))}
    return {name for name in after if name is not None}


def reachable(start: str, without: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in without:
            found.add(name)
            waiting.extend(next_of(STATES[name]))
    return found


def is_end(name: str) -> bool:
    return STATES[name]["Type"] in ("Succeed", "Fail")


def test_statelint_finds_nothing() -> None:
    linted = subprocess.run([sys.executable, "-m", "statelint", str(FILE)], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def test_the_query_language_is_jsonata_everywhere() -> None:
    assert DEFINITION["QueryLanguage"] == "JSONata"
    assert [name for name, state in STATES.items() if "QueryLanguage" in state] == []


def test_every_state_can_be_reached_and_leads_to_an_end() -> None:
    assert reachable(DEFINITION["StartAt"]) == set(STATES)
    assert [name for name in STATES if not any(is_end(other) for other in reachable(name))] == []


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_timeout_a_retry_and_a_catch_of_everything(name: str) -> None:
    state = STATES[name]
    assert state["TimeoutSeconds"] > 0
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert state["Retry"]
    for retry in state["Retry"]:
        waits_for_a_lock = retry["ErrorEquals"] == ["TableLockHeld"]
        assert retry["JitterStrategy"] == ("NONE" if waits_for_a_lock else "FULL")
        assert retry["MaxAttempts"] > 0
        if waits_for_a_lock:
            # The wait for a lock is flat, bounded, and as long as the longest run: 125 minutes.
            assert retry["IntervalSeconds"] * retry["MaxAttempts"] == 125 * 60
        else:
            assert retry["BackoffRate"] == 2.0
            assert retry["MaxDelaySeconds"] <= 300


@pytest.mark.parametrize("name", TASKS)
def test_start_errors_of_the_service_are_retried_and_what_a_run_found_is_not(name: str) -> None:
    retried = {error for retry in STATES[name]["Retry"] for error in retry["ErrorEquals"]}
    resource = STATES[name]["Resource"]
    if "glue" in resource:
        assert {"Glue.ConcurrentRunsExceededException", "Glue.InternalServiceException"} <= retried
        assert not retried & {"States.ALL", "States.TaskFailed", "States.Timeout"}
    if "lambda" in resource:
        assert {"Lambda.ServiceException", "Lambda.TooManyRequestsException"} <= retried
        assert not retried & {"States.ALL", "States.TaskFailed"}


def test_once_the_lock_is_taken_every_path_to_an_end_goes_through_its_release() -> None:
    after = reachable("AcquireTableLock", without=RELEASES)
    assert [name for name in after if is_end(name)] == []


def test_a_skipped_event_touches_no_lock() -> None:
    skip = STATES["ChooseAction"]["Choices"][0]
    assert "'skip'" in skip["Condition"]
    assert STATES[skip["Next"]]["Type"] == "Succeed"


def test_every_failure_of_the_main_path_is_classified_and_none_of_the_handlers_replaces_it() -> None:
    main = reachable("ValidateInput", without={"ClassifyFailure"}) - HANDLER
    notices = {"EmitSuccessEvent", "NotifySuccess", "RecordUnsentSuccess"}
    for name in main & set(TASKS) - notices:
        catch = STATES[name]["Catch"][-1]
        assert (catch["Next"], catch["Assign"]["failed"]["state"]) == ("ClassifyFailure", name)
    for name in HANDLER:
        assert "failed" not in STATES[name]["Catch"][-1].get("Assign", {})
        assert "failure" not in STATES[name]["Catch"][-1].get("Assign", {})


def test_the_handler_always_ends_in_fail_with_the_first_error() -> None:
    ends = {name for name in reachable("RecordFailure") if is_end(name)}
    assert ends == {"Fail"}
    assert STATES["Fail"]["Error"] == "{% $failure.code %}"


def test_nothing_that_fails_after_publishing_but_before_release_makes_a_notice_fail_the_run() -> None:
    for name in ("EmitSuccessEvent", "NotifySuccess", "RecordUnsentSuccess"):
        assert "Fail" not in reachable(STATES[name]["Catch"][-1]["Next"], without={"ReleaseTableLock"})


def test_a_failed_state_is_gone_back_to_where_the_code_allows_it() -> None:
    back = {choice["Condition"]: choice["Next"] for choice in STATES["RetryFailedState"]["Choices"]}
    assert back == {f"{{% $failed.state = '{name}' %}}": name for name in STAGE_STATES}
    assert STATES["RetryFailedState"]["Default"] == "RecordFailure"
    assert MAX_RETURNS == 2


def test_the_engines_are_those_of_the_configuration() -> None:
    chosen = [
        re.findall(r"\$run\.engine = '(\w+)'", choice["Condition"]) for choice in STATES["ChooseEngine"]["Choices"]
    ]
    assert [name for names in chosen for name in names] == list(get_args(Engine))


def test_the_stages_are_those_of_the_manifests() -> None:
    ran = {
        state["Assign"]["stage"]
        for state in STATES.values()
        if state["Type"] == "Task" and "stage" in state.get("Assign", {})
    }
    assert ran == set(get_args(Stage))
    assert set(re.findall(r"'(\w+)'", json.dumps(STATES["ChooseExecution"]["Choices"]))) - {"fused"} <= set(
        get_args(FromStage)
    )


def test_the_gate_lets_through_only_a_passed_outcome_of_the_stage_that_ran() -> None:
    gate = STATES["QualityGate"]
    first = gate["Choices"][0]
    # In JSONata a comparison with a missing value is false: only the negation of the good case is safe.
    assert first == {
        "Condition": "{% $not($manifest.outcome = 'passed' and $manifest.stage = $stage) %}",
        "Next": "GateFailed",
    }
    assert gate["Default"] == "GateFailed"
    assert reachable("GateFailed") & {"Publish", "RecordSuccess"} == set()


def test_every_glue_run_is_synchronous_waits_longer_than_its_job_and_gets_strings() -> None:
    longest = int(re.search(r"JobTimeoutMinutes:.*?MaxValue: (\d+)", TEMPLATE.read_text(), re.DOTALL)[1])  # type: ignore[index]
    for state in STATES.values():
        if "glue" in state.get("Resource", ""):
            assert state["Resource"].endswith(".sync")
            assert state["TimeoutSeconds"] > longest * 60
            assert all(isinstance(value, str) for value in state["Arguments"]["Arguments"].values())


def test_the_template_fills_every_token_and_no_other() -> None:
    tokens = set(re.findall(r"\$\{(\w+)\}", FILE.read_text()))
    block = TEMPLATE.read_text().split("DefinitionSubstitutions:\n", 1)[1].split("      LoggingConfiguration", 1)[0]
    assert set(re.findall(r"^ {8}(\w+):", block, re.MULTILINE)) == tokens


def test_variables_carry_pointers_and_counts_never_the_whole_manifest() -> None:
    kept = STATES["ReadManifest"]["Assign"]["manifest"]
    assert "quality" not in kept
    assert "outputs" not in kept
