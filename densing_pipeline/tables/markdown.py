"""Markdown tables, and their insertion between markers in a page.

Not here: the content of the tables.
"""

import re
from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; the first row is the header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def filled(page: str, name: str, text: str) -> str:
    """The page with the text between `<!-- name -->` and `<!-- /name -->` replaced.

    Raises:
        ValueError: the page does not have exactly one such place.
    """
    found, times = re.subn(
        rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)",
        lambda place: f"{place[1]}{text}\n{place[2]}",
        page,
        flags=re.DOTALL,
    )
    if times != 1:
        raise ValueError(f"{times} places named {name} in the page, needed: 1")
    return found
