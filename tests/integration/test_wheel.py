"""The wheel, built and installed in an environment of its own: what it brings and that it runs a night."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def called(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output of a program that must succeed."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DENSING_", "DAGSTER_", "PYTHONPATH"))
    }
    done = subprocess.run(  # noqa: S603
        list(map(str, arguments)), cwd=cwd, env=clean | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    called(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel unpacked, and the libraries of this one beside it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A .pth in the libraries' folder that points at the checkout is not read: only its path is added.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin" / "python"


def test_the_wheel_installs_one_package_with_assets_schedules_and_dagster_yaml(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "densing_pipeline"
    }
    for name in ("assets/density.py", "schedules/nightly.py", "dagster.yaml", "py.typed"):
        assert f"densing_pipeline/{name}" in names
    assert len(names) == len(set(names))


def test_no_module_imports_assets_or_schedules_by_their_place_in_the_checkout():
    """That name exists in the checkout alone, and a second import would define every asset twice."""
    tracked = called("git", "ls-files", "*.py", cwd=ROOT).splitlines()
    bad = [
        name
        for name in tracked
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(
            ("from assets", "from schedules", "import assets", "import schedules")
        )
    ]
    assert bad == []


def test_the_installed_package_is_the_wheels_and_says_its_version(installed, tmp_path):
    where = "import densing_pipeline; print(densing_pipeline.__file__)"
    assert str(installed.parents[1]) in called(installed, "-c", where, cwd=tmp_path)
    shown = called(installed, "-m", "densing_pipeline", "--version", cwd=tmp_path)
    assert shown.startswith("densing-pipeline ")


@pytest.mark.slow
def test_the_installed_package_runs_a_night_in_an_empty_folder(installed, tmp_path):
    shown = called(
        installed, "-m", "densing_pipeline", "run", cwd=tmp_path, DENSING_BOOTSTRAP_DRAWS="100"
    )
    release = (tmp_path / "published" / "latest").resolve().name
    assert "By the paper's own law, on its models" in " ".join(shown.split())
    assert f"Release {release}: " in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == [".densing", "published"]
    assert (tmp_path / ".densing" / "dagster.yaml").read_bytes() == (
        ROOT / "dagster.yaml"
    ).read_bytes()
    assert (tmp_path / "published" / "latest" / "densing_law.parquet").exists()
