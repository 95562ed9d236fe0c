"""The history engine: SCD tables that are right in whatever order the data arrived.

>>> from gluehouse.history import apply_batch, Snapshot
>>> from gluehouse.spec.history import HistorySpec
>>> spec = HistorySpec(keys=["iata"], sequence_by=["released_on"], deletes="absence")
>>> # result = apply_batch(spark, "s3://lake/curated/airports", good_rows, spec, batch_id, lock=table_lock)
"""

from gluehouse.history.apply import apply_batch, read_history
from gluehouse.history.lock import FileLock, LockPort
from gluehouse.history.plan import plan_changes
from gluehouse.history.result import HistoryResult, Snapshot

__all__ = ["FileLock", "HistoryResult", "LockPort", "Snapshot", "apply_batch", "plan_changes", "read_history"]
