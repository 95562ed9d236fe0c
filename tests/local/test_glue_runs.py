"""A Glue job run on the laptop behaves as one on AWS: arguments, states, limits, messages, environment."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from gluehouse_local.python_modules import _forget_unused
from tests.local.glue_jobs import GlueJobs, gluewheels, wait_for, wheel

SHOW_ARGUMENTS = "import json, sys\nprint('ARGS ' + json.dumps(sys.argv[1:]))"
SLEEP = "import os, subprocess, time\nprint('PID', os.getpid(), flush=True)\n"
SLEEP += "child = subprocess.Popen(['sleep', '300'])\nprint('PID', child.pid, flush=True)\ntime.sleep(300)"


def arguments_in(log: str) -> dict[str, str]:
    given = json.loads(log.partition("ARGS ")[2].splitlines()[0])
    return dict(zip(given[::2], given[1::2], strict=True))


def processes_in(log: str) -> list[int]:
    return [int(line.split()[1]) for line in log.splitlines() if line.startswith("PID ")]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # an ended child of this very process lingers until it is asked for
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def error_code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_fixed_argument_wins_over_the_runs_and_the_runs_over_the_default(jobs: GlueJobs) -> None:
    defaults = {"--a": "default", "--b": "default", "--c": "default"}
    record, log = jobs.run(
        SHOW_ARGUMENTS,
        {"--b": "run", "--c": "run"},
        DefaultArguments=defaults,
        NonOverridableArguments={"--c": "fixed"},
    )
    got = arguments_in(log)
    assert (got["--a"], got["--b"], got["--c"]) == ("default", "run", "fixed")
    assert record["Arguments"] == {"--b": "run", "--c": "run"}


def test_a_script_reads_its_arguments_with_get_resolved_options(jobs: GlueJobs) -> None:
    script = "import sys\nfrom awsglue.utils import getResolvedOptions\n"
    script += "got = getResolvedOptions(sys.argv, ['JOB_NAME', 'plan_uri'])\n"
    script += "print('GOT', got['JOB_NAME'], got['plan_uri'], got['JOB_RUN_ID'], got['TempDir'])"
    record, log = jobs.run(script, {"--plan_uri": "s3://a/b c.json", "--TempDir": "s3://scratch/x"})
    assert record["JobRunState"] == "SUCCEEDED", log
    assert f"GOT job s3://a/b c.json {record['Id']} s3://scratch/x" in log


def test_what_the_launcher_uses_up_does_not_reach_the_script(jobs: GlueJobs) -> None:
    _, log = jobs.run(SHOW_ARGUMENTS, {"--conf": "a=b --conf c=d", "--extra-jars": "", "--enable-metrics": "true"})
    assert set(arguments_in(log)) == {"--enable-metrics", "--JOB_ID", "--JOB_RUN_ID", "--JOB_NAME"}


def test_a_run_goes_from_starting_through_running_to_succeeded(jobs: GlueJobs) -> None:
    jobs.create("import time\ntime.sleep(0.6)")
    run_id = jobs.start()
    seen = [jobs.record(run_id)["JobRunState"]]
    while seen[-1] in ("STARTING", "RUNNING"):
        seen.append(jobs.record(run_id)["JobRunState"])
    record = jobs.record(run_id)
    # Polling from outside can miss how short STARTING is, but never sees a state before its turn.
    order = ["STARTING", "RUNNING", "SUCCEEDED"]
    assert seen == sorted(seen, key=order.index)
    assert {"RUNNING", "SUCCEEDED"} <= set(seen)
    assert record["CompletedOn"] > record["StartedOn"]
    assert "ErrorMessage" not in record


def test_the_newest_run_is_listed_first_and_its_log_is_found_by_its_id(jobs: GlueJobs) -> None:
    jobs.create("print('hello from the job')")
    first = jobs.start()
    jobs.ended(first)
    second = jobs.start()
    jobs.ended(second)
    assert [run["Id"] for run in jobs.glue.get_job_runs(JobName="job")["JobRuns"]] == [second, first]
    assert jobs.record(second)["LogGroupName"] == str(jobs.aws.run_log(second))
    assert "hello from the job" in jobs.log(second)


def test_a_failed_run_tells_the_exceptions_name_and_text(jobs: GlueJobs) -> None:
    script = "class PublishError(Exception): pass\ntry:\n    {}['x']\nexcept KeyError:\n"
    script += "    raise PublishError('GH5001: the table moved.\\nWhat to do: look.')"
    record, _ = jobs.run(script)
    assert record["JobRunState"] == "FAILED"
    assert record["ErrorMessage"] == "PublishError: GH5001: the table moved.\nWhat to do: look."


def test_a_run_that_dies_without_a_word_tells_its_exit_code(jobs: GlueJobs) -> None:
    record, _ = jobs.run("import os\nos._exit(3)")
    assert (record["JobRunState"], record["ErrorMessage"]) == ("FAILED", "Command failed with exit code 3")


def test_a_run_over_its_timeout_is_ended_with_all_its_processes(jobs: GlueJobs) -> None:
    record, log = jobs.run(SLEEP, Timeout=1)  # a minute lasts a second here
    assert record["JobRunState"] == "TIMEOUT"
    pids = processes_in(log)
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_a_stopped_run_is_ended_with_all_its_processes(jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    run_id = jobs.start()
    wait_for(lambda: len(processes_in(jobs.log(run_id) if jobs.aws.run_log(run_id).exists() else "")) == 2)
    answer = jobs.glue.batch_stop_job_run(JobName="job", JobRunIds=[run_id, "jr_unknown"])
    assert [one["JobRunId"] for one in answer["SuccessfulSubmissions"]] == [run_id]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert jobs.ended(run_id)["JobRunState"] == "STOPPED"
    assert not any(is_alive(pid) for pid in processes_in(jobs.log(run_id)))
    again = jobs.glue.batch_stop_job_run(JobName="job", JobRunIds=[run_id])
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "InvalidInputException"


def test_one_run_too_many_is_refused_until_another_has_ended(jobs: GlueJobs) -> None:
    jobs.create(SLEEP, ExecutionProperty={"MaxConcurrentRuns": 2})
    runs = [jobs.start(), jobs.start()]
    with pytest.raises(ClientError) as refused:
        jobs.start()
    assert error_code(refused) == "ConcurrentRunsExceededException"
    jobs.glue.batch_stop_job_run(JobName="job", JobRunIds=runs[:1])
    jobs.ended(runs[0])
    assert jobs.start()


def test_a_job_runs_once_at_a_time_unless_it_says_otherwise(jobs: GlueJobs) -> None:
    jobs.create(SLEEP)
    jobs.start()
    with pytest.raises(ClientError) as refused:
        jobs.start()
    assert error_code(refused) == "ConcurrentRunsExceededException"


def test_settings_that_the_emulator_forgets_are_kept_through_an_update(jobs: GlueJobs) -> None:
    jobs.create(SHOW_ARGUMENTS, ExecutionProperty={"MaxConcurrentRuns": 2}, Timeout=7)
    jobs.glue.update_job(JobName="job", JobUpdate={"ExecutionProperty": {"MaxConcurrentRuns": 5}})
    job = jobs.glue.get_job(JobName="job")["Job"]
    assert (job["ExecutionProperty"], job["Timeout"]) == ({"MaxConcurrentRuns": 5}, 7)


def test_a_run_of_an_unknown_job_is_refused(jobs: GlueJobs) -> None:
    with pytest.raises(ClientError) as refused:
        jobs.start("nobody")
    assert error_code(refused) == "EntityNotFoundException"


def test_a_run_whose_script_is_missing_fails_naming_it(jobs: GlueJobs) -> None:
    jobs.create(SHOW_ARGUMENTS)
    jobs.s3.delete_object(Bucket="code", Key="job.py")
    message = jobs.ended(jobs.start())["ErrorMessage"]
    assert message.startswith("LAUNCH ERROR | Error downloading from S3 for bucket: code, key: job.py.")


def test_a_run_whose_jar_is_missing_fails_naming_it(jobs: GlueJobs) -> None:
    record, _ = jobs.run(SHOW_ARGUMENTS, {"--extra-jars": "s3://code/jars/none.jar"})
    assert record["JobRunState"] == "FAILED"
    assert "key: jars/none.jar" in record["ErrorMessage"]


def test_a_run_sees_glues_modules_and_neither_ours_nor_this_machines(jobs: GlueJobs) -> None:
    script = "import importlib.util as u, os, sys\nimport boto3, pandas, pyspark\n"
    script += "names = ['gluehouse', 'gluehouse_local', 'pydantic', 'yaml', 'delta', 'pydeequ', 'ministack']\n"
    script += "print('SEEN', [n for n in names if u.find_spec(n)])\n"
    script += "print('VARS', sorted(k for k in os.environ if k in ('PYTHONPATH', 'VIRTUAL_ENV', 'AWS_PROFILE')))\n"
    script += "print('BOTO', boto3.__version__, os.environ['AWS_ENDPOINT_URL'])"
    record, log = jobs.run(script)
    assert record["JobRunState"] == "SUCCEEDED", log
    assert "SEEN []" in log
    assert "VARS []" in log
    assert f"BOTO 1.40.61 {jobs.aws.endpoint}" in log


def test_wheels_in_a_zip_are_installed_and_glues_modules_count_as_there(jobs: GlueJobs) -> None:
    toy = wheel("toy", "import toydep\nANSWER = toydep.ANSWER", requires=("toydep==1.0", "boto3"))
    both = gluewheels(toy, wheel("toydep", "ANSWER = 42"), requirements="toy==1.0\n")
    arguments = {
        "--additional-python-modules": jobs.upload("toys.gluewheels.zip", both),
        "--python-modules-installer-option": "--no-index",
    }
    script = "import toy, boto3\nprint('ANSWER', toy.ANSWER, boto3.__version__)"
    record, log = jobs.run(script, arguments)
    assert record["JobRunState"] == "SUCCEEDED", log
    assert "ANSWER 42 1.40.61" in log


def test_a_dependency_left_out_of_the_zip_fails_the_run_here_too(jobs: GlueJobs) -> None:
    alone = gluewheels(wheel("toy", "", requires=("toydep==1.0",)), requirements="toy==1.0\n")
    arguments = {
        "--additional-python-modules": jobs.upload("toys.gluewheels.zip", alone),
        "--python-modules-installer-option": "--no-index",
    }
    record, _ = jobs.run("import toy", arguments)
    assert record["JobRunState"] == "FAILED"
    assert record["ErrorMessage"].startswith("LAUNCH ERROR | Python Module Installer failed:")
    assert "toydep==1.0" in record["ErrorMessage"]


def test_a_module_that_no_argument_names_is_missing_in_the_run(jobs: GlueJobs) -> None:
    record, _ = jobs.run("import pydantic")
    assert record["ErrorMessage"] == "ModuleNotFoundError: No module named 'pydantic'"


def test_a_wheel_installed_for_one_run_is_not_there_for_another(jobs: GlueJobs) -> None:
    name, content = wheel("visitor", "HERE = True")
    jobs.create("import visitor")
    with_it = jobs.start(additional__python__modules=jobs.upload(name, content))
    assert jobs.ended(with_it)["JobRunState"] == "SUCCEEDED"
    assert jobs.ended(jobs.start())["JobRunState"] == "FAILED"


def test_python_files_and_plain_files_are_beside_the_script(jobs: GlueJobs) -> None:
    arguments = {
        "--extra-py-files": jobs.upload("lib/helper.py", "WORD = 'helped'"),
        "--extra-files": jobs.upload("files/notes.txt", "a note"),
    }
    _, log = jobs.run("import helper\nprint(helper.WORD, open('notes.txt').read())", arguments)
    assert "helped a note" in log


def test_customer_variables_reach_the_driver_and_others_do_not(jobs: GlueJobs) -> None:
    script = "import os\nprint('GOT', os.environ.get('CUSTOMER_A'), os.environ.get('HACK'))"
    _, log = jobs.run(script, {"--customer-driver-env-vars": "CUSTOMER_A=x,HACK=1"})
    assert "GOT x,HACK=1 None" in log


def test_a_run_leaves_nothing_but_its_log(jobs: GlueJobs) -> None:
    record, _ = jobs.run("open('scratch', 'w').write('x')")
    work = jobs.aws.state / "work"
    assert list(work.iterdir()) == []
    assert jobs.aws.run_log(record["Id"]).exists()


def test_installed_modules_are_kept_for_the_next_run_until_long_unused(tmp_path: Path) -> None:
    for name, age_days in (("fresh", 1), ("old", 15)):
        (tmp_path / name).mkdir()
        ready = tmp_path / name / "installed"
        ready.touch()
        os.utime(ready, (time.time() - age_days * 86_400,) * 2)
    _forget_unused(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fresh"]
