"""What a process and all its children use: CPU seconds, bytes through read and write calls, memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True)
class Usage:
    """Since the processes began: CPU seconds (user and system), bytes read and written (None where unknown)."""

    cpu: float
    read: int | None
    written: int | None

    def minus(self, before: Usage) -> Usage:
        def less(now: int | None, then: int | None) -> int | None:
            return None if now is None or then is None else now - then

        return Usage(self.cpu - before.cpu, less(self.read, before.read), less(self.written, before.written))


def usage(pid: int) -> Usage:
    """The sum over the tree; children that have ended count with the parent that waited for them."""
    cpu, read, written = 0.0, 0, 0
    known = True
    for process in processes(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu += times.user + times.system + times.children_user + times.children_system
            try:
                counters = process.io_counters()
                read += counters.read_chars
                written += counters.write_chars
            except (AttributeError, psutil.AccessDenied):
                known = False
    return Usage(cpu, read if known else None, written if known else None)


def processes(pid: int) -> list[psutil.Process]:
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def resident(pid: int) -> int:
    """The bytes of the tree in memory now."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in processes(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


@dataclass
class Peak:
    """The largest resident memory of a tree that was seen, in bytes."""

    rss: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int, every: float) -> None:
        """Look at once, every so many seconds, and once more at the end: what is short is seen, too."""
        while True:
            over = self._stop.is_set()
            self.rss = max(self.rss, resident(pid))
            if over:
                return
            self._stop.wait(every)


@contextlib.contextmanager
def peak_memory(pid: int, every: float = 0.05) -> Iterator[Peak]:
    """Watch a tree's memory from outside of it while the body runs."""
    peak = Peak()
    thread = threading.Thread(target=peak.watch, args=(pid, every), daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak._stop.set()
        thread.join()
