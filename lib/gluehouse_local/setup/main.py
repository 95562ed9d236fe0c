"""The steps of a set-up, in order. Each is skipped when its stamp says that it was made from the same inputs."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gluehouse.errors import SetupError
from gluehouse_local.setup import jars, java, pins, pythons, stamp
from gluehouse_local.setup.profile import GLUE_5_1, PROFILES, Profile
from gluehouse_local.setup.progress import Progress

ROOT = Path(__file__).parents[3]
# Raise it when a step makes something else from the same inputs.
RECIPE = "1"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Checkout:
    """Where things stand in a checkout, for one profile."""

    root: Path = ROOT
    profile: Profile = GLUE_5_1

    @property
    def cache(self) -> Path:
        return self.root / ".cache"

    @property
    def venv(self) -> Path:
        return self.root / self.profile.venv

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def glue(self) -> Path:
        """The environment of a Glue job run: what Glue gives, and nothing of ours."""
        return self.cache / self.profile.name

    @property
    def glue_delta(self) -> Path:
        """The folder that `--datalake-formats delta` puts on a job's Python path."""
        return self.cache / f"{self.profile.name}-delta"

    @property
    def lambda_(self) -> Path:
        """The environment of a Lambda function: the AWS SDK, and nothing of ours."""
        return self.cache / "lambda-3.11"

    @property
    def jars(self) -> Path:
        """Holds a folder for each section of the list: `base/`, `delta/` and `extra/`, which Glue 6.0 has none of."""
        return self.cache / "jars" / self.profile.name

    @property
    def wheels(self) -> Path:
        return self.cache / "wheels"

    @property
    def java_file(self) -> Path:
        """What Java was chosen: one for all profiles, which run on the same version."""
        return self.cache / "java.json"

    @property
    def log(self) -> Path:
        return self.cache / "setup.log"

    def pins(self, name: str) -> Path:
        return self.root / "requirements" / f"{self.profile.name}{name}"

    def spark_home(self, venv: Path) -> Path:
        return venv / "lib" / f"python{self.profile.python}" / "site-packages" / "pyspark"

    def java(self) -> java.Java:
        """The Java that the set-up chose. Raises SetupError GH7009 when there was no set-up."""
        chosen = java.recorded(self.java_file)
        if chosen is None:
            raise SetupError("GH7009", f"{self.root} is not set up.", "Run `make setup`.")
        return chosen


@dataclass(frozen=True)
class Step:
    """One thing to make: what it is, where its stamp stands, what it is made from, its size on disk, how.

    `needed` is an executable without which it does not stand, whatever its stamp says: its Java or Python was removed.
    """

    title: str
    stamp: Path
    inputs: str
    megabytes: int
    make: Callable[[Progress], None]
    needed: Callable[[], Path | None] = lambda: None

    def done(self) -> bool:
        needed = self.needed()
        return stamp.matches(self.stamp, self.inputs) and (needed is None or os.access(needed, os.X_OK))


