"""What a release holds, and that the same sources are the same release."""

from __future__ import annotations

import io
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from gluehouse.errors import SetupError
from gluehouse_local import packaging, wheelhouse
from gluehouse_local.packaging import Release
from gluehouse_local.setup.main import Checkout
from gluehouse_local.setup.progress import Progress
from gluehouse_local.zips import read_zip, write_zip

ROOT = Path(__file__).parents[2]
JAR = "org.example:rules:1.0"


def quiet() -> Progress:
    return Progress(io.StringIO())


def a_wheel(folder: Path, name: str, files: dict[str, bytes] | None = None) -> None:
    about = {f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()}
    tags = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content = {**about, f"{name}-1.0.dist-info/WHEEL": tags, f"{name}-1.0.dist-info/RECORD": b"", **(files or {})}
    write_zip(folder / f"{name}-1.0-py3-none-any.whl", content)


def a_checkout(root: Path, registry: Path) -> Path:
    """Our setup.py over a few small modules, with wheels and jars that need no network."""
    lib = root / "lib"
    for package in ("gluehouse", "gluehouse/spec", "airports", "gluehouse_local"):
        (lib / package).mkdir(parents=True)
        (lib / package / "__init__.py").write_text('__version__ = "3.2.1"\n')
    (lib / "gluehouse" / "py.typed").touch()
    for file in ("jobs/lambda/validate_input.py", "jobs/glue/publish.py", *packaging.STACK):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("# something\n")
    for file in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copyfile(ROOT / file, root / file)
    (root / "build" / "lib" / "gluehouse").mkdir(parents=True)
    (root / "build" / "lib" / "gluehouse" / "removed_last_year.py").touch()
    requirements = root / "requirements"
    requirements.mkdir()
    (requirements / "glue-5.1.wheels.txt").write_text("rules==1.0\n")
    (requirements / "glue-5.1.warehouses.txt").write_text("drivers==1.0\n")
    (requirements / "glue-5.1.lambda-control.txt").write_text("models==1.0\n")
    (requirements / "glue-5.1.lambda-transform.txt").write_text("models==1.0\npyarrow==1.0\n")
    (requirements / "glue-5.1.jars").write_text(f"[base]\norg.example:spark:1\n[extra]\n{JAR}\n")
    at = Checkout(root)
    (at.jars / "extra").mkdir(parents=True)
    (at.jars / "extra" / "rules-1.0.jar").write_bytes(b"jar")
    a_wheel(registry, "rules")
    a_wheel(registry, "drivers")
    a_wheel(registry, "models", {"models/__init__.py": b""})
    arrow = {"pyarrow/__init__.py": b"", "pyarrow/tests/big.py": b"x", "pyarrow/include/a.h": b"x"}
    a_wheel(registry, "pyarrow", {**arrow, "pyarrow/libarrow_flight.so.1": b"x", "pyarrow/libarrow.so.1": b"x"})
    return root


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_checkout(tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def release(checkout: Path) -> Release:
    registry = next(checkout.parent.glob("registry*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(registry))
        return packaging.build(checkout, quiet())


def inside(path: Path) -> set[str]:
    return {name for name, _ in read_zip(path)}


def test_a_release_is_named_after_its_wheels_version_and_its_content(release: Release) -> None:
    assert re.fullmatch(r"3\.2\.1-[0-9a-f]{12}", release.name)
    assert release.folder.name == release.name


def test_a_release_holds_what_the_code_bucket_gets(release: Release) -> None:
    assert release.files == (
        "deploy/template.yaml",
        "jars/rules-1.0.jar",
        "jobs/glue/publish.py",
        "lambda/control.zip",
        "lambda/transform.zip",
        "statemachines/pipeline.asl.json",
        "wheels/gluehouse.gluewheels.zip",
        "wheels/warehouses.gluewheels.zip",
    )
    assert all((release.folder / file).is_file() for file in release.files)


def test_the_gluewheels_zip_holds_our_wheel_its_modules_and_their_pins(release: Release) -> None:
    content = dict(read_zip(release.folder / "wheels" / "gluehouse.gluewheels.zip"))
    assert sorted(content) == [
        "wheels/gluehouse-3.2.1-py3-none-any.whl",
        "wheels/requirements.txt",
        "wheels/rules-1.0-py3-none-any.whl",
    ]
    assert content["wheels/requirements.txt"] == b"gluehouse==3.2.1\nrules==1.0\n"


def test_the_warehouses_zip_has_the_drivers_beside_all_of_the_other(release: Release) -> None:
    one, other = (dict(read_zip(release.folder / f"wheels/{n}.gluewheels.zip")) for n in ("gluehouse", "warehouses"))
    assert sorted(set(other) - set(one)) == ["wheels/drivers-1.0-py3-none-any.whl"]
    assert other["wheels/requirements.txt"] == one["wheels/requirements.txt"] + b"drivers==1.0\n"


def test_our_wheel_has_the_library_and_the_example_but_not_the_laptops_aws(release: Release) -> None:
    content = dict(read_zip(release.folder / "wheels" / "gluehouse.gluewheels.zip"))
    with zipfile.ZipFile(io.BytesIO(content["wheels/gluehouse-3.2.1-py3-none-any.whl"])) as wheel:
        packed = set(wheel.namelist())
    assert {"gluehouse/spec/__init__.py", "gluehouse/py.typed", "airports/__init__.py"} <= packed
    assert not [name for name in packed if "gluehouse_local" in name or "removed_last_year" in name]


def test_a_lambda_zip_has_handlers_at_its_root_our_packages_and_its_modules(release: Release) -> None:
    control = inside(release.folder / "lambda" / "control.zip")
    assert {"validate_input.py", "gluehouse/spec/__init__.py", "models/__init__.py"} <= control
    assert not [name for name in control if name.startswith(("pyarrow", "gluehouse_local", "rules"))]


def test_the_transform_lambda_has_pyarrow_without_what_no_lambda_imports(release: Release) -> None:
    transform = inside(release.folder / "lambda" / "transform.zip")
    assert {"validate_input.py", "models/__init__.py", "pyarrow/__init__.py", "pyarrow/libarrow.so.1"} <= transform
    assert not {"pyarrow/tests/big.py", "pyarrow/include/a.h", "pyarrow/libarrow_flight.so.1"} & transform


def test_an_unchanged_checkout_is_not_built_again(release: Release, checkout: Path) -> None:
    progress = quiet()
    before = [(release.folder / file).stat().st_mtime_ns for file in release.files]
    assert packaging.build(checkout, progress) == release
    assert progress.out.getvalue() == ""  # type: ignore[attr-defined]
    assert [(release.folder / file).stat().st_mtime_ns for file in release.files] == before


@pytest.mark.parametrize(
    "changed", ["lib/gluehouse/spec/__init__.py", "jobs/lambda/validate_input.py", "requirements/glue-5.1.jars"]
)
def test_any_change_of_what_is_shipped_is_another_release(release: Release, checkout: Path, changed: str) -> None:
    path = checkout / changed
    original = path.read_text()
    try:
        path.write_text(original + "# changed\n")
        assert packaging.release_name(Checkout(checkout), wheelhouse.platforms(False)) != release.name
    finally:
        path.write_text(original)


def test_a_change_of_the_laptops_aws_is_the_same_release(release: Release, checkout: Path) -> None:
    (checkout / "lib" / "gluehouse_local" / "demo.py").write_text("x = 1\n")
    assert packaging.release_name(Checkout(checkout), wheelhouse.platforms(False)) == release.name


def test_a_build_that_fails_leaves_no_release(
    checkout: Path, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    pins = checkout / "requirements" / "glue-5.1.wheels.txt"
    monkeypatch.setattr(wheelhouse, "build", lambda *given: next(release.folder.glob("wheels/*.zip")))
    try:
        pins.write_text("absent==1.0\n")
        with pytest.raises(SetupError, match=r"GH7004: .*absent==1\.0"):
            packaging.build(checkout, quiet())
    finally:
        pins.write_text("rules==1.0\n")
    assert [path.name for path in release.folder.parent.iterdir()] == [release.name]


def test_a_checkout_without_its_jars_says_what_to_run(checkout: Path, release: Release, tmp_path: Path) -> None:
    jar = Checkout(checkout).jars / "extra" / "rules-1.0.jar"
    jar.rename(tmp_path / "away.jar")
    try:
        with pytest.raises(SetupError, match=r"GH7009: .*rules-1\.0\.jar is missing\. What to do: Run `make setup`"):
            packaging._jars(Checkout(checkout), tmp_path)
    finally:
        (tmp_path / "away.jar").rename(jar)


def test_only_the_last_releases_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"1.0-{number}" / "wheels").mkdir(parents=True)
    packaging._forget_old(tmp_path)
    assert len(list(tmp_path.iterdir())) == packaging.KEEP


def test_a_zip_is_the_same_bytes_whatever_the_order_and_the_hour(tmp_path: Path) -> None:
    one = write_zip(tmp_path / "one.zip", {"b": b"2", "a": b"1"}).read_bytes()
    assert write_zip(tmp_path / "two.zip", {"a": b"1", "b": b"2"}).read_bytes() == one
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert [(entry.filename, entry.date_time[0]) for entry in archive.infolist()] == [("a", 1980), ("b", 1980)]


def test_a_zip_on_top_of_another_has_both_and_never_a_name_twice(tmp_path: Path) -> None:
    base = write_zip(tmp_path / "base.zip", {"module.py": b"1"})
    assert inside(write_zip(tmp_path / "all.zip", {"handler.py": b"2"}, base)) == {"module.py", "handler.py"}
    with pytest.raises(ValueError, match=r"module\.py is already in"):
        write_zip(tmp_path / "twice.zip", {"module.py": b"3"}, base)


def test_aws_gets_linux_wheels_whatever_machine_packs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert wheelhouse.platforms(for_aws=True) == wheelhouse.AWS
    assert wheelhouse.platforms(for_aws=False) == ()
