"""The three pipelines through the real state machine: from a dropped object to a table that is right row for row."""

from __future__ import annotations

import pytest

from gluehouse_local.demo import broken
from tests import expected_airports as expected
from tests.e2e.conftest import Stack

FIRST, SECOND, THIRD = expected.RELEASES[:3]
VERSION = ", ".join(("iata", *expected.COLUMNS, "effective_from", "effective_to"))


def history(stack: Stack, table: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in stack.rows(table, f"SELECT {VERSION} FROM t")]


def same(found: list[tuple[object, ...]], wanted: set[tuple[object, ...]]) -> bool:
    return len(found) == len(wanted) and set(found) == wanted


def names(states: list[tuple[str, float]]) -> list[str]:
    return [name for name, _ in states]


def test_a_staged_run_goes_through_every_state_and_publishes_the_release(stack: Stack) -> None:
    stack.configure(airports={"execution": "staged"})
    execution = stack.drop("airports", FIRST.name, FIRST.read_bytes())
    assert execution.status == "SUCCEEDED", execution.error
    entered = names(execution.states)
    wanted = ["ValidateInput", "AcquireTableLock", "IngestAndValidate", "TransformSpark", "ValidateOutput", "Publish"]
    assert [name for name in entered if name in wanted] == wanted
    assert entered.count("QualityGate") == 4
    assert entered[-2:] == ["ReleaseTableLock", "Done"]
    assert same(history(stack, "airports"), expected.history([FIRST]))
    assert [row["status"] for row in stack.ledger("airports")] == ["SUCCEEDED"]
    assert stack.locks() == []


def test_fused_runs_of_later_releases_make_the_history_right_row_for_row(stack: Stack) -> None:
    stack.configure()
    for release in (THIRD, SECOND):  # the second comes late
        execution = stack.drop("airports", release.name, release.read_bytes())
        assert execution.status == "SUCCEEDED", execution.error
        assert "RunFused" in names(execution.states)
    assert same(history(stack, "airports"), expected.history([FIRST, SECOND, THIRD]))


def test_the_same_delivery_again_starts_nothing_and_changes_nothing(stack: Stack) -> None:
    before, runs = stack.commits("airports"), len(stack.glue_runs())
    execution = stack.drop("airports", SECOND.name, SECOND.read_bytes())
    assert (execution.status, names(execution.states)[-1]) == ("SUCCEEDED", "NothingToDo")
    assert (stack.commits("airports"), len(stack.glue_runs())) == (before, runs)


def test_a_broken_release_stops_at_the_gate_with_an_alert_and_leaves_the_table_alone(stack: Stack) -> None:
    stack.forget()
    before = stack.commits("airports")
    release = expected.RELEASES[3]
    execution = stack.drop("airports", release.name, broken(release.read_bytes()))
    assert execution.status == "FAILED"
    assert "GH2030" in execution.error
    assert stack.commits("airports") == before
    ingest = stack.manifest("airports", execution, "ingest")
    rows = len(expected.airports(release))
    assert (ingest.counts.rows_in, ingest.counts.quarantined) == (rows, rows // 10)
    alerts = stack.alerts()
    assert len(alerts) == 1
    told = str(alerts[0].body)
    assert "GH2030" in told
    assert execution.run_id in told
    assert stack.locks() == []


def test_the_lambda_engine_publishes_the_same_table_row_for_row(stack: Stack) -> None:
    for release in (FIRST, SECOND):
        execution = stack.drop("airports_lambda", release.name, release.read_bytes())
        assert execution.status == "SUCCEEDED", execution.error
        assert "TransformLambda" in names(execution.states)
    assert same(history(stack, "airports_lambda"), expected.history([FIRST, SECOND]))


@pytest.mark.parametrize("execution_mode", ["fused", "staged"])
def test_the_sql_engine_runs_the_file_that_the_plan_names(stack: Stack, execution_mode: str) -> None:
    stack.configure(airports_by_country={"execution": execution_mode})
    release = FIRST if execution_mode == "fused" else SECOND
    execution = stack.drop("airports_by_country", release.name, release.read_bytes())
    assert execution.status == "SUCCEEDED", execution.error
    assert ("TransformSql" in names(execution.states)) == (execution_mode == "staged")
    found = stack.rows(
        "airports_by_country", "SELECT country, airports, highest_feet, effective_from, effective_to FROM t"
    )
    wanted = expected.country_history([FIRST] if execution_mode == "fused" else [FIRST, SECOND])
    assert same([tuple(row.values()) for row in found], wanted)
