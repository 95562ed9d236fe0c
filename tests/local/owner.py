"""Run as a program by tests: holds the local AWS with a busy Glue job and a warm Lambda until it is interrupted.

Arguments: the state directory and the environments as JSON. Prints one line with every process id when all are up.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from gluehouse_local.environments import Environments
from gluehouse_local.server import LocalAws
from tests.local.glue_jobs import GlueJobs, wait_for
from tests.local.test_glue_runs import SLEEP, processes_in
from tests.local.test_lambda import Functions


def busy(aws: LocalAws) -> list[int]:
    """Start a sleeping Glue run and a Lambda worker; the ids of the server, the run's two processes and the worker."""
    jobs, functions = GlueJobs(aws), Functions(aws)
    jobs.create(SLEEP)
    run_id = jobs.start()
    wait_for(lambda: aws.run_log(run_id).exists() and len(processes_in(jobs.log(run_id))) == 2)
    functions.create("import os\ndef handler(e, c): return os.getpid()")
    return [aws.status()["pid"], *processes_in(jobs.log(run_id)), functions.invoke()[1]]


if __name__ == "__main__":
    # What a shell without job control starts in the background inherits an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with LocalAws(Path(sys.argv[1]), Environments.from_json(json.loads(sys.argv[2]))) as local:
        print(json.dumps(busy(local)), flush=True)
        time.sleep(300)
