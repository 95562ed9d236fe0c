"""What a control Lambda loads: a cold start of pyspark or pyarrow would cost more than its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTROL = sorted(path.stem for path in (ROOT / "jobs/lambda").glob("*.py") if path.stem != "transform_lambda")


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_lambda_loads_neither_spark_nor_arrow_nor_yaml_nor_the_laptops_aws(name: str) -> None:
    heavy = "{'pyspark', 'pyarrow', 'pandas', 'numpy', 'yaml', 'click', 'gluehouse_local', 'pydeequ'}"
    code = f"import sys, {name}; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    path = f"{ROOT / 'lib'}:{ROOT / 'jobs/lambda'}"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (loaded.returncode, loaded.stderr) == (0, "")


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_lambda_fits_on_a_screen(name: str) -> None:
    assert len((ROOT / "jobs/lambda" / f"{name}.py").read_text().splitlines()) <= 60
