"""Names that docs/glossary.md gives for terms are names of the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "densing_pipeline"


def test_every_name_of_the_glossary_is_in_the_code() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    names = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    words = set(re.findall(r"[\w-]+", code))
    missing = {name for name in names if name not in words and not (PACKAGE / name).exists()}
    assert len(names) > len(rows) / 2
    assert missing == set()
