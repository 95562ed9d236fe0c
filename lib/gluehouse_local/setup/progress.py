"""Lines that say what the set-up is doing; nothing at all when there is nothing to do."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Writes one line a step, and while it lasts how far it is: in place on a terminal, now and then in a log."""

    def __init__(self, out: TextIO | None = None, seconds_between: float = 10.0) -> None:
        self.out = out or sys.stderr
        self.seconds_between = seconds_between
        self._last = 0.0
        self._open = False

    def line(self, text: str) -> None:
        self._close()
        print(f"setup: {text}", file=self.out, flush=True)
        self._last = time.monotonic()

    def tick(self, text: str) -> None:
        if self.out.isatty():
            self.out.write(f"\r\033[Ksetup:   {text[:100]}")
            self.out.flush()
            self._open = True
        elif time.monotonic() - self._last >= self.seconds_between:
            self.line(f"  {text}")

    def _close(self) -> None:
        if self._open:
            self.out.write("\r\033[K")
            self._open = False
