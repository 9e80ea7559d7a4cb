"""A market whose true prices are known, and what five price lists show of it night by night.

Sellers sell models at prices that change from time to time; lists show them, each in its own format and with its
own faults (`Fault`): slips, promotions, changes of unit, vanished variants and columns, missing offers. Not here:
outages and false answers of servers, the nights, and the comparison with the truth (`simulated_nights`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from densing_pipeline.stats.arrays import FloatArray

START = date(2025, 1, 1)
ROUTER = "openrouter"
HOSTS = tuple(f"host-{letter}" for letter in "abcdefgh")
LEVEL_SCORES = (0.6, 0.7, 0.8)
"""Scores of the levels; each model has the score of one of them, and a little more."""

MODELS_PER_LEVEL = 6
OUTPUT_FACTOR = 3
"""Price of output over that of input."""

COVERED = {
    "openrouter": (ROUTER,),
    "litellm": HOSTS,
    "models-dev": HOSTS[:5],
    "genai-prices": HOSTS[2:6],
    "llm-prices": HOSTS[3:6],
}
"""Whose offers each list has. Two sellers are in one list alone; those of the router are copied by others."""

COPYING = ("litellm", "models-dev")
"""Lists that copy the router's prices, some nights late."""

COPIED_AFTER = 3
"""Nights after which a copy follows."""

STALE_FOR = 12
"""Nights for which a copy stays at a promotion that is over."""

BY_HAND = ("litellm", "models-dev")
"""Lists whose slips of unit may stand for weeks."""

ZERO, DIP, RISE = 8 / 633, 3 / 633, 2 / 633
"""Slips a list and night, as seen in 633 nights of OpenRouter's list."""

PROMOTIONS_A_YEAR = 12
"""Promotions of the router."""

CHANGES_A_YEAR = 6
"""Price changes of an offer."""


@dataclass(frozen=True)
class Offer:
    """A model of a seller with its true price on each day.

    Attributes:
        seller: who sells it.
        model: id of the model.
        level: score of the level that the model reaches.
        prices: USD per million tokens of input, shape (days,); nan while it is not sold.
    """

    seller: str
    model: str
    level: float
    prices: FloatArray


@dataclass(frozen=True)
class Fault:
    """What is wrong with a list on the nights from `first` to `last`.

    Attributes:
        kind: name of the fault.
        source: name of the list.
        first: number of the first night.
        last: number of the last one.
        offers: numbers of the offers concerned; empty if all are.
        factor: by which their prices are multiplied.
    """

    kind: str
    source: str
    first: int
    last: int
    offers: frozenset[int] = frozenset()
    factor: float = 1.0


@dataclass(frozen=True)
class World:
    """The offers and what is wrong with the lists.

    Attributes:
        offers: every offer that is sold on some day.
        faults: every fault.
        nights: number of days.
    """

    offers: tuple[Offer, ...]
    faults: tuple[Fault, ...]
    nights: int


