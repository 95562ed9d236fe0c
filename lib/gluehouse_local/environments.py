"""Where the environments of the laptop's AWS lie.

A Glue run and a Lambda must see what AWS gives them and nothing else, so each has a virtual environment of its
own beside the one that develops and serves. The set-up makes them; this module only finds them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from gluehouse.errors import SetupError
from gluehouse_local.setup import java

_SET_UP = "Run 'make setup'; it says what it needs."
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Environments:
    """Absolute paths of everything a Glue run or a Lambda is started with.

    ``glue_python`` and ``lambda_python`` are interpreters; ``glue_delta`` is a directory of Python modules and
    ``base_jars``, ``delta_jars`` are directories of jars. ``modules`` is where named modules are installed, by hash,
    and ``archives`` where class archives are that let Spark start quicker. ``spark_submit`` is Spark's own launcher
    unless a test puts a lighter program in its place.
    """

    glue_python: Path
    glue_delta: Path
    base_jars: Path
    delta_jars: Path
    lambda_python: Path
    modules: Path
    archives: Path
    java_home: Path | None = None
    spark_submit: Path | None = None

    @classmethod
    def of_checkout(cls, root: Path = CHECKOUT, profile: str = "glue-5.1") -> Environments:
        """The environments that ``make`` creates under ``<root>/.cache``.

        Raises SetupError GH7101 when one is missing and GH7102 when no Java was chosen.
        """
        cache = root / ".cache"
        jars = cache / "jars" / profile
        chosen_java = java.recorded(cache / "java.json")
        found = cls(
            glue_python=cache / profile / "bin" / "python",
            glue_delta=cache / f"{profile}-delta",
            base_jars=jars / "base",
            delta_jars=jars / "delta",
            lambda_python=cache / "lambda-3.11" / "bin" / "python",
            modules=cache / "modules",
            archives=cache / "class-archives",
            java_home=Path(chosen_java.home) if chosen_java else None,
        )
        found.check()
        if chosen_java is None:
            raise SetupError("GH7102", f"no Java was chosen for Spark in {cache}, or it is gone.", _SET_UP)
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
            raise SetupError("GH7101", f"missing on this machine: {', '.join(missing)}.", _SET_UP)

    def spark_home(self) -> Path:
        """The pyspark package of the Glue environment. Raises SetupError GH7101 when it has none."""
        for package in sorted((self.glue_python.parents[1] / "lib").glob("python3*/site-packages/pyspark")):
            return package
        raise SetupError("GH7101", f"no pyspark beside {self.glue_python}.", _SET_UP)

    def launcher(self) -> Path:
        return self.spark_submit or self.spark_home() / "bin" / "spark-submit"
