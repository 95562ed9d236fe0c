"""The server starts on 127.0.0.1 alone, and whatever ends it, no process stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gluehouse.errors import SetupError
from gluehouse_local.__main__ import main
from gluehouse_local.environments import Environments
from gluehouse_local.server import LocalAws, is_running
from tests.local.glue_jobs import GlueJobs, wait_for
from tests.local.owner import busy
from tests.local.test_glue_runs import SLEEP, is_alive

ROOT = Path(__file__).resolve().parents[2]


def sockets_of(pid: int) -> set[str]:
    """Addresses on which a process listens (TCP) or receives (UDP)."""
    if sys.platform != "linux":
        told = subprocess.run(["lsof", "-nP", "-a", "-p", str(pid), "-i"], capture_output=True, text=True).stdout
        return set(re.findall(r"(\S+) \(LISTEN\)", told)) | set(re.findall(r"UDP (\S+)", told))
    links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists() or link.is_symlink())
    inodes = {found.group(1) for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    bound = set()
    for table, listening in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == listening and columns[9] in inodes:
                bound.add(columns[1])
    return bound


def ipv4(address: str) -> str:
    host, _, port = address.partition(":")
    return f"{socket.inet_ntoa(bytes.fromhex(host)[::-1])}:{int(port, 16)}" if len(host) == 8 else address


def gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def test_it_listens_on_one_port_of_the_loopback_alone(aws: LocalAws) -> None:
    GlueJobs(aws).run("print(1)")
    addresses = {ipv4(address) for address in sockets_of(aws.status()["pid"])}
    assert addresses == {aws.endpoint.removeprefix("http://")}
    assert aws.endpoint.startswith("http://127.0.0.1:")


def test_nothing_is_left_after_the_context_ends(places: Environments, tmp_path: Path) -> None:
    with LocalAws(tmp_path, places) as aws:
        pids = busy(aws)
    assert gone(pids)
    assert not is_running(tmp_path)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_program_that_holds_it_is_ended(
    places: Environments, tmp_path: Path, end: signal.Signals
) -> None:
    command = [sys.executable, "-m", "tests.local.owner", str(tmp_path), json.dumps(places.to_json())]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"}
    owner = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert owner.stdout
    pids = json.loads(owner.stdout.readline())
    os.killpg(owner.pid, end)  # as a terminal does: to the whole group
    owner.wait(30)
    wait_for(lambda: gone(pids))
    assert not is_running(tmp_path)


def test_nothing_is_left_when_the_server_itself_is_killed(places: Environments, tmp_path: Path) -> None:
    aws = LocalAws(tmp_path, places)
    aws.start()
    pids = busy(aws)
    os.kill(pids[0], signal.SIGKILL)
    aws.stop()
    wait_for(lambda: gone(pids))
    with LocalAws(tmp_path, places) as again:
        assert again.status()["runs"] == []


def test_a_reset_forgets_everything_ends_the_runs_and_keeps_the_endpoint(aws: LocalAws) -> None:
    endpoint, pids = aws.endpoint, busy(aws)
    aws.reset()
    assert gone(pids[1:])
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("glue").get_jobs()["Jobs"] == []
    assert aws.status() == {"endpoint": endpoint, "pid": pids[0], "runs": []}


def test_objects_lie_as_plain_files_where_one_can_look_after_the_end(places: Environments, tmp_path: Path) -> None:
    with LocalAws(tmp_path, places) as aws:
        aws.client("s3").create_bucket(Bucket="curated")
        aws.client("s3").put_object(Bucket="curated", Key="a/day=1/x.txt", Body=b"kept")
    assert aws.object_path("s3://curated/a/day=1/x.txt").read_bytes() == b"kept"


def test_the_commands_start_show_reset_and_stop_a_server_that_stays(
    places: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environments, "of_checkout", lambda: places)
    where = ["--state-dir", str(tmp_path)]

    def command(name: str) -> str:
        result = CliRunner().invoke(main, [name, *where])
        assert result.exit_code == 0, result.output
        return result.output

    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in command("start")
    aws = LocalAws(tmp_path)
    record, _ = GlueJobs(aws).run("print('x')")
    assert record["Id"] in command("status")
    command("reset")
    assert aws.status()["runs"] == []
    pid = aws.status()["pid"]
    command("stop")
    assert gone([pid])
    refused = CliRunner().invoke(main, ["status", *where])
    assert (refused.exit_code, "GH7201" in refused.output) == (1, True)
    command("stop")  # stopping what does not run is no error


def test_the_profile_and_settings_of_this_machine_are_neither_used_nor_missed(
    places: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_PROFILE": "nobody", "AUTH": "true", "SERVICES": "sqs", "PERSIST_STATE": "1"}.items():
        monkeypatch.setenv(name, value)
    with LocalAws(tmp_path, places) as aws:
        record, log = GlueJobs(aws).run(
            "import os\nprint('GOT', os.environ.get('AWS_PROFILE'), os.environ['AWS_REGION'])"
        )
    assert record["JobRunState"] == "SUCCEEDED"
    assert "GOT None us-east-1" in log


def test_a_second_server_on_the_same_state_is_refused(server: LocalAws, places: Environments) -> None:
    with pytest.raises(SetupError) as refused:
        LocalAws(server.state, places).start()
    assert refused.value.code == "GH7203"
    assert server.status()["endpoint"] == server.endpoint


def test_a_taken_port_is_said_to_be_taken(places: Environments, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SetupError) as refused:
            LocalAws(tmp_path, places, port=taken.getsockname()[1]).start()
    assert refused.value.code == "GH7202"
    assert "in use" in refused.value.message


def test_a_missing_environment_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refused:
        Environments.of_checkout(tmp_path)
    assert refused.value.code == "GH7101"
    assert str(tmp_path / ".cache" / "glue-5.1") in refused.value.message
    assert "make setup" in refused.value.hint


def test_a_run_ends_when_its_execution_is_reset(aws: LocalAws) -> None:
    jobs, states = GlueJobs(aws), aws.client("stepfunctions")
    jobs.create(SLEEP)
    task = {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": {"JobName": "job"}}
    definition = {"StartAt": "A", "States": {"A": {**task, "End": True}}}
    machine = states.create_state_machine(name="m", roleArn="arn:aws:iam::0:role/x", definition=json.dumps(definition))
    states.start_execution(stateMachineArn=machine["stateMachineArn"])
    wait_for(lambda: aws.status()["runs"])
    aws.reset()
    assert aws.status()["runs"] == []
    assert states.list_state_machines()["stateMachines"] == []