def world(nights: int, seed: int) -> World:
    """A market and its faults.

    Args:
        nights: number of days.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    offers = tuple(_offers(nights, rng))
    faults = [*_slips(offers, nights, rng), *_others(offers, nights, rng)]
    return World(offers, tuple(sorted(faults, key=lambda f: (f.first, f.source, f.kind))), nights)


def _offers(nights: int, rng: np.random.Generator) -> Iterator[Offer]:
    for level in LEVEL_SCORES:
        for number in range(MODELS_PER_LEVEL):
            model = f"maker-{number % 3}/sage-{level * 10:.0f}{number}"
            begins = 0 if number < MODELS_PER_LEVEL // 2 else int(rng.integers(nights))
            base = 2.0 * level * 0.8 ** (number + begins / 100) * rng.uniform(0.8, 1.2)
            sellers = [ROUTER, *rng.choice(HOSTS, 4, replace=False)]
            for seller in sellers:
                prices = base * rng.uniform(0.9, 1.3) * _path(nights, rng)
                ends = int(rng.integers(nights)) if rng.random() < 0.15 else nights
                day = np.arange(nights)
                sold = (day >= begins) & ((day < ends) | (ends < begins + 60))
                yield Offer(str(seller), model, level, np.where(sold, _rounded(prices), np.nan))


def _path(nights: int, rng: np.random.Generator) -> FloatArray:
    """A price over its first one: rises are nearly as frequent as cuts."""
    changes = rng.random(nights) < CHANGES_A_YEAR / 365
    factors = rng.choice([0.6, 0.75, 0.85, 0.9, 1.1, 1.2, 1.3], nights)
    path: FloatArray = np.exp(np.cumsum(np.where(changes, np.log(factors), 0.0)))
    return path


def _rounded(prices: FloatArray) -> FloatArray:
    """Four significant digits, as lists state prices."""
    unit = 10.0 ** (np.floor(np.log10(prices)) - 3)
    return np.round(np.round(prices / unit) * unit, 9)


def _slips(offers: Sequence[Offer], nights: int, rng: np.random.Generator) -> Iterator[Fault]:
    """Single prices that are wrong for a night or a few; half of them the cheapest one of a level."""
    for source, sellers in COVERED.items():
        of_list = [n for n, offer in enumerate(offers) if offer.seller in sellers]
        for kind, rate in (("zero", ZERO), ("dip", DIP), ("rise", RISE)):
            for first in np.flatnonzero(rng.random(nights) < rate):
                on_sale = [n for n in of_list if not np.isnan(offers[n].prices[first])]
                if first == 0 or not on_sale:
                    continue
                able = [
                    n for n in on_sale if offers[n].level >= rng.choice(LEVEL_SCORES)
                ] or on_sale
                cheapest = min(able, key=lambda n: float(offers[n].prices[first]))
                which = cheapest if rng.random() < 0.5 else int(rng.choice(on_sale))
                factor = {
                    "zero": 0.0,
                    "dip": float(rng.choice([0.001, 0.01, 0.1, 0.5])),
                    "rise": float(rng.choice([2.0, 10.0, 1000.0])),
                }[kind]
                last = int(first) + int(rng.geometric(0.6)) - 1
                yield Fault(kind, source, int(first), last, frozenset({which}), factor)


def _others(offers: Sequence[Offer], nights: int, rng: np.random.Generator) -> Iterator[Fault]:
    """Faults of more than one price, each at a place of its own in the year."""

    def sometime(length: int) -> tuple[int, int]:
        first = int(rng.integers(1, max(nights - length, 2)))
        return first, first + length - 1

    years = nights / 365
    routed = [n for n, offer in enumerate(offers) if offer.seller == ROUTER]
    for _ in range(max(round(PROMOTIONS_A_YEAR * years), 1)):
        which = frozenset({int(rng.choice(routed))})
        span = sometime(int(rng.integers(3, 13)))
        yield Fault("promotion", ROUTER, *span, which, float(rng.choice([0.1, 0.3, 0.5])))
    for source, sellers in COVERED.items():
        of_list = [n for n, offer in enumerate(offers) if offer.seller in sellers]
        for _ in range(max(round(2 * years), 1)):
            unit = float(rng.choice([0.001, 1000.0]))
            yield Fault("change of unit", source, *sometime(int(rng.integers(1, 6))), factor=unit)
        yield Fault("renamed column", source, *sometime(int(rng.integers(1, 3))))
        few = rng.choice(of_list, min(3, len(of_list)), replace=False)
        yield Fault(
            "missing offers", source, *sometime(int(rng.integers(1, 11))), frozenset(few.tolist())
        )
    yield Fault("vanished variants", ROUTER, *sometime(30))
    # Every seller of this list is in another one as well.
    first = int(rng.integers(nights // 2, nights))
    shared = [n for n, offer in enumerate(offers) if offer.seller in HOSTS[2:4]]
    yield Fault("shrunk for good", "models-dev", first, nights, frozenset(shared))
    for source in BY_HAND:
        seller = HOSTS[4] if source == "models-dev" else HOSTS[5]
        section = frozenset(n for n, offer in enumerate(offers) if offer.seller == seller)
        yield Fault("section in another unit", source, *sometime(min(45, nights // 3)), section, 0.001)  # fmt: skip


def charged(market: World, number: int) -> FloatArray:
    """What an offer costs on each day: its price, and less while the router promotes it. Shape (nights,).

    Args:
        market: the market.
        number: number of the offer.
    """
    prices = market.offers[number].prices.copy()
    for fault in market.faults:
        if fault.kind == "promotion" and number in fault.offers:
            prices[fault.first : fault.last + 1] *= fault.factor
    return prices


def shown(market: World, source: str, night: int) -> dict[int, float]:
    """The prices of input that a list shows on a night, by number of the offer.

    Copies of the router's offers have negative numbers, less one: -1 is a copy of offer 0.
    """
    faults = [f for f in market.faults if f.source == source and f.first <= night <= f.last]
    found = {
        number: price * _factor(faults, number)
        for number, price in _sold(market, COVERED[source], night)
        if not _is_missing(faults, number)
    }
    if source in COPYING:
        found |= _copies(market, night, faults)
    return found


def _sold(market: World, sellers: Sequence[str], night: int) -> Iterator[tuple[int, float]]:
    for number, offer in enumerate(market.offers):
        price = float(offer.prices[night])
        if offer.seller in sellers and not np.isnan(price):
            yield number, price


def _copies(market: World, night: int, faults: Sequence[Fault]) -> dict[int, float]:
    """The router's offers as another list has them: late, and longer at a promotion than the router."""
    seen = max(night - COPIED_AFTER, 0)
    promotions = [
        f for f in market.faults if f.kind == "promotion" and f.first <= seen <= f.last + STALE_FOR
    ]
    return {
        -1 - number: price * _factor(promotions, number) * _factor(faults, None)
        for number, price in _sold(market, (ROUTER,), seen)
    }


