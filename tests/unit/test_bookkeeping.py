"""The names that a run keeps for itself are those that its frames use."""

from gluehouse.frames import parse
from gluehouse.spec.contract import BOOKKEEPING
from gluehouse.spec.environment import REJECTED


def test_every_column_that_parsing_adds_to_a_contract_is_kept_from_contracts() -> None:
    used = {value for name, value in vars(parse).items() if name.strip("_").isupper() and isinstance(value, str)}
    assert {*used, REJECTED} - {parse.MALFORMED_RULE} == BOOKKEEPING
