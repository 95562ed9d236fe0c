"""The history engine: SCD tables that are right in whatever order the data arrived.

>>> from gluehouse.history import apply_batch, Snapshot
>>> from gluehouse.spec.history import HistorySpec
>>> spec = HistorySpec(keys=["iata"], sequence_by=["released_on"], deletes="absence")
>>> # result = apply_batch(spark, "s3://lake/curated/airports", good_rows, spec, batch_id, lock=table_lock)
"""

from gluehouse.history.apply import Target, apply_batch, apply_changes, read_history
from gluehouse.history.changes import ChangeSet, Current, plan
from gluehouse.history.compaction import Compacted, compact_memory
from gluehouse.history.lock import FileLock, LockPort
from gluehouse.history.members import infer_members
from gluehouse.history.result import HistoryResult, Snapshot

__all__ = [
    "ChangeSet",
    "Compacted",
    "Current",
    "FileLock",
    "HistoryResult",
    "LockPort",
    "Snapshot",
    "Target",
    "apply_batch",
    "apply_changes",
    "compact_memory",
    "infer_members",
    "plan",
    "read_history",
]