def _factor(faults: Sequence[Fault], number: int | None) -> float:
    """Product of the factors of the faults that concern an offer; None asks for those of whole lists."""
    factors = [f.factor for f in faults if not f.offers or number in f.offers]
    return float(np.prod(factors)) if factors else 1.0


def _is_missing(faults: Sequence[Fault], number: int) -> bool:
    return any(
        f.kind in ("missing offers", "shrunk for good") and number in f.offers for f in faults
    )


def document(market: World, source: str, night: int) -> bytes:
    """The list as its server has it on a night."""
    prices = shown(market, source, night)
    kinds = {f.kind for f in market.faults if f.source == source and f.first <= night <= f.last}
    made = {
        "openrouter": _openrouter,
        "litellm": _litellm,
        "models-dev": _models_dev,
        "genai-prices": _genai_prices,
        "llm-prices": _llm_prices,
    }[source](market, prices, night, has_variants="vanished variants" not in kinds)
    text = json.dumps(made, separators=(",", ":"))
    if "renamed column" in kinds:
        for name in ("prompt", "input_cost_per_token", "input_mtok", "input"):
            text = text.replace(f'"{name}":', f'"{name}_renamed":')
    return text.encode()


def _of(market: World, number: int) -> Offer:
    return market.offers[number if number >= 0 else -1 - number]


def _openrouter(
    market: World, prices: dict[int, float], night: int, *, has_variants: bool
) -> object:
    def entry(name: str, price: float) -> dict[str, object]:
        amounts = {"prompt": price / 1e6, "completion": OUTPUT_FACTOR * price / 1e6}
        return {"id": name, "pricing": {key: f"{usd:.18f}" for key, usd in amounts.items()}}

    models = [entry(_of(market, number).model, price) for number, price in prices.items()]
    if has_variants:
        models += [
            entry(f"{_of(market, number).model}:batch", price / 2)
            for number, price in prices.items()
        ]
    return {"data": models}


