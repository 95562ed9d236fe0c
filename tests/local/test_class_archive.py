"""The class archive is used while it fits and never asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gluehouse_local import class_archive
from gluehouse_local.environments import Environments


@pytest.fixture
def own(places: Environments, tmp_path: Path) -> Environments:
    """Environments with jars and archives of their own."""
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "one.jar").write_bytes(b"1")
    return dataclasses.replace(places, base_jars=jars, delta_jars=jars, archives=tmp_path / "archives")


def test_without_an_archive_java_gets_no_option(own: Environments) -> None:
    assert class_archive.options(own) == ()


def test_an_archive_is_used_until_a_jar_or_the_java_changes(own: Environments) -> None:
    class_archive.empty_directory(own)
    class_archive.path(own).touch()
    assert class_archive.options(own)[0] == f"-XX:SharedArchiveFile={class_archive.path(own)}"
    assert class_archive.options(dataclasses.replace(own, java_home=Path("/another/java"))) == ()
    (own.base_jars / "two.jar").write_bytes(b"2")
    assert class_archive.options(own) == ()


def test_the_directory_on_the_class_path_is_empty(own: Environments) -> None:
    assert list(class_archive.empty_directory(own).iterdir()) == []
