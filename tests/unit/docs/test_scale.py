"""The page about scale says what its program computes."""

import math
from pathlib import Path

import pytest

from benchmarks import capacity

PAGE = (Path(__file__).parents[3] / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_table_is_the_programs():
    assert "\n".join(capacity.rows()) in PAGE


def test_the_numbers_beside_the_table_are_the_programs():
    most = capacity.needs(10_000)
    assert f"{most.download_tb * 8e12 / 86_400 / 1e9:.0f} Gbit/s" in PAGE
    assert f"its {capacity.WAITING_MIB} MiB" in PAGE
    assert f"used {capacity.USED:.0%}".replace("%", " %") in PAGE
    assert math.floor(most.at_once / 50) * 50 == 250
    assert most.items_million / 365 > capacity.needs(1).items_million


def test_twice_the_models_need_twice_the_hours():
    assert capacity.needs(20).gpu_hours == pytest.approx(2 * capacity.needs(10).gpu_hours)
    assert capacity.needs(100).gpus <= 8, "one machine does it, as the page says"
    assert capacity.needs(1_000).at_once <= 32