def _litellm(market: World, prices: dict[int, float], night: int, *, has_variants: bool) -> object:
    return {
        f"{_of(market, number).seller}/{_of(market, number).model}": {
            "litellm_provider": _of(market, number).seller,
            "mode": "chat",
            "input_cost_per_token": price / 1e6,
            "output_cost_per_token": OUTPUT_FACTOR * price / 1e6,
        }
        for number, price in prices.items()
    }


def _models_dev(
    market: World, prices: dict[int, float], night: int, *, has_variants: bool
) -> object:
    found: dict[str, dict[str, object]] = {}
    for number, price in prices.items():
        offer = _of(market, number)
        cost = {"input": price, "output": OUTPUT_FACTOR * price}
        found.setdefault(offer.seller, {})[offer.model] = {
            "id": offer.model, "name": offer.model, "cost": cost,
        }  # fmt: skip
    return {
        seller: {"id": seller, "name": seller, "models": models} for seller, models in found.items()
    }


def _genai_prices(
    market: World, prices: dict[int, float], night: int, *, has_variants: bool
) -> object:
    sellers: dict[str, list[object]] = {}
    for number, price in prices.items():
        offer = market.offers[number]
        steps = _steps(offer, night)
        entries = [
            {
                "constraint": {"start_date": (START + timedelta(days=day)).isoformat()},
                "prices": _mtok(true if day < steps[-1][0] else price),
            }
            for day, true in steps
        ]
        sellers.setdefault(offer.seller, []).append({"id": offer.model, "prices": entries})
    return [{"id": seller, "models": models} for seller, models in sellers.items()]


def _mtok(price: float) -> dict[str, float]:
    return {"input_mtok": price, "output_mtok": OUTPUT_FACTOR * price}


def _llm_prices(
    market: World, prices: dict[int, float], night: int, *, has_variants: bool
) -> object:
    rows = []
    for number, price in prices.items():
        offer = market.offers[number]
        steps = _steps(offer, night)
        ends = [day for day, _ in steps[1:]]
        for (day, true), end in zip(steps, [*ends, None], strict=True):
            now = price if end is None else true
            rows.append(
                {
                    "id": offer.model, "vendor": offer.seller, "name": offer.model,
                    "input": now, "output": OUTPUT_FACTOR * now, "input_cached": None,
                    "from_date": (START + timedelta(days=day)).isoformat(),
                    "to_date": end and (START + timedelta(days=end)).isoformat(),
                }
            )  # fmt: skip
    return {"prices": rows}


def _steps(offer: Offer, night: int) -> list[tuple[int, float]]:
    """The days up to a night on which the true price of an offer changed, with the new prices."""
    prices = offer.prices[: night + 1]
    is_step = np.append(True, prices[1:] != prices[:-1]) & ~np.isnan(prices)
    return [(int(day), float(prices[day])) for day in np.flatnonzero(is_step)]


def levels() -> pl.DataFrame:
    """The levels, with the columns of `capability_levels`."""
    return pl.DataFrame(
        {
            "level": [f"level {score}" for score in LEVEL_SCORES],
            "defined_by": ["reference"] * len(LEVEL_SCORES),
            "benchmark": ["MMLU"] * len(LEVEL_SCORES),
            "score": LEVEL_SCORES,
            "source": ["simulated"] * len(LEVEL_SCORES),
        }
    )


def scores(market: World) -> pl.DataFrame:
    """The scores of the models, which need no interval: each is well above its level and below the next."""
    known = {offer.model: offer.level for offer in market.offers}
    return pl.DataFrame(
        {
            "canonical_id": list(known),
            "benchmark": ["MMLU"] * len(known),
            "protocol": ["5-shot"] * len(known),
            "score": [level + 0.05 for level in known.values()],
            "std_error": [0.001] * len(known),
        }
    )
