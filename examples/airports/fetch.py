"""Make the example deliveries: dated releases of PyPI's airportsdata, the rows that have an IATA code.

    python examples/airports/fetch.py [FOLDER]

Writes `<release date>.csv.gz`, the package's LICENSE and ORIGIN.md into FOLDER (this one by default). The same releases
give the same bytes: all columns, the rows in their order, gzip without a date. Needs pip and the package registry.
"""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RELEASES = ("20240806", "20241001", "20250224", "20250909", "20260304", "20260905")

ORIGIN = """# Where these files come from

The deliveries of the pipeline `airports`: six dated releases of the Python package airportsdata, copyright Mike
Borsetti and others, MIT licence (`LICENSE` beside this file). Made by `fetch.py` from the published wheels: all
columns, the rows that have an IATA code, in their order. A file is named after its release's date and is a full
snapshot: an airport that is not in it was not in that release.

| file | release | rows of the release | rows here |
|---|---|---|---|
{rows}"""


def published(release: str, folder: Path) -> tuple[str, str]:
    """The table and the licence in the wheel of a release."""
    pin = f"airportsdata=={release}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), pin], check=True)
    with zipfile.ZipFile(next(folder.glob(f"airportsdata-{release}-*.whl"))) as wheel:
        licence = next(name for name in wheel.namelist() if name.endswith("/LICENSE"))
        return wheel.read("airportsdata/airports.csv").decode("utf-8-sig"), wheel.read(licence).decode()


def with_iata(table: str) -> tuple[str, int, int]:
    """The rows that have an IATA code, as CSV with a header; how many rows there were, and how many are left."""
    reader = csv.DictReader(io.StringIO(table))
    rows = list(reader)
    kept = [row for row in rows if row["iata"]]
    out = io.StringIO()
    writer = csv.DictWriter(out, reader.fieldnames or [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    return out.getvalue(), len(rows), len(kept)


def main(folder: Path) -> None:
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for release in RELEASES:
            table, licence = published(release, Path(scratch))
            text, before, after = with_iata(table)
            name = f"{release[:4]}-{release[4:6]}-{release[6:]}.csv.gz"
            (folder / name).write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
            lines.append(f"| {name} | {release} | {before:,} | {after:,} |\n")
            print(f"{name}: {after:,} of {before:,} rows")
    (folder / "LICENSE").write_text(licence, "utf-8")
    (folder / "ORIGIN.md").write_text(ORIGIN.format(rows="".join(lines)), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
