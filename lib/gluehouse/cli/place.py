"""The history table that a command means: where it is, what its columns are, which pipeline keeps it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluehouse.aws import run_locks, stacks
from gluehouse.cli.compile import compile_all
from gluehouse.cli.session import open_session
from gluehouse.errors import ConfigError, SetupError
from gluehouse.spec.check import TABLE_NAME
from gluehouse.spec.environment import Environment
from gluehouse.spec.history import HistorySpec
from gluehouse.spec.pipeline import CompiledPipeline

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from gluehouse.history.delta import TableState
    from gluehouse.history.lock import LockPort
    from gluehouse.history.versions import VersionColumns

_OPTIONS = [
    click.option("--pipeline", help="The pipeline that keeps the table: tells keys, surrogate key and deletes."),
    click.option("--keys", help="Key columns, as in id,region, where no pipeline tells them."),
    click.option(
        "--layout",
        type=click.Choice(["gluehouse", "mack", "dbt", "koheesio"]),
        default="gluehouse",
        show_default=True,
        help="Whose column names the table has.",
    ),
    click.option("--surrogate-key", help="Its column, if the layout's is another."),
    click.option("--from-column", help="Start of a version, if the layout's is another; a.b is a field of a struct."),
    click.option("--to-column", help="End of a version, likewise."),
    click.option("--current-column", help="Current flag, likewise; '' for none."),
    click.option("--loaded-column", help="Which of two rows was loaded later, likewise; '' for none."),
    click.option("--open-end", help="The value of an open end, where it is not NULL, as in 9999-12-31."),
    click.option("--stack", help="The stack of the environment: where database.table is, and its locks."),
    click.option(
        "--root",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default=".",
        help="The checkout, with config and what `make setup` fetched. Default: here.",
    ),
    click.option(
        "--jars",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        envvar="GLUEHOUSE_JARS",
        help="Folder with Delta's jars (for s3:// hadoop-aws too), if not those of the checkout.",
    ),
]


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command takes to say which table it means; ``found`` takes the values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Place:
    """A Delta table at ``location``. ``table``: its database.table, where it is one of an environment."""

    spark: SparkSession
    location: str
    columns: VersionColumns
    version: int
    spec: HistorySpec | None
    table: str | None
    environment: Environment | None

    def read(self) -> DataFrame:
        """The table at the version that was found."""
        return self.spark.read.format("delta").option("versionAsOf", self.version).load(self.location)

    @contextmanager
    def locked(self) -> Iterator[LockPort]:
        """The table's lock, as its runs take it. Raises ConfigError GH1474 where there is no way to it."""
        from gluehouse.history.lock import lock_beside

        if is_local(self.location):
            with lock_beside(self.location) as lock:
                yield lock
        elif self.environment is not None:
            owner = f"repair-{uuid.uuid4()}"
            with run_locks.own_lock(self.environment, self.table or self.location, owner) as held:
                yield held
        else:
            raise ConfigError(
                "GH1474",
                f"{self.location} is to be written, and nothing says where its lock is.",
                "Name the stack of its environment by --stack.",
            )


@contextmanager
def found(
    table: str, pipeline: str | None, keys: str | None, stack: str | None, root: Path, jars: Path | None, **named: Any
) -> Iterator[Place]:
    """The table, with settings of the session that suit its size while it is looked at.

    Raises ConfigError GH1470 to GH1473, GH1061, and SetupError GH75xx.
    """
    environment = Environment.from_json(stacks.outputs(stack)["Environment"]) if stack else None
    location, name = _location(table, environment)
    spec = _spec(root, pipeline, name)
    spark = open_session(location, root, jars)
    from gluehouse.history.session import options, quick
    from gluehouse.history.small import SMALL_BYTES

    state = _state(spark, location)
    with quick(spark, state.size <= SMALL_BYTES), options(spark, **{"spark.sql.session.timeZone": "UTC"}):
        yield Place(spark, location, _columns(spec, keys, **named), state.version or 0, spec, name, environment)


def is_local(location: str) -> bool:
    return "://" not in location or location.startswith("file:")


def _location(table: str, environment: Environment | None) -> tuple[str, str | None]:
    """Its location, and its database.table where it is one of the environment's."""
    if re.fullmatch(TABLE_NAME, table) and not Path(table).exists():
        if environment is None:
            raise ConfigError(
                "GH1472", f"nothing says where {table} is.", "Name its environment by --stack, or give its path or URI."
            )
        return environment.table_uri(*table.split(".")), table
    location = str(Path(table).resolve()) if is_local(table) and not table.startswith("file:") else table.rstrip("/")
    if environment is not None and location.startswith(f"{environment.curated}/"):
        name = location.removeprefix(f"{environment.curated}/").replace("/", ".")
        return location, name if re.fullmatch(TABLE_NAME, name) else None
    return location, None


def _spec(root: Path, pipeline: str | None, table: str | None) -> HistorySpec | None:
    if pipeline is None and table is None:
        return None
    compiled = compile_all(root)
    found: CompiledPipeline | None
    if pipeline is None:
        found = next((one for one in compiled.values() if table in one.spec.tables), None)
        return found.spec.history if found else None
    found = compiled.get(pipeline)
    if found is None or found.spec.history is None:
        keeping = sorted(name for name, one in compiled.items() if one.spec.history)
        raise ConfigError(
            "GH1472",
            f"no pipeline {pipeline} keeps a history; those that do: {', '.join(keeping) or 'none'}.",
            "Name one of them, or the checkout that has it by --root.",
        )
    return found.spec.history


def _columns(spec: HistorySpec | None, keys: str | None, layout: str, **named: str | None) -> VersionColumns:
    from gluehouse.history.versions import PRESETS

    columns = PRESETS[layout]
    if spec is not None:
        surrogate = spec.surrogate_key.column if spec.surrogate_key else None
        columns = columns.named(spec.keys, surrogate=surrogate)
    columns = columns.named(
        [name.strip() for name in keys.split(",")] if keys else (),
        surrogate=named["surrogate_key"],
        start=named["from_column"],
        end=named["to_column"],
        current=named["current_column"],
        loaded=named["loaded_column"],
        open_end=named["open_end"],
    )
    if not columns.keys:
        raise ConfigError("GH1472", "nothing says what the table's keys are.", "Name them by --keys, or --pipeline.")
    return columns


def _state(spark: SparkSession, location: str) -> TableState:
    from py4j.protocol import Py4JJavaError

    from gluehouse.history.delta import DeltaLocation

    try:
        state = DeltaLocation(spark, location).state()
    except Py4JJavaError as error:
        kind = error.java_exception.getClass().getSimpleName()
        raise SetupError(
            "GH7504",
            f"{location} was not read: {kind}.",
            "Look at credentials, region and the name; the same table must be readable by Spark.",
        ) from error
    if state.version is None:
        raise ConfigError("GH1473", f"there is no Delta table at {location}.", "Correct the path or URI.")
    return state
