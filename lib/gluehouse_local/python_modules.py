"""``--additional-python-modules``: named modules on top of the Glue environment, installed once for each content.

They go into a virtual environment of their own whose path continues in Glue's: what Glue has counts as installed,
what is named wins over it, and Glue's environment itself is never changed. pip is Glue's own.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

from gluehouse_local.artifacts import LaunchError, content_hash, download
from gluehouse_local.glue_arguments import paths

_PASSED_TO_PIP = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT", "REQUESTS_CA")


def _requirements(named: list[Path], loose: list[str], options: list[str], work: Path) -> list[str]:
    """pip's arguments for files already fetched and for plain ``name==version`` requirements."""
    arguments = [option for option in options if option != "-r"]
    for file in named:
        if file.name.endswith(".gluewheels.zip"):
            with zipfile.ZipFile(file) as archive:
                archive.extractall(work / file.stem)
            wheels = next((work / file.stem).rglob("requirements.txt"), None)
            if wheels is None:
                raise LaunchError(f"LAUNCH ERROR | {file.name} has no requirements.txt.Please refer logs for details.")
            arguments += ["--find-links", str(wheels.parent), "-r", str(wheels)]
        elif file.suffix == ".txt":
            arguments += ["-r", str(file)]
        else:
            arguments.append(str(file))
    return [*arguments, *loose]


def _pip_environment(offline: bool, home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key.upper().startswith(_PASSED_TO_PIP)}
    kept.pop("PIP_FIND_LINKS", None)
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONNOUSERSITE": "1"}
    isolated = {"PIP_CONFIG_FILE": os.devnull} if offline else {}
    return {**kept, **quiet, **isolated, "HOME": str(home), "PATH": os.defpath}


def overlay(glue_python: Path, target: Path) -> Path:
    """Make the virtual environment ``target`` that continues in the one of ``glue_python``; answer its interpreter."""
    subprocess.run([str(glue_python), "-m", "venv", "--without-pip", str(target)], check=True, capture_output=True)
    site = next((target / "lib").glob("python3*/site-packages"))
    glue_site = glue_python.parents[1] / "lib" / site.parent.name / "site-packages"
    (site / "glue.pth").write_text(f"{glue_site}\n")
    return target / "bin" / "python"


def _forget_unused(store: Path, days: float = 14.0) -> None:
    """Remove installations that no run has used for ``days``."""
    for ready in store.glob("*/installed"):
        if time.time() - ready.stat().st_mtime > days * 86_400:
            shutil.rmtree(ready.parent, ignore_errors=True)


def _install(glue_python: Path, target: Path, arguments: list[str], log: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    interpreter = overlay(glue_python, target)
    pip = [str(glue_python), "-m", "pip", "--python", str(interpreter), "install", "--no-warn-script-location"]
    with log.open("ab") as stream:
        stream.write(f"$ pip install {' '.join(arguments)}\n".encode())
        stream.flush()
        offline = "--no-index" in arguments
        done = subprocess.run(
            pip + arguments, stdout=stream, stderr=stream, env=_pip_environment(offline, target), timeout=900
        )
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR:")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with {done.returncode}"
        raise LaunchError(f"LAUNCH ERROR | Python Module Installer failed: {reason}.Please refer logs for details.")


def interpreter_with(s3: Any, glue_python: Path, store: Path, modules: str, option: str, work: Path, log: Path) -> Path:
    """The interpreter that has Glue's modules and the named ones.

    ``modules`` and ``option`` are the values of ``--additional-python-modules`` and
    ``--python-modules-installer-option`` ("" when not given); ``store`` keeps installations by content hash;
    pip's output is appended to ``log``. Raises LaunchError when a file or a requirement is missing.
    """
    if not modules:
        return glue_python
    named = [download(s3, part, work) for part in paths(modules) if part.startswith("s3")]
    loose = [part for part in paths(modules) if not part.startswith("s3")]
    key = content_hash(named, str(glue_python.resolve()), option, *loose)
    target = store / key
    store.mkdir(parents=True, exist_ok=True)
    with (store / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = target / "installed"
        if not ready.exists():
            _forget_unused(store)
            _install(glue_python, target, _requirements(named, loose, shlex.split(option), work), log)
        ready.touch()
    return target / "bin" / "python"
