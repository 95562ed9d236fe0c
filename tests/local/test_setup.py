"""The set-up with real tools: what pip, keytool and the resolver of Maven's jars do where a registry is not reached."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gluehouse.errors import SetupError
from gluehouse_local.setup import jars, java, pythons
from gluehouse_local.setup.main import Checkout
from gluehouse_local.setup.pins import Jar
from gluehouse_local.setup.progress import Progress

ROOT = Path(__file__).parents[2]


def quiet() -> Progress:
    return Progress(io.StringIO())


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_wheels_java_trusts_what_python_trusts(tmp_path: Path) -> None:
    store = tmp_path / "truststore.jks"
    written = java.write_truststore(store)
    assert store.exists() == (written > 0)
    keytool = Path(Checkout(ROOT).java().home) / "bin" / "keytool"
    listed = subprocess.run(
        [str(keytool), "-list", "-keystore", str(store), "-storepass", "changeit"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert listed.count("trustedCertEntry") == written


def test_a_package_registry_that_is_not_reached_is_named_with_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    pinned = tmp_path / "pins.txt"
    pinned.write_text("gluehouse-has-no-such-module==1.0\n")
    with pytest.raises(SetupError, match=r"GH7004: the Python package registry could not be reached.*PIP_INDEX_URL"):
        pythons.install(Path(sys.executable), pinned, tmp_path / "log", quiet(), tmp_path)
    assert "gluehouse-has-no-such-module" in (tmp_path / "log").read_text()


def test_maven_central_not_reached_is_named_and_leaves_no_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUEHOUSE_MAVEN", f"http://127.0.0.1:{closed_port()}/maven")
    at = Checkout(ROOT)
    spark_jars = at.spark_home(at.venv) / "jars"
    wanted = {"base": [Jar("org.example", "absent", "1.0")]}
    with pytest.raises(
        SetupError, match=r"GH7006: Maven Central could not be reached.*absent-1\.0\.jar.*GLUEHOUSE_MAVEN"
    ):
        jars.fetch(wanted, tmp_path / "jars", at.java(), spark_jars, tmp_path / "log", quiet())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]
