"""The tables as they are before a measured batch: made by the systems themselves, once, and kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from bench.history.files import copy_table
from bench.history.inputs import Inputs, Say
from bench.history.scenarios import Scenario, Size
from bench.history.systems import SYSTEMS
from bench.history.worker import ROOT, Worker
from gluehouse_local.setup import stamp

# stale: those that another state of the system's source made.
Anew = Literal["never", "stale", "always"]


class Tables:
    """Tables below ``folder``. ``anew``: which of them are made again, once."""

    def __init__(self, folder: Path, logs: Path, inputs: Inputs, say: Say, anew: Anew = "never") -> None:
        self.folder, self.logs, self.inputs, self.say, self.anew = folder, logs, inputs, say, anew
        self.fresh: set[Path] = set()

    def before(self, system: str, scenario: Scenario, size: Size) -> Path:
        """The table that the scenario's measured batch meets. Raises Failed where the system cannot make it."""
        batches = scenario.before(size)
        if not batches:
            return self.seed(system, size)
        seed = self.seed(system, size)

        def apply_all(worker: Worker, table: Path) -> dict[str, Any]:
            copy_table(seed, table)
            told = {}
            for batch in batches:
                file = self.inputs.batch(batch, size)
                told = worker.measured("apply", table=str(table), batch=str(file), batch_id=batch.name)
            return told

        names = "-".join(batch.name for batch in batches)
        return self._made(f"{system}-{size.name}-after-{names}", system, apply_all)

    def seed(self, system: str, size: Size) -> Path:
        known = SYSTEMS[system]
        if known.seed is None:
            events, versions = self.inputs.events(size), self.inputs.versions(size)
            return self._made(
                f"{system}-{size.table}",
                system,
                lambda worker, table: worker.measured(
                    "create", table=str(table), events=str(events), versions=str(versions)
                ),
            )
        other = self.seed(known.seed, size)
        if not known.upgrades:
            return other

        def upgrade(worker: Worker, table: Path) -> dict[str, Any]:
            copy_table(other, table)
            return worker.measured("upgrade", table=str(table))

        return self._made(f"{system}-{size.table}", system, upgrade)

    def load(self, system: str, size: Size) -> dict[str, Any] | None:
        """What making the seed cost, where the system made it."""
        made = self.folder / f"{system}-{size.table}" / "made.json"
        return dict(json.loads(made.read_text("utf-8"))["cost"]) if made.exists() else None

    def _made(self, name: str, system: str, make: Callable[[Worker, Path], dict[str, Any]]) -> Path:
        folder, digest = self.folder / name, digest_of(system)
        made, table = folder / "made.json", folder / "table"
        if made.exists() and not self._is_old(folder, digest):
            return table
        self.say(f"  making {name} ...")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with Worker(system, folder / "work", self.logs / f"{name}.log") as worker:
            worker.order("start")
            cost = make(worker, table)
        shutil.rmtree(folder / "work", ignore_errors=True)
        made.write_text(json.dumps({"source": digest, "cost": cost}), "utf-8")
        self.fresh.add(folder)
        self.say(f"  made {name}: {cost['wall']:.1f} s, {cost['cpu']:.1f} CPU s")
        return table

    def _is_old(self, folder: Path, digest: str) -> bool:
        if folder in self.fresh:
            return False
        if self.anew == "always":
            return True
        stale = json.loads((folder / "made.json").read_text("utf-8")).get("source") != digest
        if stale and self.anew == "never":
            self.say(f"  {folder.name} was made by another state of the engine; --reseed makes it anew")
        return stale and self.anew == "stale"


def digest_of(system: str) -> str:
    """Sixteen hex digits over a system's source, with ours over the engine's: which state of it made something."""
    known, here = SYSTEMS[system], Path(__file__).parent
    modules = [known.module, *(["spark"] if known.spark else []), *([SYSTEMS[known.seed].module] if known.seed else [])]
    files = [here / f"systems/{module}.py" for module in dict.fromkeys(modules)]
    if known.module == "ours":
        files += [*sorted((ROOT / "lib/gluehouse/history").glob("*.py")), ROOT / "lib/gluehouse/spec/history.py"]
    return stamp.digest(digest_of_data(), *files)


def digest_of_data() -> str:
    """The same over what makes the data."""
    return stamp.digest(*(Path(__file__).with_name(f"{name}.py") for name in ("data", "scenarios", "reference")))
