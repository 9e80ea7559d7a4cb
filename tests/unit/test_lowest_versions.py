"""`make test-lowest` tests with the lowest versions that pyproject.toml allows, not with older ones."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = [
    Requirement(text)
    for text in PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
]
LOCKED = dict(
    re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / "environments" / "lowest.txt").read_text(), re.M)
)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.name)
def test_the_lowest_version_allowed_is_the_one_tested(requirement: Requirement) -> None:
    bounds = [each.version for each in requirement.specifier if each.operator in (">=", "==")]
    assert len(bounds) == 1, "every requirement has a lower bound"
    lowest, tested = Version(bounds[0]).release, Version(LOCKED[requirement.name]).release
    assert tested[: len(lowest)] == lowest, "run make lowest-lock"
