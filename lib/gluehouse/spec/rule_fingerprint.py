"""Which rule a row broke, told beyond its name: a rule that is changed keeps its name and gets another fingerprint.

A fingerprint is 16 hex digits of SHA-256 over the canonical JSON of what the contract says. Rules of one name (two
patterns of one column) have one fingerprint together.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from gluehouse.spec.contract import Contract

_DIGITS = 16


def fingerprints(contract: Contract) -> dict[str, str]:
    """Rule name, as quarantined rows have it -> fingerprint, for every rule that the contract itself makes.

    >>> spec = {"contract": "c.v1", "columns": [{"name": "id", "type": "int", "nullable": False}]}
    >>> sorted(fingerprints(Contract.model_validate(spec)))
    ['not_null(id)', 'type(id)']
    """
    said: dict[str, list[Any]] = defaultdict(list)
    for column in contract.columns:
        if column.type != "string":
            said[f"type({column.name})"].append([column.type, column.formats, column.zone])
        if not column.nullable:
            said[f"not_null({column.name})"].append(column.name)
    for rule in contract.row_rules:
        if rule.severity == "reject":
            said[rule.title].append(rule.model_dump(mode="json", exclude={"severity"}))
    return {name: _digest([name, *rules]) for name, rules in said.items()}


def _digest(said: list[Any]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
