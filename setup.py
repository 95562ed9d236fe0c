"""What the wheel `gluehouse` is: the package that Glue jobs and Lambdas import. Tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    found = re.search(r'^__version__ = "([^"]+)"', (ROOT / "lib/gluehouse/__init__.py").read_text("utf-8"), re.M)
    if found is None:
        raise SystemExit('lib/gluehouse/__init__.py has no line __version__ = "..."')
    return found.group(1)


setup(
    name="gluehouse",
    version=version(),
    description="A Glue-centric Spark job suite: one YAML a pipeline, right history tables, the same run on a laptop",
    author="The Gluehouse authors",
    license="MIT",
    python_requires=">=3.11",
    package_dir={"": "lib"},
    # gluehouse_local is the laptop's AWS: Glue and Lambda never get it.
    packages=find_packages("lib", exclude=["gluehouse_local", "gluehouse_local.*"]),
    package_data={"": ["py.typed"]},
    zip_safe=False,
    install_requires=["pydantic==2.13.5", "pydeequ==1.7.0"],
    extras_require={
        "cli": ["click==8.5.1", "PyYAML==6.0.3", "boto3>=1.40.61"],
        "spark": ["pyspark==3.5.6"],
        "redshift": ["redshift-connector==2.1.11"],
        "snowflake": ["snowflake-connector-python==4.8.0"],
        "dev": ["hypothesis", "import-linter", "mypy", "pytest", "ruff"],
    },
    entry_points={"console_scripts": ["gluehouse = gluehouse.cli.main:main"]},
)
