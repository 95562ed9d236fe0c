"""What a warehouse's table can hold: flat columns of plain types, and one time for a version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gluehouse.spec.contract import Contract
from gluehouse.spec.history import RESULT_COLUMNS, HistorySpec
from gluehouse.spec.target import WarehouseTarget
from gluehouse.spec.types import ATOMIC_TYPES

# Names of our own in what is staged.
OURS = "__gluehouse"


def unfit_for_warehouses(
    targets: Sequence[WarehouseTarget], contract: Contract, history: HistorySpec | None
) -> Iterator[str]:
    """What of the output contract or the history the warehouses could not take; nothing where there are none."""
    for target in targets:
        yield from (f"{target.name} {found}" for found in _unfit(target, contract, history))


def _unfit(target: WarehouseTarget, contract: Contract, history: HistorySpec | None) -> Iterator[str]:
    names = list(contract.column_names)
    nested = [c.name for c in contract.columns if not c.type.startswith("decimal(") and c.type not in ATOMIC_TYPES]
    if nested:
        yield f"takes no arrays, maps or structs, but {contract.contract} has {nested}"
    ours = [name for name in names if name.lower().startswith(OURS)]
    if ours:
        yield f"keeps names with {OURS} for itself, but {contract.contract} has {ours}"
    if history is not None and len(history.sequence_by) > 1 and history.effective_at is None:
        yield "needs one column for the time of a version: one sequence_by, or effective_at"
    kept = {*names, *(RESULT_COLUMNS if history else ())}
    kept |= {history.surrogate_key.column} if history and history.surrogate_key else set()
    lost = [name for name in target.key_columns if name not in kept]
    if lost:
        yield f"has distkey or sortkey {lost}, which the table has not"
