"""The worked examples of docs/extending.md, for tests that build what the page describes."""

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def example(before: str) -> str:
    """The first block of code after some text of the page.

    Raises:
        ValueError: the page has the text never or more than once.
    """
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(before)
    if not found or before in rest:
        raise ValueError(f"{PAGE}: {before!r} is needed once")
    return rest.split("```")[1].partition("\n")[2]
