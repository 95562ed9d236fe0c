"""Wheels for a release: ours, built from setup.py, and the pinned ones it needs, fetched once."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from gluehouse.errors import SetupError
from gluehouse_local.setup import pythons, stamp
from gluehouse_local.setup.progress import Progress
from gluehouse_local.zips import read_zip, write_zip

# What Glue 5.1 (Amazon Linux 2023) and the python3.11 Lambda runtime can load.
AWS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")


def platforms(for_aws: bool) -> tuple[str, ...]:
    """pip's platform tags of the wheels to fetch; none means this machine's own.

    Where this machine can load what AWS loads it gets exactly that, so that both run the same bytes.
    """
    alike = sys.platform == "linux" and platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"
    return AWS if for_aws or alike else ()


def fetch(pins: Sequence[str], tags: Sequence[str], store: Path, log: Path, progress: Progress) -> dict[str, Path]:
    """The wheel of each `name==version`, from the store or the registry.

    Raises SetupError GH7004 (registry not reached) or GH7007 (no such wheel).
    """
    folder = store / stamp.digest(*sorted(pins), *tags)
    if not stamp.matches(folder / ".stamp", "whole"):
        progress.line(f"fetching {len(pins)} wheels for the release ...")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        chosen = [part for tag in tags for part in ("--platform", tag)]
        versions = ["--python-version", "311", "--implementation", "cp"] if tags else []
        arguments = ["download", "--no-deps", "--only-binary", ":all:", *chosen, *versions, "--dest", str(folder)]
        pythons.pip(Path(sys.executable), [*arguments, *pins], log, progress, expected=len(pins))
        stamp.write(folder / ".stamp", "whole")
    return {pin: _find(folder, pin) for pin in pins}


def _find(folder: Path, pin: str) -> Path:
    name, version = pin.replace("-", "_").lower().split("==")
    for wheel in folder.glob("*.whl"):
        if wheel.name.lower().replace("-", "_").startswith(f"{name}_{version}_"):
            return wheel
    raise SetupError("GH7007", f"{folder} has no wheel of {pin}.", "Remove that folder and run the same command again.")


def build(root: Path, sources: Iterable[Path], folder: Path, log: Path, progress: Progress) -> Path:
    """Build our wheel from a copy of its sources, so that nothing old in `build/` gets in. Raises SetupError GH7007."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        copy = Path(scratch) / "source"
        for source in sources:
            target = copy / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        arguments = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", scratch, str(copy)]
        pythons.pip(Path(sys.executable), arguments, log, progress)
        built = next(Path(scratch).glob("*.whl"))
        # Packed once more without the hour and the umask of this build.
        return write_zip(folder / built.name, dict(read_zip(built)))
