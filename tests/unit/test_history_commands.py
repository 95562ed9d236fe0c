"""The history commands without Spark: what they refuse before they start it, and what they need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gluehouse.cli import place, session
from gluehouse.cli.main import commands
from gluehouse.cli.rows import aligned, csv_line
from gluehouse.errors import ConfigError, SetupError

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line_starts_without_loading_spark() -> None:
    script = "import sys, gluehouse.cli.main; print([name for name in sys.modules if name.startswith('pyspark')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


def test_a_table_without_spark_ends_with_what_to_install_and_exit_code_2() -> None:
    script = "import sys; sys.modules['pyspark'] = None; from gluehouse.cli.main import main; main()"
    command = [sys.executable, "-c", script, "history", "check", "/tables/t", "--keys", "k"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("GH7501: PySpark is not installed here. What to do: pip install")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", "curated.airports"], "GH1472: nothing says where"),
        (["check", "/t", "--pipeline", "airprots", "--root", str(ROOT)], "GH1472: no pipeline airprots"),
        (["of", "curated.airports", "LHR"], "GH1472: nothing says where"),
    ],
)
def test_a_table_that_is_not_well_named_is_refused(words: list[str], code: str) -> None:
    ended = CliRunner().invoke(commands, ["history", *words])
    assert isinstance(ended.exception, ConfigError)
    assert str(ended.exception).startswith(code)


def test_a_wrong_option_is_a_usage_error() -> None:
    assert CliRunner().invoke(commands, ["history", "check", "/t", "--layout", "scd"]).exit_code == 2


def test_a_pipeline_tells_keys_and_surrogate_key_and_options_come_before_it() -> None:
    spec = place._spec(ROOT, "airports", None)
    nothing = dict.fromkeys(
        ["surrogate_key", "from_column", "to_column", "current_column", "loaded_column", "open_end"]
    )
    columns = place._columns(spec, None, "gluehouse", **nothing)
    assert (columns.keys, columns.surrogate, columns.start) == (("iata",), None, "effective_from")
    named = place._columns(
        spec, "a, b", "gluehouse", **{**nothing, "surrogate_key": "sk", "current_column": "", "from_column": "s.f"}
    )
    assert (named.keys, named.surrogate, named.current, named.start) == (("a", "b"), "sk", None, "s.f")
    assert place._spec(ROOT, None, "curated.airports") == spec
    assert place._spec(ROOT, None, "curated.unknown") is None
    with pytest.raises(ConfigError, match=r"GH1472.*keys"):
        place._columns(None, None, "mack", **nothing)


def test_jars_come_from_the_folder_named_else_from_the_checkout_and_those_of_s3_only_where_needed(
    tmp_path: Path,
) -> None:
    for name in ("glue-5.1/delta/d.jar", "glue-5.1/base/s3.jar", "glue-5.1/extra/x.jar", "glue-6.0/delta/d6.jar"):
        jar = tmp_path / ".cache/jars" / name
        jar.parent.mkdir(parents=True)
        jar.touch()

    def names(folder: Path | None, remote: bool, spark: str) -> list[str]:
        return [jar.name for jar in session.jars(tmp_path, folder, remote, spark)]

    assert names(None, False, "3.5.6") == ["d.jar"]
    assert names(None, True, "3.5.6") == ["d.jar", "s3.jar"]
    assert names(None, False, "4.1.1") == ["d6.jar"]
    assert names(tmp_path / ".cache/jars/glue-5.1", False, "4.1.1") == ["s3.jar", "d.jar", "x.jar"]


def test_values_are_printed_whole_and_control_characters_shown() -> None:
    assert list(aligned(["k"], [["\x1b[2J"], [None]])) == ["k", "\\x1b[2J", "NULL"]
    assert csv_line(['a,"b"', "c"]) == '"a,""b""",c'


def test_credentials_and_endpoint_for_s3_are_those_that_boto3_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    from gluehouse.aws import s3a

    for name, value in {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    found = {name.removeprefix("spark.hadoop.fs.s3a."): value for name, value in s3a.settings().items()}
    assert (found["access.key"], found["endpoint"], found["connection.ssl.enabled"], found["endpoint.region"]) == (
        "id", "http://127.0.0.1:4566", "false", "eu-central-1"
    )  # fmt: skip
    assert found["aws.credentials.provider"].endswith(".SimpleAWSCredentialsProvider")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert s3a.settings()["spark.hadoop.fs.s3a.aws.credentials.provider"].endswith("TemporaryAWSCredentialsProvider")


def test_an_error_of_this_machine_is_exit_code_2_so_that_1_means_violations(monkeypatch: pytest.MonkeyPatch) -> None:
    from gluehouse.cli import main

    def fails(**_: object) -> None:
        raise SetupError("GH7503", "Spark does not start.")

    monkeypatch.setattr(main, "commands", fails)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
