"""docs/operations.md has a row for every setting, and for nothing else."""

import re
from pathlib import Path

from densing_pipeline.settings import variables

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"

OWN = re.compile(r"`(DENSING_\w+|HF_\w+|_\w+)`")


NAMES = {each.name for each in variables()} | {"HF_TOKEN"}
"""The last is read by `huggingface_hub` alone."""


def documented() -> set[str]:
    """Variables that the tables of settings name; `_C` beside `A_B` stands for `A_C`."""
    text = OPERATIONS.read_text(encoding="utf-8")
    settings = text.partition("\n## Settings\n")[2].partition("\n### What does not depend")[0]
    found = set[str]()
    for line in settings.splitlines():
        if line.startswith("| `"):
            first, *others = OWN.findall(line.split("|")[1])
            starts = [first[: mark.start()] for mark in re.finditer("_", first)]
            found |= {first, *(name for name in others if not name.startswith("_"))}
            for short in (name for name in others if name.startswith("_")):
                found |= {f"{start}{short}" for start in starts} & NAMES or {short}
    return found


def test_every_setting_and_nothing_else_is_in_the_tables():
    assert documented() == NAMES
