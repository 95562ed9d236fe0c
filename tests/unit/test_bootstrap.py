"""The set-up of a checkout: what it says when the machine lacks something, and that it never takes half for whole."""

from __future__ import annotations

import ast
import fcntl
import io
import os
import re
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gluehouse.errors import SetupError
from gluehouse_local.setup import jars, java, main, pins, pythons, stamp
from gluehouse_local.setup.main import Checkout, Step
from gluehouse_local.setup.process import run_logged
from gluehouse_local.setup.profile import PROFILES, Profile, profile_of_spark
from gluehouse_local.setup.progress import Progress

ROOT = Path(__file__).parents[2]
BOOTSTRAP = ROOT / "lib" / "gluehouse_local" / "bootstrap.py"


def quiet() -> Progress:
    return Progress(io.StringIO())


def executable(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def fake_java(home: Path, version: str) -> Path:
    said = f"    java.home = {home}\\n    java.specification.version = {version}"
    return executable(home / "bin" / "java", f"printf '{said}\\n' >&2")


# --- Python


def as_python(version: str, path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run bootstrap.py in an interpreter that says it is another version, with `path` as PATH and home folder."""
    pretend = (
        f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(BOOTSTRAP)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", pretend, *arguments]
    env = {"PATH": str(path), "HOME": str(path), **env}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_another_python_is_told_what_is_wanted_and_what_to_do(tmp_path: Path) -> None:
    said = as_python("(3, 9, 18)", tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("SetupError: GH7001: this is Python 3.9")
    assert "no python3.11 that runs is on PATH" in said.stderr
    assert "make PYTHON=" in said.stderr


def test_the_second_profile_wants_the_python_of_its_glue(tmp_path: Path) -> None:
    executable(tmp_path / "python3.11", 'echo "the wrong one"')
    said = as_python("(3, 11, 7)", tmp_path, "--profile", "glue-6.0")
    assert said.returncode == 2
    assert said.stderr.startswith("SetupError: GH7001: this is Python 3.11")
    assert "no python3.13 that runs is on PATH or with pyenv or uv; AWS Glue 6.0 runs that version" in said.stderr


def test_another_python_hands_over_to_a_python_3_11_on_path(tmp_path: Path) -> None:
    executable(tmp_path / "python3.11", 'echo "taken over"')
    assert as_python("(3, 13, 0)", tmp_path).stdout == "taken over\n"


def test_a_shim_without_its_python_behind_it_is_passed_over(tmp_path: Path) -> None:
    executable(tmp_path / "python3.11", "exit 127")
    assert "GH7001" in as_python("(3, 12, 1)", tmp_path).stderr


@pytest.mark.parametrize(
    ("kept", "env"),
    [
        (".pyenv/versions/3.13.0/bin/python3.13", {}),
        ("elsewhere/versions/3.13.0/bin/python3.13", {"PYENV_ROOT": "elsewhere"}),
        (".local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu/bin/python3.13", {}),
    ],
)
def test_a_python_that_a_version_manager_keeps_is_found_where_its_shim_is_switched_to_another(
    kept: str, env: dict[str, str], tmp_path: Path
) -> None:
    executable(tmp_path / "python3.13", "exit 127")
    executable(tmp_path / kept, 'echo "taken over: $*"')
    env = {name: str(tmp_path / value) for name, value in env.items()}
    said = as_python("(3, 11, 7)", tmp_path, "--profile=glue-6.0", **env)
    assert said.stdout == f"taken over: {BOOTSTRAP} --profile=glue-6.0\n"


def test_the_door_knows_the_python_of_each_profile() -> None:
    wanted = runpy.run_path(str(BOOTSTRAP), run_name="bootstrap")["WANTED"]
    assert {name: "{}.{}".format(*version) for name, version in wanted.items()} == {
        one.name: one.python for one in PROFILES.values()
    }


def test_bootstrap_is_written_so_that_any_python_can_read_it() -> None:
    tree = ast.parse(BOOTSTRAP.read_text("utf-8"))
    new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.FunctionDef, ast.Match, ast.Nonlocal, ast.AsyncFunctionDef)
    assert [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, new)] == []


def test_importing_bootstrap_does_nothing() -> None:
    assert "main" not in runpy.run_path(str(BOOTSTRAP), run_name="bootstrap")


def test_a_python_without_the_venv_module_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    with pytest.raises(SetupError, match=r"GH7002: .* What to do: .*python3\.11-venv"):
        pythons.create(tmp_path / "env")


# --- Java


def test_a_java_17_of_java_home_comes_before_the_one_on_path(tmp_path: Path) -> None:
    fake_java(tmp_path / "seventeen", "17")
    fake_java(tmp_path / "other", "17")
    env = {"JAVA_HOME": str(tmp_path / "seventeen"), "PATH": str(tmp_path / "other" / "bin")}
    chosen, said = java.on_machine(env)
    assert chosen is not None
    assert (chosen.home, chosen.origin, said) == (str(tmp_path / "seventeen"), "JAVA_HOME", [])


def test_a_java_that_spark_cannot_use_is_named_and_passed_over(tmp_path: Path) -> None:
    fake_java(tmp_path / "old", "1.8")
    executable(tmp_path / "stub" / "java", "exit 1")
    chosen, said = java.on_machine({"JAVA_HOME": str(tmp_path / "old"), "PATH": str(tmp_path / "stub")})
    assert chosen is None
    assert re.match(r"the Java of JAVA_HOME \(.*/old/bin/java\) is Java 1\.8; .* runs on Java 17", said[0])
    assert "the Java of PATH" in said[1]
    assert "does not run" in said[1]


def test_no_usable_java_at_all_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    no_wheel = executable(tmp_path / "python", "exit 1")
    with pytest.raises(SetupError, match=r"GH7005: no Java 17 .* What to do: Install a Java 17"):
        java.bundled(no_wheel, tmp_path / "truststore.jks")


def test_a_java_that_was_removed_is_no_longer_the_recorded_one(tmp_path: Path) -> None:
    binary = fake_java(tmp_path / "home", "17")
    found = java.probe(binary, "PATH")
    assert found is not None
    java.record(tmp_path / "java.json", found)
    assert java.recorded(tmp_path / "java.json") == found
    binary.unlink()
    assert java.recorded(tmp_path / "java.json") is None


# --- Disk and registries


def test_a_disk_without_room_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    big = Step("big", tmp_path / "s", "1", 2000, lambda progress: None)
    main.check_space([big], tmp_path, free=2400 * main.MIB)
    with pytest.raises(SetupError, match=r"GH7003: .* about 2400 MB in .*, and 2399 MB are free"):
        main.check_space([big], tmp_path, free=2399 * main.MIB)


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("OSError: [Errno 28] No space left on device", "GH7003"),
        ("WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution found for x==1", "GH7004"),
        ("ERROR: Could not find a version for x==1 (from versions: none)\nERROR: No match", "GH7004"),
        ("ERROR: Could not find a version for x==1 (from versions: 2, 3)\nERROR: No match", "GH7007"),
    ],
)
def test_what_pip_says_becomes_a_coded_error(output: str, code: str) -> None:
    assert pythons.pip_error(output, Path("setup.log")).code == code


def test_a_persons_own_pip_settings_do_not_bend_the_installation() -> None:
    given = {"PIP_TARGET": "x", "PYTHONPATH": "y", "PIP_INDEX_URL": "mirror", "PIP_RETRIES": "9"}
    env = pythons.pip_environment(given)
    assert not {"PIP_TARGET", "PYTHONPATH"} & env.keys()
    assert (env["PIP_INDEX_URL"], env["PIP_RETRIES"]) == ("mirror", "9")


# --- Steps, stamps, interruption


def counting(folder: Path, made: list[str], inputs: str = "1") -> Callable[[Checkout], list[Step]]:
    return lambda at: [Step("thing", folder / "stamp", inputs, 1, lambda progress: made.append(inputs))]


def test_a_set_up_makes_a_thing_once_and_again_when_its_inputs_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for inputs in ("1", "1", "2", "2"):
        monkeypatch.setattr(main, "steps", counting(tmp_path, made, inputs))
        main.set_up(Checkout(tmp_path), quiet())
    assert made == ["1", "2"]


def test_an_interrupted_step_is_made_again(tmp_path: Path) -> None:
    def interrupted(progress: Progress) -> None:
        raise KeyboardInterrupt

    stamp.write(tmp_path / "stamp", "old")
    step = Step("thing", tmp_path / "stamp", "new", 1, interrupted)
    with pytest.raises(KeyboardInterrupt):
        main.make(step, quiet())
    assert not step.done()
    assert not Step("thing", tmp_path / "stamp", "old", 1, interrupted).done()


def test_a_thing_whose_executable_is_gone_is_made_again_whatever_its_stamp_says(tmp_path: Path) -> None:
    python = executable(tmp_path / "bin" / "python", "")
    stamp.write(tmp_path / "stamp", "1")
    step = Step("env", tmp_path / "stamp", "1", 1, lambda progress: None, lambda: python)
    assert step.done()
    python.unlink()
    assert not step.done()


def test_a_second_set_up_of_the_same_checkout_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(main, "steps", counting(tmp_path, made))
    (tmp_path / ".cache").mkdir()
    progress = quiet()
    with (tmp_path / ".cache" / "setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = threading.Thread(target=main.set_up, args=(Checkout(tmp_path), progress))
        second.start()
        give_up = time.monotonic() + 10
        while "waiting" not in progress.out.getvalue() and time.monotonic() < give_up:  # type: ignore[attr-defined]
            time.sleep(0.01)
        assert made == []
    second.join(10)
    assert made == ["1"]


def test_an_interrupted_set_up_takes_its_child_with_it(tmp_path: Path) -> None:
    seen: list[int] = []

    def interrupt(line: str) -> None:
        seen.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged(["/bin/sh", "-c", "echo $$; exec sleep 60"], os.environ, tmp_path / "log", interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)


def test_a_second_profile_is_set_up_with_what_its_tests_need_and_touches_nothing_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "requirements").symlink_to(ROOT / "requirements")
    (tmp_path / "setup.py").symlink_to(ROOT / "setup.py")
    first, second = (main.steps(Checkout(tmp_path, PROFILES[name])) for name in ("glue-5.1", "glue-6.0"))
    assert [str(step.stamp.relative_to(tmp_path)) for step in second] == [
        ".cache/glue-6.0/.stamp",
        ".cache/glue-6.0/.gluehouse",
        ".cache/glue-6.0/.java",
        ".cache/jars/glue-6.0/.stamp",
    ]
    assert not {step.stamp for step in first} & {step.stamp for step in second}


@pytest.mark.parametrize(("argv", "profile"), [([], "glue-5.1"), (["--profile", "glue-6.0"], "glue-6.0")])
def test_the_set_up_is_that_of_the_profile_that_is_asked_for(
    argv: list[str], profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(main, "set_up", lambda at, progress: asked.append(at.profile.name))
    assert main.main(argv) == 0
    assert asked == [profile]


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (
            SetupError("GH7003", "the disk is full.", "Free some."),
            2,
            "SetupError: GH7003: the disk is full. What to do",
        ),
        (KeyboardInterrupt(), 130, "run the same command again"),
        (PermissionError("no"), 2, "GH7003: no. What to do"),
    ],
)
def test_main_ends_with_a_sentence_and_a_code_never_with_a_traceback(
    raised: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(at: Checkout, progress: Progress) -> None:
        raise raised

    monkeypatch.setattr(main, "set_up", fails)
    assert main.main([]) == code
    assert said in capsys.readouterr().err


def test_a_checkout_that_is_not_set_up_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"GH7009: .* is not set up\. What to do: Run `make setup`"):
        Checkout(tmp_path).java()


def test_progress_in_a_log_is_a_line_now_and_then() -> None:
    out = io.StringIO()
    progress = Progress(out, seconds_between=3600)
    progress.line("jars ...")
    progress.tick("one.jar")
    progress.seconds_between = 0
    progress.tick("two.jar")
    assert out.getvalue() == "setup: jars ...\nsetup:   two.jar\n"


# --- Pins


def names(file: str) -> dict[str, str]:
    listed = (line.lower().replace("_", "-").split("==") for line in pins.modules(ROOT / "requirements" / file))
    return dict(listed)


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_requirement_is_pinned_exactly_and_once(path: Path) -> None:
    assert len(names(path.name)) == len(pins.modules(path)) > 0


def test_a_requirement_that_pins_nothing_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("# comment\na==1\nb>=2\n")
    with pytest.raises(SetupError, match=r"GH7008: x\.txt line 3 is 'b>=2', not name==version"):
        pins.modules(tmp_path / "x.txt")


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.jars")), ids=lambda path: path.name)
def test_every_jar_is_listed_once_in_a_profile_with_s3_and_delta(path: Path) -> None:
    sections = pins.jars(path)
    listed = [(jar.group, jar.artifact) for section in sections.values() for jar in section]
    assert len(set(listed)) == len(listed)
    assert ("org.apache.hadoop", "hadoop-aws") in listed
    assert any(artifact.startswith("delta-spark_") for _, artifact in listed)


def test_a_jar_outside_a_section_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jars").write_text("org.example:thing:1\n")
    with pytest.raises(SetupError, match="GH7008"):
        pins.jars(tmp_path / "x.jars")


def test_the_glue_environment_has_nothing_that_glue_does_not_give() -> None:
    assert not {"pydantic", "pyyaml", "pydeequ", "delta-spark", "click"} & names("glue-5.1.base.txt").keys()


def test_the_gluewheels_bring_nothing_that_glue_already_has() -> None:
    assert not names("glue-5.1.wheels.txt").keys() & names("glue-5.1.base.txt").keys()


def test_the_laptop_tests_with_the_modules_that_are_shipped() -> None:
    laptop = names("glue-5.1.txt")
    for file in ("glue-5.1.wheels.txt", "glue-5.1.lambda-control.txt", "glue-5.1.lambda-transform.txt"):
        assert names(file).items() <= laptop.items(), file


def test_both_profiles_test_with_the_same_modules_of_the_library() -> None:
    shipped = names("glue-5.1.wheels.txt").items() | {(n, v) for n, v in names("glue-5.1.txt").items() if n == "click"}
    assert shipped <= names("glue-6.0.txt").items()


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_spark_and_delta_of_a_profile_are_one_version_in_python_and_java(profile: Profile) -> None:
    modules = names(f"{profile.name}.txt")
    listed = pins.jars(ROOT / "requirements" / f"{profile.name}.jars")
    assert profile_of_spark(modules["pyspark"]) == profile
    assert [jar.version for jar in listed["delta"] if jar.artifact.startswith("delta-spark_")] == [
        modules["delta-spark"]
    ]


def test_setup_py_requires_what_is_pinned() -> None:
    text = (ROOT / "setup.py").read_text("utf-8")
    required = re.findall(r'"([a-z]+)==([^"]+)"', text.split("install_requires", 1)[1].split("]", 1)[0])
    assert set(required) <= names("glue-5.1.wheels.txt").items()
    assert {name for name, _ in required} == {"pydantic", "pydeequ"}


def test_jars_are_fetched_one_by_one_without_what_they_would_pull_in() -> None:
    listed = pins.jars(ROOT / "requirements" / "glue-5.1.jars")
    module = jars.ivy_module(listed)
    assert module.count('transitive="false"') == sum(len(section) for section in listed.values()) > 0
    assert 'name="delta-spark_2.12" rev="3.3.2" conf="delta-&gt;master"' in module


def test_a_mirror_takes_the_place_of_maven_central() -> None:
    assert jars.resolver_options({}) == []
    assert jars.resolver_options({"GLUEHOUSE_MAVEN": "http://mirror/maven"}) == [
        "-Dgluehouse.maven.resolver=mirror",
        "-Dgluehouse.maven.mirror=http://mirror/maven/",
    ]
