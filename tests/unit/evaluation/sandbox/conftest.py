"""The machine's own sandbox: these tests run real programs in it."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from densing_pipeline.evaluation.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox as it comes."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("needs bubblewrap: install the package bubblewrap")
    tried = subprocess.run(  # noqa: S603 - a path found by which
        [bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"needs namespaces, which this machine refuses: {tried.stderr.strip()}")
    return open_sandbox("bubblewrap", workers=2)


@pytest.fixture(scope="session")
def impatient(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose programs have half a second."""
    return replace(sandbox, seconds=0.5)
