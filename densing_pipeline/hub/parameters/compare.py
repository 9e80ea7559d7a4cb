"""Compare the parameter counts of configuration and files, and explain the difference.

Not here: how the two counts are computed.
"""

from dataclasses import dataclass
from itertools import combinations

from densing_pipeline.hub.parameters.parts import Parts

TOLERANCE = 0.05
"""Largest relative difference left unexplained; counts further apart are quarantined."""

ABOUT = 2
"""Factor up to which what is left may differ from the rough size of a tower of unknown layout."""

LARGE = frozenset(
    {
        "tied head stored twice",
        "extra prediction layers",
        "their embedding and head",
        "vision tower",
    }
)
"""Explanations that may reduce the difference without making the counts exactly equal."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of the comparison of the stored count with that of the configuration.

    Attributes:
        agrees: whether they agree within the tolerance.
        stored: the reading of the file that was compared.
        reason: what explains the difference, and what is left.
    """

    agrees: bool
    stored: int
    reason: str


def compare(parts: Parts, readings: tuple[int, ...], small: dict[str, int]) -> Comparison:
    """Explain the stored count by the model's parameters and tensors stored beside the model.

    Args:
        parts: counts from the configuration.
        readings: possible counts from the file, the likeliest first.
        small: further stored tensors by name (rotary buffers, masks).
    """
    beside = _beside(parts, small)
    for reading in readings:
        names = _exactly(reading - parts.total, beside)
        if names is not None:
            return Comparison(True, reading, _told(reading, parts.total, names, 0))
    if parts.tower_unknown:
        return _with_unknown_tower(parts, readings)
    best = min(
        ((*_nearest(reading - parts.total, beside), reading) for reading in readings),
        key=lambda found: abs(found[0]),
    )
    rest, names, reading = best
    agrees = is_near(rest, parts.total)
    return Comparison(agrees, reading, _told(reading, parts.total, names, rest))


def named(difference: int, parts: Parts, small: dict[str, int]) -> tuple[str, ...]:
    """Tensors stored beside the model that make up a difference to the weight; empty if none do.

    Args:
        difference: what a file holds more than the model has by its configuration.
        parts: counts from the configuration.
        small: further stored tensors by name (rotary buffers, masks).
    """
    return _exactly(difference, _beside(parts, small)) or ()


def is_near(apart: int, counted: int) -> bool:
    """Whether what is left unexplained of a difference is within the tolerance of a count."""
    return abs(apart) <= TOLERANCE * counted


def _beside(parts: Parts, small: dict[str, int]) -> dict[str, int]:
    """Parameters of what a file may hold beside the model, by name; what it has none of is left out."""
    beside = {
        "tied head stored twice": parts.tied_head,
        "extra prediction layers": parts.prediction,
        "their embedding and head": parts.prediction_embedding,
        "vision tower": parts.tower,
        "router buffers": parts.buffers,
        "router buffers of the extra layers": parts.prediction_buffers,
        **small,
    }
    return {name: amount for name, amount in beside.items() if amount}


def _with_unknown_tower(parts: Parts, readings: tuple[int, ...]) -> Comparison:
    """Compare a model with a tower of unknown layout: what is left is explained by that tower alone.

    Whatever else might make up a part of the difference would be a guess.
    """
    about, unknown = parts.tower_about, parts.tower_unknown
    left = [
        (reading - parts.total - tower, ("vision tower",) if tower else (), reading)
        for tower in sorted({parts.tower, 0}, reverse=True)
        for reading in readings
    ]
    for rest, names, reading in left:
        if about / ABOUT <= rest <= about * ABOUT:
            told = _told(reading, parts.total, names, rest).removesuffix(" unexplained")
            return Comparison(True, reading, f"{told}, about the size of {unknown}: {about}")
    rest, names, reading = min(left, key=lambda found: abs(found[0]))
    told = _told(reading, parts.total, names, rest)
    agrees = is_near(rest, parts.total)
    return Comparison(agrees, reading, f"{told}; the size of {unknown} is not known")


def _subsets(beside: dict[str, int]) -> list[tuple[str, ...]]:
    return [names for size in range(len(beside) + 1) for names in combinations(beside, size)]


def _exactly(difference: int, beside: dict[str, int]) -> tuple[str, ...] | None:
    """The smallest set of explanations that adds up to the difference."""
    for names in _subsets(beside):
        if sum(beside[name] for name in names) == difference:
            return names
    return None


def _nearest(difference: int, beside: dict[str, int]) -> tuple[int, tuple[str, ...]]:
    large = {name: amount for name, amount in beside.items() if name in LARGE}
    return min(
        ((difference - sum(large[name] for name in names), names) for names in _subsets(large)),
        key=lambda found: (abs(found[0]), len(found[1])),
    )


def _told(stored: int, counted: int, names: tuple[str, ...], rest: int) -> str:
    text = f"configuration {counted}, file {stored}"
    if names:
        text += ", explained by " + ", ".join(names)
    if rest:
        text += f"; {rest:+d} ({rest / counted:+.2%}) unexplained"
    elif not names:
        text += ", equal"
    return text
