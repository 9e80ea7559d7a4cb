"""What the commands a newcomer is given do, where nothing else would notice a change."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


MAKE = shutil.which("make")


@pytest.mark.skipif(MAKE is None, reason="there is no make")
def test_nights_begun_by_make_dev_ask_the_price_lists_and_the_hub():
    made = subprocess.run(  # noqa: S603
        [str(MAKE), "-n", "dev"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "DENSING_POLL=${DENSING_POLL:-true}" in made.stdout
    assert "DENSING_HUB_POLL=${DENSING_HUB_POLL:-true}" in made.stdout
