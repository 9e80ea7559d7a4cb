"""The changelog, whose lines of several branches git joins by itself, has no doubled or torn paragraphs."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

LINES = (Path(__file__).parents[3] / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()

LONG = 40
"""Characters of a line that two paragraphs do not share by chance."""


def test_no_line_stands_twice() -> None:
    assert [line for line, n in Counter(LINES).items() if n > 1 and len(line) >= LONG] == []


def test_no_paragraph_ends_in_the_middle_of_another_one() -> None:
    torn = [
        line
        for before, line in pairwise(LINES)
        if before.endswith(".") and re.match("  [a-z]", line)
    ]
    assert torn == [], "the rest of a paragraph that was moved or reworded on another branch"
