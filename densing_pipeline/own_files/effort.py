"""How many resamples a file is worth: as many as take seconds."""

MOST_DRAWS, FEWEST_DRAWS = 1000, 200
USUAL_WEIGHTS = 2_000_000
"""Weights of resamples, rows times draws, that take a few seconds on one processor."""


def usual_draws(rows: int) -> int:
    """1,000 resamples, and fewer for over 2,000 rows, but never under 200."""
    return min(MOST_DRAWS, max(FEWEST_DRAWS, USUAL_WEIGHTS // rows))
