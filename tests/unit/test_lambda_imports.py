"""What a control Lambda loads: a cold start of pyspark or pyarrow would cost more than its work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTROL = sorted(path.stem for path in (ROOT / "jobs/lambda").glob("*.py") if path.stem != "transform_lambda")
NEVER = {"pyspark", "pandas", "yaml", "click", "gluehouse_local", "pydeequ"}


def loaded(handlers: list[str], heavy: set[str]) -> dict[str, list[str]]:
    """Which of the ``heavy`` modules are loaded once a Lambda's handler is, one handler after the other."""
    code = f"""
import importlib, json, sys
found = {{}}
for handler in {handlers!r}:
    importlib.import_module(handler)
    found[handler] = sorted({heavy!r} & set(sys.modules))
print(json.dumps(found))
"""
    path = f"{ROOT / 'lib'}:{ROOT / 'jobs/lambda'}"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


def test_no_control_lambda_loads_spark_or_arrow_or_yaml_or_the_laptops_aws() -> None:
    assert loaded(CONTROL, {"pyarrow", *NEVER}) == {name: [] for name in CONTROL}


def test_the_transform_lambda_loads_arrow_and_no_spark() -> None:
    assert loaded(["transform_lambda"], {"pyarrow", *NEVER}) == {"transform_lambda": ["pyarrow"]}


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_lambda_fits_on_a_screen(name: str) -> None:
    assert len((ROOT / "jobs/lambda" / f"{name}.py").read_text().splitlines()) <= 60
