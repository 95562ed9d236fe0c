"""A Lambda on the laptop sees boto3 and its zip, and its errors carry their own type."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gluehouse_local.server import LocalAws
from tests.local.glue_jobs import zipped


class Functions:
    """Lambda functions of one server, given as the text of ``fn.py``."""

    def __init__(self, aws: LocalAws) -> None:
        self._client = aws.client("lambda")

    def create(self, code: str, name: str = "fn", more: dict[str, bytes | str] | None = None, **settings: Any) -> str:
        made = self._client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/x",
            Handler="fn.handler",
            Code={"ZipFile": zipped({"fn.py": code, **(more or {})})},
            **settings,
        )
        return str(made["FunctionArn"])

    def invoke(self, event: Any = None, name: str = "fn") -> tuple[str | None, Any]:
        """The kind of error (None when there is none) and the payload."""
        answer = self._client.invoke(FunctionName=name, Payload=json.dumps(event))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())


@pytest.fixture
def functions(aws: LocalAws) -> Functions:
    return Functions(aws)


def test_an_error_carries_the_name_of_its_class(functions: Functions) -> None:
    functions.create("class TableLockHeld(Exception): pass\ndef handler(e, c): raise TableLockHeld('GH6001: held')")
    error, payload = functions.invoke()
    assert error
    assert (payload["errorType"], payload["errorMessage"]) == ("TableLockHeld", "GH6001: held")
    assert any("TableLockHeld" in line for line in payload["stackTrace"])


def test_what_a_function_prints_is_logged_and_never_taken_for_its_answer(aws: LocalAws, functions: Functions) -> None:
    functions.create(
        "def handler(e, c):\n    print('{\"body\": 1}')\n    return {'got': e, 'id': len(c.aws_request_id)}"
    )
    assert functions.invoke({"a": [1, None]}) == (None, {"got": {"a": [1, None]}, "id": 36})
    assert '{"body": 1}' in (aws.state / "logs" / "lambda" / "fn.log").read_text()


def test_a_function_sees_boto3_its_zip_and_nothing_of_ours(functions: Functions) -> None:
    code = (
        "import importlib.util as u, os, boto3, inside\nNAMES = ['gluehouse', 'gluehouse_local', 'pydantic', 'click',"
    )
    code += "'pyspark', 'ministack', 'glue_runner']\n"
    code += "def handler(e, c): return [[n for n in NAMES if u.find_spec(n)], inside.WORD, os.environ['GIVEN']]"
    functions.create(code, more={"inside.py": "WORD = 'zip'"}, Environment={"Variables": {"GIVEN": '{"a": 1}'}})
    assert functions.invoke() == (None, [[], "zip", '{"a": 1}'])


def test_a_dependency_left_out_of_the_zip_fails_the_function_here_too(functions: Functions) -> None:
    functions.create("import pydantic\ndef handler(e, c): return 1")
    error, payload = functions.invoke()
    assert error
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert payload["errorMessage"] == "Unable to import module 'fn': No module named 'pydantic'"


def test_a_function_reaches_the_local_services_without_being_told(aws: LocalAws, functions: Functions) -> None:
    aws.client("s3").create_bucket(Bucket="seen")
    functions.create(
        "import boto3\ndef handler(e, c): return [b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']]"
    )
    assert functions.invoke() == (None, ["seen"])


def test_a_function_over_its_timeout_is_ended_and_the_next_call_works(functions: Functions) -> None:
    functions.create("import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'awake'", Timeout=1)
    error, payload = functions.invoke(30)
    assert error
    assert payload["errorType"] == "Sandbox.Timedout"
    assert functions.invoke(0) == (None, "awake")


def test_a_function_whose_process_dies_says_so_and_the_next_call_works(functions: Functions) -> None:
    functions.create("import os\ndef handler(e, c):\n    if e: os._exit(1)\n    return 'alive'")
    assert functions.invoke(True)[1]["errorType"] == "Runtime.ExitError"
    assert functions.invoke(False) == (None, "alive")


def test_an_answer_that_is_no_json_is_an_error_of_the_function(functions: Functions) -> None:
    functions.create("def handler(e, c): return {1, 2}")
    assert functions.invoke()[1]["errorType"] == "Runtime.MarshalError"


def test_a_warm_function_keeps_what_its_module_holds_and_new_code_starts_afresh(
    aws: LocalAws, functions: Functions
) -> None:
    functions.create("calls = []\ndef handler(e, c):\n    calls.append(1)\n    return len(calls)")
    assert [functions.invoke()[1], functions.invoke()[1]] == [1, 2]
    new = zipped({"fn.py": "def handler(e, c): return 'new'"})
    aws.client("lambda").update_function_code(FunctionName="fn", ZipFile=new)
    assert functions.invoke() == (None, "new")
