from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from gluehouse_local.environments import Environments
from gluehouse_local.server import LocalAws
from tests.local.glue_jobs import GlueJobs


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """The environments of this checkout, with a launcher that starts no JVM."""
    real = Environments.of_checkout()
    light = Path(__file__).with_name("light_submit.sh")
    return dataclasses.replace(real, spark_submit=light, modules=tmp_path_factory.mktemp("modules"))


@pytest.fixture(scope="session")
def server(places: Environments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One server for all tests; a minute of a Glue Timeout lasts a second and retries do not wait."""
    with LocalAws(tmp_path_factory.mktemp("state"), places, minute=1.0, wait_scale=0.0) as aws:
        yield aws


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    server.reset()
    return server


@pytest.fixture
def jobs(aws: LocalAws) -> GlueJobs:
    return GlueJobs(aws)
