"""A release: everything that goes into the code bucket, built into `.cache/dist/<release>/`.

A release is named after its wheel's version and its content, so the same sources are the same release and are built
once. Configuration is not part of it: that is compiled and uploaded under its own hash.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gluehouse.errors import SetupError
from gluehouse_local import wheelhouse
from gluehouse_local.setup import stamp
from gluehouse_local.setup.main import Checkout
from gluehouse_local.setup.pins import jars, modules
from gluehouse_local.setup.progress import Progress
from gluehouse_local.zips import read_zip, write_zip

# Raise it when the same sources are packed in another way.
RECIPE = "1"
LAPTOP_ONLY = "gluehouse_local"
# CloudFormation reads both from the release: inline, a template may have 51,200 bytes and no file beside it.
STACK = ("deploy/template.yaml", "statemachines/pipeline.asl.json")
KEEP = 3
_WHEELS = (".wheels.txt", ".warehouses.txt", ".lambda-control.txt", ".lambda-transform.txt")
# Of a Lambda's modules only what it imports: a cold start loads less, and unpacked they must stay under 250 MB.
_NOT_IN_LAMBDA = re.compile(
    r"^pyarrow/(tests|include|src)/|^pyarrow/(libarrow_|libarrow_python_|_)flight\b|\.(pxd|pyx|pxi|h|cc|c)$"
)


@dataclass(frozen=True)
class Release:
    """A built release; `files` are paths relative to `folder`, as they stand under `releases/<name>/` in S3."""

    name: str
    folder: Path
    files: tuple[str, ...]


def build(root: Path, progress: Progress | None = None, for_aws: bool = False) -> Release:
    """Build the release of a checkout, or find it built.

    `for_aws` packs wheels for AWS's Linux; without it they are for this machine, which on x86-64 Linux is the same.
    Raises SetupError GH7004 or GH7007 when a pinned wheel cannot be had, GH7009 when the checkout is not set up.
    """
    at, progress = Checkout(root), progress or Progress()
    tags = wheelhouse.platforms(for_aws)
    name = release_name(at, tags)
    folder = at.cache / "dist" / name
    if not folder.is_dir():
        progress.line(f"building release {name} ...")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
            inside = Path(draft) / name
            inside.mkdir()
            _fill(at, inside, tags, progress)
            try:
                os.replace(inside, folder)
            except OSError:
                # Another process built the same release meanwhile; what is not there then was a real failure.
                if not folder.is_dir():
                    raise
        _forget_old(folder.parent)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return Release(name, folder, tuple(files))


def _forget_old(dist: Path) -> None:
    """Every change of a source is a release: the last few are enough."""
    releases = [path for path in dist.iterdir() if (path / "wheels").is_dir()]
    for old in sorted(releases, key=lambda path: path.stat().st_mtime)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


def release_name(at: Checkout, tags: tuple[str, ...]) -> str:
    """`<wheel version>-<12 hex of content hash>`."""
    inputs = [part for path in _inputs(at) for part in (str(path.relative_to(at.root)), path)]
    return f"{version(at.root)}-{stamp.digest(RECIPE, *tags, *inputs)[:12]}"


def version(root: Path) -> str:
    text = (root / "lib" / "gluehouse" / "__init__.py").read_text("utf-8")
    return text.split('__version__ = "', 1)[1].split('"', 1)[0]


def wheel_sources(at: Checkout) -> Iterator[Path]:
    """What our wheel is built from."""
    yield from (at.root / "setup.py", at.root / "pyproject.toml", at.root / "LICENSE")
    for package in sorted(at.root.glob("lib/*/__init__.py")):
        if package.parent.name == LAPTOP_ONLY:
            continue
        for path in sorted(package.parent.rglob("*")):
            if path.suffix == ".py" or path.name == "py.typed":
                yield path


def _inputs(at: Checkout) -> list[Path]:
    pins = [at.pins(name) for name in (*_WHEELS, ".jars")]
    stack = [at.root / path for path in STACK]
    return [*wheel_sources(at), *sorted((at.root / "jobs").rglob("*.py")), *stack, *pins]


def _fill(at: Checkout, folder: Path, tags: tuple[str, ...], progress: Progress) -> None:
    wheel = wheelhouse.build(at.root, wheel_sources(at), folder.parent, at.log, progress)
    pins = sorted({pin for name in _WHEELS for pin in modules(at.pins(name))})
    fetched = wheelhouse.fetch(pins, tags, at.cache / "wheelhouse", at.log, progress)
    _gluewheels(at, folder, wheel, fetched)
    for kind in ("control", "transform"):
        _lambda_zip(at, folder, kind, wheel, fetched)
    shutil.copytree(at.root / "jobs" / "glue", folder / "jobs" / "glue", ignore=shutil.ignore_patterns("__pycache__"))
    for path in STACK:
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copyfile(at.root / path, folder / path)
    _jars(at, folder)


def _gluewheels(at: Checkout, folder: Path, wheel: Path, fetched: Mapping[str, Path]) -> None:
    """The zips for `--additional-python-modules`: our wheel, what it needs beyond Glue's modules, and their pins; the
    second one with the drivers of warehouses too, which are four times the rest. A job names one of them."""
    own = modules(at.pins(".wheels.txt"))
    for name, pins in (("gluehouse", own), ("warehouses", [*own, *modules(at.pins(".warehouses.txt"))])):
        content = {f"wheels/{one.name}": one.read_bytes() for one in (wheel, *(fetched[pin] for pin in pins))}
        content["wheels/requirements.txt"] = ("\n".join([f"gluehouse=={version(at.root)}", *pins]) + "\n").encode()
        write_zip(folder / "wheels" / f"{name}.gluewheels.zip", content)


def _lambda_zip(at: Checkout, folder: Path, kind: str, wheel: Path, fetched: Mapping[str, Path]) -> None:
    """A Lambda's zip: the handlers at its root, our packages, and the modules of `<profile>.lambda-<kind>.txt`."""
    wheels = [fetched[pin] for pin in modules(at.pins(f".lambda-{kind}.txt"))]
    of_wheels = stamp.digest(RECIPE, *(one.name for one in wheels))
    base = at.cache / "wheelhouse" / f"{at.profile.name}-{kind}-{of_wheels}.zip"
    if not base.is_file():
        content = {name: data for one in wheels for name, data in read_zip(one, _in_lambda)}
        os.replace(write_zip(base.with_suffix(".new"), content), base)
    handlers = {path.name: path.read_bytes() for path in sorted((at.root / "jobs" / "lambda").glob("*.py"))}
    write_zip(folder / "lambda" / f"{kind}.zip", {**handlers, **dict(read_zip(wheel))}, base)


def _jars(at: Checkout, folder: Path) -> None:
    """The jars that Glue does not have, for `--extra-jars`. Raises SetupError GH7009 when they were not fetched."""
    (folder / "jars").mkdir()
    for jar in jars(at.pins(".jars"))["extra"]:
        fetched = at.jars / "extra" / jar.file_name
        if not fetched.is_file():
            raise SetupError("GH7009", f"{fetched} is missing.", "Run `make setup`.")
        shutil.copyfile(fetched, folder / "jars" / jar.file_name)


def _in_lambda(name: str) -> bool:
    return _NOT_IN_LAMBDA.search(name) is None
