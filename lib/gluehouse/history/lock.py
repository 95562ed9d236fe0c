"""The lock that makes one writer of a history table: a port, and a file lock for local tables."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import urlparse

from gluehouse.errors import ConfigError, TableLockHeld, TableLockLost


class LockPort(Protocol):
    """What an apply needs of a lock that its caller holds."""

    def check(self, min_seconds_left: float = 30.0) -> None:
        """Return if the lock is still held for at least that long; raise TableLockLost (GH6002) otherwise."""
        ...


def lock_beside(location: str) -> FileLock:
    """The one lock of a history table on this machine: a file beside its folder.

    >>> lock_beside("file:/data/curated/airports/").path.name
    'airports__lock'
    """
    path = Path(urlparse(location.rstrip("/")).path)
    return FileLock(path.with_name(path.name + "__lock"))


class FileLock:
    """One writer among the processes of a machine, by an flock that ends with the process.

    >>> import tempfile
    >>> with FileLock(tempfile.mkdtemp() + "/t.lock") as lock:
    ...     lock.check()
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._handle: int | None = None

    def __enter__(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise TableLockHeld(
                "GH6001",
                f"another process writes the table of {self.path.name}.",
                "let it end, then run again.",
            ) from None
        self._handle = handle
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def check(self, min_seconds_left: float = 30.0) -> None:
        """An flock does not expire; it is lost when the file was removed or replaced under us (GH6002)."""
        if self._handle is None:
            raise TableLockLost("GH6002", f"{self.path.name} is not locked.", "run the batch again.")
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            there = None
        mine = os.fstat(self._handle)
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            raise TableLockLost("GH6002", f"the lock file {self.path.name} was replaced.", "run the batch again.")


def lock_of(location: str) -> FileLock:
    """The file lock of a table on a local disk. Raises ConfigError GH1410 for a table anywhere else."""
    parts = urlparse(location)
    if parts.scheme not in ("", "file"):
        raise ConfigError(
            "GH1410",
            f"a history table at {parts.scheme}:// needs a lock.",
            "pass the table's lock: Delta does not keep two writers apart there.",
        )
    return lock_beside(location)
