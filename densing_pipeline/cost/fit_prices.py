"""Fit a halving time to a file of dated prices (`densing fit prices PRICES.csv`, or from Python).

Not here: how files are read (`own_files`), and the rules of halving times (`halving`).
"""

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from densing_pipeline.cost.halving import estimate_prices
from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.own_files.effort import usual_draws
from densing_pipeline.own_files.reading import NOTHING_TOLD, Told, read_roles
from densing_pipeline.own_files.roles import LOGARITHMS, Role
from densing_pipeline.tables.width import told_high

DATE = Role(
    "date",
    "the day a price began",
    ("date", "day", "since", "from", "start", "startdate", "validfrom", "effectivedate", "observed"),
    kind="date",
)  # fmt: skip
PRICE = Role(
    "price",
    "the price",
    ("price", "usd", "cost", "usdpermtok", "usdpertoken", "pricepermtok", "pricepertoken", "pricepermillion",
     "usdpermillion", "inputprice", "blendedprice", "dollars", "priceusd"),
    units=LOGARITHMS,
    fillers=("usd", "dollars", "tokens", "token", "mtok", "million", "m", "1m", "input", "blended"),
    is_money=True,
)  # fmt: skip
PROVIDER = Role(
    "provider", "the seller", ("provider", "seller", "vendor", "company"), kind="label"
)  # fmt: skip

ROLES = (DATE, PRICE, PROVIDER)
NEEDED = (("date", "price"),)


class PriceFit(NamedTuple):
    """The halving time of a file of prices.

    Attributes:
        estimate: columns of `price_halving`: fold, halving_months, low, high, n_changes, reason and more.
        n_prices: prices read.
        draws: resamples.
        notes: how the file was read, and what was left out.
    """

    estimate: dict[str, Any]
    n_prices: int
    draws: int
    notes: tuple[str, ...]


def fit_prices(
    path: Path | str,
    *,
    as_of: date | None = None,
    draws: int | None = None,
    seed: int = 0,
    told: Told = NOTHING_TOLD,
) -> PriceFit:
    """Fit the halving time of the cheapest price to a file of dated prices.

    Args:
        path: a delimited file with columns for date and price, all in one unit, and perhaps provider, under
            any of the names of `ROLES`. Only prices below every earlier one count.
        as_of: last day the prices are known for; the day of the last price if None.
        draws: resamples of the price steps; `effort.usual_draws` if None.
        seed: seed of the resamples.
        told: columns and units, where the file does not say them.

    Raises:
        FileError: the file cannot be read, a column is missing or in an unknown unit, or the prices do not
            carry an estimate by the rules of the published ones.
    """
    found = read_roles(Path(path), ROLES, NEEDED, told)
    prices = found.columns.rename({"price": "usd_per_mtok"})
    notes = list(found.notes)
    known = prices if as_of is None else prices.filter(prices["date"] <= as_of)
    if known.is_empty():
        raise FileError(f"{path}: none of the {prices.height} prices is from {as_of} or before")
    has_sellers = "provider" in prices.columns
    if not has_sellers:
        notes.append("no column provider: the rule on the number of sellers is left out")
    draws = draws or usual_draws(known.height)
    estimate = estimate_prices(
        known, as_of=as_of, draws=draws, seed=seed, counts_providers=has_sellers
    )
    if estimate["verdict"] != "ok":
        raise FileError(f"{path}: no halving time: {estimate['reason']}")
    estimate["high"] = told_high(estimate["low"], estimate["high"])
    return PriceFit(estimate, known.height, draws, tuple(notes))