def steps(at: Checkout) -> list[Step]:
    """What a checkout needs for its profile, in the order in which it can be made."""
    # A virtual environment does not survive a move of its folder. Which Python of the version made it does not matter.
    place = f"{RECIPE} {at.root}"
    spark = next(pin for pin in pins.modules(at.pins(".txt")) if pin.startswith("pyspark=="))

    def environment(folder: Path, listed: str, title: str, megabytes: int) -> Step:
        def make(progress: Progress) -> None:
            python = pythons.create(folder)
            if spark in pins.modules(at.pins(listed)):
                pythons.wheel_of(python, spark, at.wheels, at.log, progress)
            pythons.install(python, at.pins(listed), at.log, progress, at.wheels)

        inputs = stamp.digest(place, at.pins(listed))
        return Step(title, folder / ".stamp", inputs, megabytes, make, lambda: folder / "bin" / "python")

    def ours(progress: Progress) -> None:
        editable = ["install", "--no-deps", "--no-build-isolation", "--editable", str(at.root)]
        pythons.pip(at.python, editable, at.log, progress)

    def delta(progress: Progress) -> None:
        shutil.rmtree(at.glue_delta, ignore_errors=True)
        target = ["--target", str(at.glue_delta)]
        pythons.install(at.python, at.pins(".delta.txt"), at.log, progress, at.wheels, target)

    def choose_java(progress: Progress) -> None:
        chosen, said = java.on_machine(os.environ)
        chosen = chosen or java.bundled(at.python, at.cache / "truststore.jks")
        for line in said:
            progress.line(f"  {line}; using the Java {chosen.version} of {chosen.origin}")
        java.record(at.java_file, chosen)

    def fetch_jars(progress: Progress) -> None:
        spark_jars = at.spark_home(at.venv) / "jars"
        jars.fetch(pins.jars(at.pins(".jars")), at.jars, at.java(), spark_jars, at.log, progress)

    machine = " ".join(f"{origin}={path}" for origin, path in java.candidates(os.environ))
    java_inputs = stamp.digest(place, machine, at.pins(".txt"))

    def chosen_java() -> Path:
        chosen = java.recorded(at.java_file)
        return chosen.executable if chosen else at.java_file

    ours_inputs = stamp.digest(place, at.root / "setup.py")
    tools = [
        environment(at.venv, ".txt", f"the tools and tests ({at.profile.venv})", 1500),
        Step(f"gluehouse itself ({at.profile.venv})", at.venv / ".gluehouse", ours_inputs, 1, ours),
    ]
    java_and_jars = [
        Step("Java 17", at.venv / ".java", java_inputs, 1, choose_java, chosen_java),
        Step("jars", at.jars / ".stamp", stamp.digest(RECIPE, at.pins(".jars"), jars.SETTINGS), 60, fetch_jars),
    ]
    if at.profile != GLUE_5_1:
        # The local AWS, whose processes must see what Glue and Lambda give and no more, has the first profile only.
        return [*tools, *java_and_jars]
    return [
        *tools,
        environment(at.glue, ".base.txt", "what Glue 5.1 gives a job (.cache/glue-5.1)", 1000),
        Step("Delta's Python part", at.glue_delta / ".stamp", stamp.digest(place, at.pins(".delta.txt")), 5, delta),
        environment(at.lambda_, ".lambda.txt", "what Lambda gives a function (.cache/lambda-3.11)", 100),
        *java_and_jars,
    ]


def check_space(missing: list[Step], folder: Path, free: int) -> None:
    """Raise SetupError GH7003 before anything is made when it would not fit; `free` in bytes."""
    needed = sum(step.megabytes for step in missing) + 400
    if free < needed * MIB:
        raise SetupError(
            "GH7003", f"the set-up needs about {needed} MB in {folder}, and {free // MIB} MB are free.",
            "Free some space, or put the checkout on another disk.",
        )  # fmt: skip


@contextmanager
def alone(at: Checkout, progress: Progress) -> Iterator[None]:
    """One set-up at a time in a checkout: `make demo` and `make test` may be started together."""
    at.cache.mkdir(parents=True, exist_ok=True)
    with (at.cache / "setup.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.line("another set-up runs in this checkout: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(step: Step, progress: Progress) -> None:
    """Make one step; only when all of it stands does its stamp say so."""
    started = time.monotonic()
    progress.line(f"{step.title} ...")
    stamp.remove(step.stamp)
    step.make(progress)
    stamp.write(step.stamp, step.inputs)
    progress.line(f"{step.title}: done in {time.monotonic() - started:.0f} s")


def set_up(at: Checkout, progress: Progress) -> None:
    """Make what is missing. Raises SetupError GH70xx with what to do."""
    if all(step.done() for step in steps(at)):
        return
    with alone(at, progress):
        missing = [step for step in steps(at) if not step.done()]
        check_space(missing, at.root, shutil.disk_usage(at.root).free)
        progress.line(f"{len(missing)} of {len(steps(at))} steps to make, a few minutes the first time; log: {at.log}")
        for step in missing:
            make(step, progress)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bootstrap", description="Set up this checkout: environments, Java, jars.")
    parser.add_argument("--profile", choices=sorted(PROFILES), default=GLUE_5_1.name, help="the Glue that it is for")
    profile = PROFILES[parser.parse_args(argv).profile]
    try:
        set_up(Checkout(profile=profile), Progress())
    except SetupError as error:
        print(f"\nSetupError: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run the same command again, it goes on from the last whole step", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"\nSetupError: GH7003: {error}. What to do: check the disk and its permissions.", file=sys.stderr)
        return 2
    return 0
