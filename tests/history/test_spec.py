"""The history section of a pipeline: what is understood and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from gluehouse.spec.history import HistorySpec


def test_short_forms_are_understood() -> None:
    spec = HistorySpec(keys="iata", sequence_by="released_on", untracked=["note"], lateness="P30DT6H")
    assert spec.keys == ("iata",)
    assert (spec.untracked.columns, spec.untracked.mode) == (("note",), "in_interval")
    assert spec.lateness == timedelta(days=30, hours=6)
    assert HistorySpec(**spec.model_dump(mode="python")) == spec


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keyz": ["a"]}, "keyz"),
        ({"keys": []}, "at least 1"),
        ({"keys": ["a", "A"]}, "twice"),
        ({"keys": ["effective_from"]}, "itself writes"),
        ({"tracked": ["a"], "untracked": ["b"]}, "not both"),
        ({"effective_at": "at", "deletes": "absence"}, "effective_at cannot be given"),
        ({"effective_at": "at", "type": 1}, "effective_at cannot be given"),
        ({"type": 3}, "type"),
        ({"lateness": "P1M"}, "not a duration"),
        ({"lateness": "P"}, "not a duration"),
        ({"deletes": {"column": "op", "values": []}}, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HistorySpec.model_validate({"keys": ["k"], "sequence_by": ["s"], **wrong})
