"""Every row of docs/reliability.md names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FAULTS = PAGE.partition("## Faults")[2].partition("\n## ")[0]


def test_every_row_of_faults_names_its_tests():
    rows = [line for line in FAULTS.splitlines() if line.startswith("| ")]
    rows = [line for line in rows if not line.startswith("| fault |")]
    assert len(rows) > 20
    assert [line for line in rows if not NAMED.search(line)] == []


def test_every_named_test_exists():
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall(PAGE)
        if not (ROOT / path).is_file() or f"\ndef {name}(" not in (ROOT / path).read_text("utf-8")
    ]
    assert missing == []


def test_every_row_has_what_is_seen_and_what_to_do():
    rows = [line.split(" | ") for line in FAULTS.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {4}
    assert all(cell.strip(" |") for row in rows for cell in row)
