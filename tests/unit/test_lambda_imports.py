"""What a control Lambda loads: a cold start of pyspark or pyarrow would cost more than its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTROL = sorted(path.stem for path in (ROOT / "jobs/lambda").glob("*.py") if path.stem != "transform_lambda")
NEVER = {"pyspark", "pandas", "yaml", "click", "gluehouse_local", "pydeequ"}


def loaded(handler: str, heavy: set[str]) -> str:
    """Which of the ``heavy`` modules are loaded with a Lambda's handler."""
    code = f"import sys, {handler}; print(*sorted({heavy!r} & set(sys.modules)))"
    path = f"{ROOT / 'lib'}:{ROOT / 'jobs/lambda'}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_lambda_loads_neither_spark_nor_arrow_nor_yaml_nor_the_laptops_aws(name: str) -> None:
    assert loaded(name, {"pyarrow", *NEVER}) == ""


def test_the_transform_lambda_loads_arrow_and_no_spark() -> None:
    assert loaded("transform_lambda", {"pyarrow", *NEVER}) == "pyarrow"


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_lambda_fits_on_a_screen(name: str) -> None:
    assert len((ROOT / "jobs/lambda" / f"{name}.py").read_text().splitlines()) <= 60
