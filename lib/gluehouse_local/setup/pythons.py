"""Python environments by exact pins: made with the standard venv module and pip, whole or not at all."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gluehouse.errors import SetupError
from gluehouse_local.setup.pins import modules
from gluehouse_local.setup.process import run_logged
from gluehouse_local.setup.progress import Progress

# Set for the person's own pip, these would send what we install elsewhere, or make pip ask.
_NOT_OURS = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONSTRAINT",
)
# The last one is all that pip says when it may not retry.
_OFFLINE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ConnectionResetError",
    "Connection refused",
    "ProxyError",
    "ReadTimeoutError",
    "SSLError",
    "Temporary failure in name resolution",
    "(from versions: none)",
)


def pip_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The person's environment (mirror, proxy and certificates stay) without what would bend the installation."""
    env = {name: value for name, value in given.items() if name not in _NOT_OURS}
    env.setdefault("PIP_RETRIES", "3")
    return {**env, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONNOUSERSITE": "1"}


def create(folder: Path) -> Path:
    """A new, empty virtual environment of the running Python; returns its python. Raises SetupError GH7002."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetupError(
            "GH7002", f"{sys.executable} has no venv module with pip.",
            "Install it (Debian and Ubuntu: apt install python{}.{}-venv), then run the same command again.".format(
                *sys.version_info
            ),
        )  # fmt: skip
    import venv

    shutil.rmtree(folder, ignore_errors=True)
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    return folder / "bin" / "python"


def pip(python: Path, arguments: Sequence[str], log: Path, progress: Progress, expected: int = 0) -> None:
    """Run pip. Raises SetupError GH7003 (disk), GH7004 (registry not reached), GH7007 (anything else)."""
    seen = 0

    def each_line(line: str) -> None:
        nonlocal seen
        if line.startswith(("Collecting ", "Processing ")):
            seen += 1
            progress.tick(f"{seen} of {expected}: {line.split()[1]}" if expected else line)
        elif line.startswith(("Building ", "Installing ")):
            progress.tick(line)

    command = [str(python), "-m", "pip", *arguments, "--progress-bar", "off"]
    code, output = run_logged(command, pip_environment(os.environ), log, each_line)
    if code != 0:
        raise pip_error(output, log)


def pip_error(output: str, log: Path) -> SetupError:
    """What pip's output means for a person."""
    last = next((line for line in reversed(output.splitlines()) if line.startswith("ERROR:")), "pip failed")
    if "No space left on device" in output:
        return SetupError("GH7003", "the disk is full.", "Free some space, then run the same command again.")
    if any(sign in output for sign in _OFFLINE):
        return SetupError(
            "GH7004", f"the Python package registry could not be reached, or does not serve this at all ({last}).",
            "Check the network and the proxy; behind a mirror set PIP_INDEX_URL, behind an own certificate "
            f"authority set PIP_CERT. Full output: {log}",
        )  # fmt: skip
    return SetupError("GH7007", f"pip could not install the pinned modules ({last}).", f"Read {log}")


def install(python: Path, pins: Path, log: Path, progress: Progress, wheels: Path, extra: Sequence[str] = ()) -> None:
    """Install a complete pin file: nothing is resolved, so what is installed is what is written."""
    arguments = ["install", "--no-deps", "--find-links", str(wheels), *extra, "-r", str(pins)]
    pip(python, arguments, log, progress, expected=len(modules(pins)))


def wheel_of(python: Path, pin: str, wheels: Path, log: Path, progress: Progress) -> None:
    """Build a module that is published as source only (PySpark) once, for all environments that need it."""
    name, version = pin.split("==")
    if any(wheels.glob(f"{name}-{version}-*.whl")):
        return
    draft = wheels / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    pip(python, ["install", "--no-deps", "setuptools==79.0.1", "wheel==0.45.1"], log, progress)
    pip(python, ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(draft), pin], log, progress)
    for built in draft.iterdir():
        os.replace(built, wheels / built.name)
    shutil.rmtree(draft)
