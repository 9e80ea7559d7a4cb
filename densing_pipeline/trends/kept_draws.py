"""Finished draws of a simulation that takes hours, so that it continues where it was stopped.

A file has one line of JSON for each draw, appended as soon as it is computed. A line cut off by a kill is
computed again.

Not here: what a draw is, and when kept ones no longer count (`interval_coverage`).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Draw = tuple[str, int]
"""World and number of a draw."""

Values = list[list[Any]]
"""What was computed in one draw: one list for each answer."""


class KeptDraws:
    """The finished draws of one estimate with one seed and one number of resamples."""

    def __init__(self, path: Path) -> None:
        """The draws in a file, which need not exist."""
        self._path = path

    def read(self) -> dict[Draw, Values]:
        """The finished draws."""
        if not self._path.exists():
            return {}
        # A kill in the middle of a line leaves it without its end.
        whole, _, _ = self._path.read_text().rpartition("\n")
        found = (json.loads(line) for line in whole.splitlines())
        return {(one["world"], one["number"]): one["answers"] for one in found}

    def add(self, draws: Mapping[Draw, Values]) -> None:
        """Append finished draws."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"world": world, "number": number, "answers": answers}) + "\n"
            for (world, number), answers in draws.items()
        ]
        with self._path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
            file.write("".join(lines).encode())

    def clear(self, world: str) -> None:
        """Forget the draws of a world."""
        kept = {key: values for key, values in self.read().items() if key[0] != world}
        self._path.unlink(missing_ok=True)
        if kept:
            self.add(kept)
