"""Small helpers: upload a script as a Glue job, run it, wait for a run."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

from gluehouse_local.server import LocalAws

CODE = "code"


def wait_for(condition: Any, seconds: float = 20.0) -> Any:
    """The first true answer of ``condition()``; fails after ``seconds``."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")


class GlueJobs:
    """Glue jobs of one server; scripts are given as text."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws, self.glue, self.s3 = aws, aws.client("glue"), aws.client("s3")
        self.s3.create_bucket(Bucket=CODE)

    def upload(self, key: str, content: bytes | str) -> str:
        self.s3.put_object(Bucket=CODE, Key=key, Body=content)
        return f"s3://{CODE}/{key}"

    def create(self, script: str, name: str = "job", **settings: Any) -> str:
        command = {"Name": "glueetl", "ScriptLocation": self.upload(f"{name}.py", script), "PythonVersion": "3"}
        self.glue.create_job(Name=name, Role="role", GlueVersion="5.1", Command=command, **settings)
        return name

    def start(self, name: str = "job", **arguments: str) -> str:
        given = {f"--{key.replace('__', '-')}": value for key, value in arguments.items()}
        return str(self.glue.start_job_run(JobName=name, Arguments=given)["JobRunId"])

    def record(self, run_id: str, name: str = "job") -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def ended(self, run_id: str, name: str = "job", seconds: float = 20.0) -> dict[str, Any]:
        live = ("STARTING", "RUNNING", "STOPPING")

        def record_of_ended() -> dict[str, Any] | None:
            record = self.record(run_id, name)
            return None if record["JobRunState"] in live else record

        return dict(wait_for(record_of_ended, seconds))

    def run(self, script: str, arguments: dict[str, str] | None = None, **settings: Any) -> tuple[dict[str, Any], str]:
        """Create a job of the script, run it once; its record and its log."""
        self.create(script, **settings)
        run_id = self.glue.start_job_run(JobName="job", Arguments=arguments or {})["JobRunId"]
        return self.ended(run_id), self.log(run_id)

    def log(self, run_id: str) -> str:
        return self.aws.run_log(run_id).read_text()


def wheel(name: str, module: str, requires: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """File name and bytes of a pure Python wheel with one module."""
    about = "".join(f"Requires-Dist: {one}\n" for one in requires)
    info, content = f"{name}-1.0.dist-info", io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{name}.py", module)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{about}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}-1.0-py3-none-any.whl", content.getvalue()


def zipped(files: dict[str, bytes | str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def gluewheels(*wheels: tuple[str, bytes], requirements: str) -> bytes:
    """A ``.gluewheels.zip``: the folder ``wheels`` with the wheels and requirements.txt."""
    return zipped({"wheels/requirements.txt": requirements, **{f"wheels/{name}": content for name, content in wheels}})
