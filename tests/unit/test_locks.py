"""The locks can be installed elsewhere: they hold no wheel that only the machine that made them has."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from densing_pipeline.evaluation import prerequisites

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "environments").glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text(encoding="utf-8")))


def gpu_lock(python: str) -> Path:
    return ROOT / "environments" / f"cuda-{python}.txt"


PYTHONS = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["ci"]["strategy"][
    "matrix"
]["python"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_has_a_local_version(lock: Path) -> None:
    """Such as torch 2.13.0+cpu: built for one machine, and on no index."""
    assert [f"{name}=={version}" for name, version in pins(lock).items() if "+" in version] == []
    assert "file://" not in lock.read_text(encoding="utf-8")


def test_the_lock_of_this_project_has_no_local_version() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert re.findall(r'^version = ".*\+.*"', text, re.MULTILINE) == []


def test_there_is_a_gpu_lock_for_every_python_of_ci_with_one_engine() -> None:
    assert [gpu_lock(each).is_file() for each in PYTHONS] == [True] * 3
    engines = {
        tuple(pins(gpu_lock(each))[name] for name in ("vllm", "torch", "triton", "transformers"))
        for each in PYTHONS
    }
    assert len(engines) == 1, "scores of another engine are never combined"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_gpu_lock_is_for_the_cuda_that_the_driver_is_asked_for(python: str) -> None:
    found = pins(gpu_lock(python))
    assert found["nvidia-cuda-runtime"].startswith("13.0."), "CUDA 13.0 needs driver 580"
    assert prerequisites.LEAST_DRIVER == 580
    assert {"nvidia-cublas", "nvidia-nccl-cu13", "nvidia-cudnn-cu13"} <= found.keys()


def test_the_bill_of_materials_lists_what_the_package_installs_with_hashes(tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["make", "sbom", f"UV={uv}"], cwd=tmp_path, check=True, capture_output=True)  # noqa: S603, S607
    told = json.loads((tmp_path / "dist" / "densing-pipeline.cdx.json").read_text())
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    listed = {each["name"]: each for each in told["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for lines in project["optional-dependencies"].values() for each in lines]
    direct = {re.split(r"[\[<>=]", each)[0] for each in [*project["dependencies"], *extras]}
    assert direct <= set(listed)
    assert "pytest" not in listed, "what only development needs is not installed"
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    versions = {(each["name"], each["version"]) for each in locked}
    assert {(name, each["version"]) for name, each in listed.items()} <= versions
    files = [file for each in listed.values() for file in each.get("externalReferences", [])]
    assert files
    assert all(file["hashes"] for file in files)
