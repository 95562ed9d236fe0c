"""The process of one system; see bench.history.child, which reads the orders."""

from __future__ import annotations

import os
import sys

from bench.history.child import serve
from bench.quality.systems import SYSTEMS

if __name__ == "__main__":
    # What Java and libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(SYSTEMS[sys.argv[1]](sys.argv[1]), sys.stdin, answers)
