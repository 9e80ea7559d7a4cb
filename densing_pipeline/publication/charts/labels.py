"""Which names have room inside a plot: boxes of text in pixels. Not here: what is named, and where."""

from typing import NamedTuple


class Label(NamedTuple):
    """A name inside a plot, in pixels.

    Attributes:
        x: its left end.
        y: its middle.
        width: of the whole name.
        line: height of a line.
    """

    x: float
    y: float
    width: float
    line: float

    def meets(self, other: "Label") -> bool:
        """Whether two names would lie on each other."""
        return (
            abs(self.y - other.y) < self.line
            and self.x < other.x + other.width
            and other.x < self.x + self.width
        )
