"""Announced list prices that must be in the book without a flag; one that is missing points to lost data.

Not here: raising the alarm (`orchestration.checks`).
"""

from dataclasses import asdict, dataclass
from datetime import date

import polars as pl

from densing_pipeline.prices.as_of import holds
from densing_pipeline.prices.comparison import OUT_OF_FRONTIER
from densing_pipeline.prices.names import normal, seller, split

PRICE_TOLERANCE = 1e-3
"""Largest relative difference between two prices that count as equal."""


@dataclass(frozen=True)
class Anchor:
    """A price announced by its seller, and a day on which it was certainly valid."""

    provider: str
    model: str
    day: date
    input_usd_per_mtok: float
    output_usd_per_mtok: float


ANCHORS = (
    Anchor("openai", "text-davinci-003", date(2023, 1, 15), 20, 20),
    Anchor("openai", "gpt-4", date(2023, 6, 1), 30, 60),
    Anchor("openai", "gpt-3.5-turbo-0125", date(2024, 3, 1), 0.5, 1.5),
    Anchor("anthropic", "claude-3-haiku", date(2024, 4, 1), 0.25, 1.25),
    Anchor("anthropic", "claude-3-opus", date(2024, 4, 1), 15, 75),
    Anchor("openai", "gpt-4o-mini", date(2024, 9, 1), 0.15, 0.6),
    Anchor("google", "gemini-2.0-flash", date(2025, 3, 1), 0.1, 0.4),
)
"""Each from the seller's own announcement, as `facts/list_prices.csv` cites it."""


def missing(prices: pl.DataFrame) -> pl.DataFrame:
    """The anchors for which the book has no standard offer at that price.

    Args:
        prices: rows of `prices`.

    Returns:
        The fields of each missing anchor and `found`, the prices the book has instead.
    """
    ordinary = prices.filter(
        pl.col("offer") == "standard",
        pl.col("context_over_tokens") == 0,
        pl.col("observed_to").is_null(),
    )
    lost = []
    for anchor in ANCHORS:
        rows = ordinary.filter(holds(anchor.day))
        sold = [
            seller(provider) == anchor.provider
            and normal(split(provider, model)[1]) == normal(anchor.model)
            for provider, model in rows["provider", "model"].iter_rows()
        ]
        found = rows.filter(pl.Series(sold, dtype=pl.Boolean))
        counts = found.filter(
            pl.col("flag").is_null() | ~pl.col("flag").is_in(OUT_OF_FRONTIER),
            *(
                (pl.col(name) / getattr(anchor, name) - 1).abs() < PRICE_TOLERANCE
                for name in ("input_usd_per_mtok", "output_usd_per_mtok")
            ),
        )
        if counts.is_empty():
            says = "; ".join(
                f"{row['source']} {row['input_usd_per_mtok']} in, {row['output_usd_per_mtok']} out"
                f" ({row['flag'] or 'no flag'})"
                for row in found.to_dicts()
            )
            lost.append(asdict(anchor) | {"found": says or "no price"})
    schema = {
        "provider": pl.String,
        "model": pl.String,
        "day": pl.Date,
        "input_usd_per_mtok": pl.Float64,
        "output_usd_per_mtok": pl.Float64,
        "found": pl.String,
    }
    return pl.DataFrame(lost, schema=schema)
