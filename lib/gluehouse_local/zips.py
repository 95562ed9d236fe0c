"""Zip files that are the same bytes for the same content: sorted names, one date, one mode."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_DATE = (1980, 1, 1, 0, 0, 0)


def write_zip(path: Path, content: Mapping[str, bytes], base: Path | None = None) -> Path:
    """Write names and bytes as a zip; on top of the entries of `base`, another zip, when given.

    A base is copied as it is, so what is large and seldom changes is compressed once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if base is not None:
        shutil.copyfile(base, path)
    with zipfile.ZipFile(path, "a" if base is not None else "w", zipfile.ZIP_DEFLATED) as archive:
        taken = set(archive.namelist())
        for name in sorted(content):
            if name in taken:
                raise ValueError(f"{name} is already in {base}")
            archive.writestr(_entry(name), content[name])
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o100644 << 16
    # Packed once more, a wheel or a jar gets no smaller.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith((".whl", ".jar")) else zipfile.ZIP_DEFLATED
    return entry


def read_zip(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, bytes]]:
    """The files of a zip by name, those that are wanted."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and wanted(name):
                yield name, archive.read(name)
