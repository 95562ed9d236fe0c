"""One Spark session for all tests of frames and stages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from gluehouse.frames.parse import parse
from gluehouse.sources import file
from gluehouse.sources.unreadable import refusing_damaged_objects
from gluehouse.spec.contract import Contract
from gluehouse.spec.source import FileSource
from gluehouse_local.debug_spark import session as local_session
from gluehouse_local.spark_settings import LONG_RUN
from tests.spark.warehouses import Server, fake_snowflake, postgres


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = local_session("tests", LONG_RUN)
    yield session
    session.stop()


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., list[Row]]:
    """What one object comes to under the test module's CONTRACT, or another; ``settings`` are fields of its source."""

    def rows(
        name: str, content: bytes, settings: dict[str, Any] | None = None, contract: Contract | None = None
    ) -> list[Row]:
        path = tmp_path / name
        path.write_bytes(content)
        usual = {"kind": "file", "format": name.split(".")[1], "prefix": "t/", "mode": "changes"}
        source = FileSource.model_validate({**usual, **(settings or {})})
        agreed = contract or request.module.CONTRACT
        with refusing_damaged_objects([name]):
            return parse(file.read(spark, [str(path)], source, agreed), agreed, [""]).collect()

    return rows


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Callable[[], Server]]]:
    """The warehouses by their target's name, each started when it is asked for first."""
    with ExitStack() as running:
        started: dict[str, Server] = {}

        def redshift() -> Server:
            if "redshift" not in started:
                # A socket's path must be short.
                folder = running.enter_context(tempfile.TemporaryDirectory(prefix="pg"))
                started["redshift"] = running.enter_context(postgres(Path(folder)))
            return started["redshift"]

        def snowflake() -> Server:
            if "snowflake" not in started:
                started["snowflake"] = running.enter_context(fake_snowflake())
            return started["snowflake"]

        yield {"redshift": redshift, "snowflake": snowflake}


@pytest.fixture(params=["redshift", "snowflake"])
def server(request: pytest.FixtureRequest, servers: dict[str, Callable[[], Server]]) -> Server:
    """A warehouse without tables."""
    found = servers[request.param]()
    found.clean()
    return found
