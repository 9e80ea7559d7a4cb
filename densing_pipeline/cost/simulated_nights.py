"""Many nights of a simulated market: are lists that slip, lie and fail told from the prices that were asked?

The lists of `simulated_market` are polled every night, through all the code that polls real ones, from servers
that answer in this process: some nights with an error, half a document or the answer that nothing has changed.
In the end the cheapest curve of each level is compared with that of the true prices, as the published table states
it: a price that no look found on its first day began at some time from `date_earliest` to `date`. `densing simulate
price-nights` prints the result.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import httpx2
import numpy as np
import polars as pl

from densing_pipeline.cost.admission import PERSISTENCE_DAYS
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.cost.simulated_market import (
    COVERED,
    LEVEL_SCORES,
    OUTPUT_FACTOR,
    START,
    World,
    charged,
    document,
    levels,
    scores,
    world,
)
from densing_pipeline.fetch import Limits
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.landed import PollResult
from densing_pipeline.prices import history
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links
from densing_pipeline.prices.poll import poll
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.settings import Settings
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.tables import markdown
from densing_pipeline.tables.published import CAPABILITY_LEVELS

OUTAGE = 0.03
"""Probability that a server fails on a night: with an error, with a page in HTML, or with half a document."""

LIES_A_YEAR = 2
"""Times a year a server says for some nights that nothing has changed, whatever it has; once for long."""

LONGEST_LIE = 20
AHEAD_DAYS = 200
"""Nights of the longest such time, and days by which our clock is ahead on one night."""

COMMON_FACTOR = "change of unit"
"""What a refusal says that is lifted by no number of nights."""

EQUAL = 1e-6
"""Relative difference up to which two prices are equal."""


class Spell(NamedTuple):
    """Nights [first, last) on which a price may have begun already, though no look had found it yet.

    Attributes:
        first: number of the first such night (`date_earliest`).
        last: number of the night from which on the price is known to have held (`date`).
        price: the price.
    """

    first: int
    last: int
    price: float


@dataclass(frozen=True)
class Outcome:
    """What came of the nights.

    Attributes:
        market: the market and its faults.
        results: of every poll, in order.
        curves: by level, the cheapest price of each day, shape (nights,); infinite without an offer.
        may_have_begun: by level, the nights on which a price of the curve may have begun before it was found.
        truth: the same as `curves` of the true prices.
        records: by level, the prices that set a record of the cheapest price so far.
        lies: nights on which servers answered falsely that nothing had changed.
        outages: nights on which they failed.
    """

    market: World
    results: list[PollResult]
    curves: dict[str, FloatArray]
    may_have_begun: dict[str, list[Spell]]
    truth: dict[str, FloatArray]
    records: dict[str, list[tuple[date, float]]]
    lies: int
    outages: int

    @property
    def right(self) -> dict[str, float]:
        """By level, the share of days on which the cheapest price is the true one."""
        return {
            level: float(np.mean(_is_equal(curve, self.truth[level])))
            for level, curve in self.curves.items()
        }

    @property
    def stated(self) -> dict[str, float]:
        """By level, the share of days on which the true price is the cheapest one or may, as stated, have begun by then."""
        return {level: float(np.mean(self._is_stated(level))) for level in self.curves}

    @property
    def false_records(self) -> list[tuple[str, date, float]]:
        """Records at a price that was on no day the true cheapest one, where no other is stated for their day.

        Where a lower price was hidden on that day and found later, the table states that it may have begun by then.
        """
        return [
            (level, day, price)
            for level, steps in self.records.items()
            for day, price in steps
            if not _is_equal(np.array([price]), self.truth[level]).any()
            and not self._is_stated(level)[(day - START).days]
        ]

    def _is_stated(self, level: str) -> BoolArray:
        """On which nights the true price of a level is one that the table states."""
        return is_stated(self.curves[level], self.may_have_begun[level], self.truth[level])

    @property
    def longest_refusal(self) -> dict[str, int]:
        """By list, the most nights on end on which it was refused, but for a common factor."""
        longest: dict[str, int] = dict.fromkeys(COVERED, 0)
        by_list = sorted(self.results, key=lambda result: result.source)
        for source, results in groupby(by_list, key=lambda result: result.source):
            runs = groupby(
                results, key=lambda r: r.outcome == "rejected" and COMMON_FACTOR not in r.message
            )
            lengths = [len(list(run)) for is_refused, run in runs if is_refused]
            longest[source] = max(lengths, default=0)
        return longest


@dataclass
class _Servers:
    """The servers of the lists: what they answer on the night at hand.

    Attributes:
        market: the market.
        rng: source of randomness of outages.
        lying: by list, the nights on which it says that nothing has changed.
        night: number of the night.
        lies: nights on which one lied, so far.
        outages: nights on which one failed, so far.
    """

    market: World
    rng: np.random.Generator
    lying: Mapping[str, BoolArray]
    night: int = 0
    lies: int = 0
    outages: int = 0
    documents: dict[str, bytes] = field(default_factory=dict)

    def begin(self, night: int) -> None:
        """Make the documents of a night."""
        self.night = night
        self.documents = {name: document(self.market, name, night) for name in COVERED}

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to a request for a list, at the path of its name."""
        source = request.url.path.strip("/")
        content = self.documents[source]
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        noon = datetime.combine(START, datetime.min.time(), UTC) + timedelta(self.night, 12 * 3600)
        headers = {"ETag": tag, "Date": format_datetime(noon, usegmt=True)}
        known = request.headers.get("If-None-Match")
        if self.rng.random() < OUTAGE and self.night:
            self.outages += 1
            status, broken = (
                (503, b""), (200, b"<html>busy</html>"), (200, content[: len(content) // 2])
            )[self.rng.integers(3)]  # fmt: skip
            return _response(status, broken, {"Date": headers["Date"]})
        if known == tag or (known and self.lying[source][self.night]):
            self.lies += known != tag
            return _response(304, b"", headers | {"ETag": str(known)})
        return _response(200, content, headers)

    @asynccontextmanager
    async def client(self, limits: Limits) -> AsyncIterator[httpx2.AsyncClient]:
        """A client that asks these servers."""
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer)) as opened:
            yield opened


def _response(status: int, content: bytes, headers: Mapping[str, str]) -> httpx2.Response:
    """An answer that is yet to be read, as one from a network is."""
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(content))


def simulated(nights: int, seed: int = 0) -> Outcome:
    """Poll a simulated market night by night, and compare what comes of it with the truth.

    Args:
        nights: number of nights.
        seed: of the market, its faults and the servers' failures.
    """
    market = world(nights, seed)
    rng = np.random.default_rng([seed, 1])
    servers = _Servers(market, rng, _lying(nights, rng))
    ahead = int(rng.integers(nights // 4, nights))
    with tempfile.TemporaryDirectory() as name:
        addresses = {SOURCES[n].address_setting: f"http://lists.test/{n}" for n in COVERED}
        settings = Settings(
            state_dir=Path(name), poll_attempts=1, openrouter_endpoints=0, accept_shrunk=""
        ).model_copy(update=addresses)
        results = list[PollResult]()
        for night in range(nights):
            servers.begin(night)
            now = _instant(night + (AHEAD_DAYS if night == ahead else 0))
            results += poll(settings, clock=lambda now=now: now, client=servers.client)  # type: ignore[misc]
        zone = LandingZone(settings.landing_dir)
        updates = history.update_all(zone, settings.book_dir, _instant(nights - 1))
        if failed := [update.failure for update in updates.values() if update.failure]:
            raise AssertionError(failed)
        prices = price_book(list(history.histories(settings.book_dir).values()))
        polls = history.polls(settings.book_dir)
    known = sorted({offer.model for offer in market.offers})
    links = model_links(prices, pl.DataFrame(schema=_NO_NAMES), known)
    found = Market(
        prices, links, CAPABILITY_LEVELS.cast(levels()), scores(market), polls,
        START + timedelta(days=nights - 1),
    )  # fmt: skip
    frontier = price_frontier(found, blends=(HEADLINE_BLEND,))
    return Outcome(
        market,
        results,
        {f"level {level}": _daily(frontier, f"level {level}", nights) for level in LEVEL_SCORES},
        {f"level {level}": _spells(frontier, f"level {level}") for level in LEVEL_SCORES},
        {f"level {level}": true_curve(market, level) for level in LEVEL_SCORES},
        {f"level {level}": _records(frontier, f"level {level}") for level in LEVEL_SCORES},
        servers.lies,
        servers.outages,
    )


_NO_NAMES = dict.fromkeys(("provider", "model", "canonical_id"), pl.String)


def _instant(night: int) -> datetime:
    """The time of the poll of a night."""
    return datetime.combine(START, datetime.min.time(), UTC) + timedelta(days=night, hours=2)


def _lying(nights: int, rng: np.random.Generator) -> dict[str, BoolArray]:
    """By list, on which nights its server says that nothing has changed."""
    found: dict[str, BoolArray] = {}
    longest = str(rng.choice(sorted(COVERED)))
    for source in sorted(COVERED):
        lying = np.zeros(nights, dtype=bool)
        for _ in range(max(round(LIES_A_YEAR * nights / 365), 1)):
            first = int(rng.integers(1, nights))
            lying[first : first + int(rng.integers(2, 6))] = True
        if source == longest and nights > 2 * LONGEST_LIE:
            first = int(rng.integers(1, nights - LONGEST_LIE))
            lying[first : first + LONGEST_LIE] = True
        found[source] = lying
    return found


def true_curve(market: World, level: float) -> FloatArray:
    """The cheapest true price of each day, by the rule that an offer counts at what could be paid for 30 days on end.

    Args:
        market: the market.
        level: score of the level.

    Returns:
        Shape (nights,), USD per million tokens of the headline's blend; infinite without an offer.
    """
    blend = HEADLINE_BLEND + (1 - HEADLINE_BLEND) * OUTPUT_FACTOR
    lowest = np.full(market.nights, np.inf)
    for number, offer in enumerate(market.offers):
        if offer.level >= level:
            prices = np.nan_to_num(charged(market, number), nan=np.inf)
            lowest = np.minimum(lowest, blend * _lasting(prices))
    return lowest


def _lasting(prices: FloatArray) -> FloatArray:
    """For each day the lowest price at which, or less, the offer could be had for 30 days around it."""
    found = np.full(len(prices), np.inf)
    for price in np.unique(prices[np.isfinite(prices)])[::-1]:
        ends = np.flatnonzero(np.diff(np.concatenate([[False], prices <= price, [False]])))
        for first, last in ends.reshape(-1, 2):
            if last - first >= PERSISTENCE_DAYS:
                found[first:last] = price
    return found


def _daily(frontier: pl.DataFrame, level: str, nights: int) -> FloatArray:
    """The price of each day from the days on which it changes."""
    steps = frontier.filter(level=level, curve="cheapest_now").sort("date")
    days = pl.DataFrame({"date": [START + timedelta(days=night) for night in range(nights)]})
    joined = days.join_asof(steps.select("date", "usd_per_mtok"), on="date")
    return joined["usd_per_mtok"].fill_null(np.inf).to_numpy()


def _spells(frontier: pl.DataFrame, level: str) -> list[Spell]:
    """The nights on which a price may have begun, though it was found later."""
    steps = frontier.filter(level=level, curve="cheapest_now")
    steps = steps.drop_nulls(["date_earliest", "usd_per_mtok"])
    return [
        Spell(max((earliest - START).days, 0), (day - START).days, price)
        for earliest, day, price in steps.select("date_earliest", "date", "usd_per_mtok").rows()
        if earliest < day
    ]


def is_stated(curve: FloatArray, spells: Sequence[Spell], truth: FloatArray) -> BoolArray:
    """On which nights the true price is one that the table states, of the curve or of a spell. Shape (nights,).

    Args:
        curve: the cheapest price of each night, infinite without an offer, shape (nights,).
        spells: nights on which another price may have held already.
        truth: the true cheapest price of each night, of the same shape.
    """
    found = _is_equal(curve, truth)
    for first, last, price in spells:
        found[first:last] |= _is_equal(np.full(last - first, price), truth[first:last])
    return found


def _records(frontier: pl.DataFrame, level: str) -> list[tuple[date, float]]:
    steps = frontier.filter(level=level, curve="cheapest_ever").drop_nulls("usd_per_mtok")
    return steps.select("date", "usd_per_mtok").rows()


def _is_equal(one: FloatArray, other: FloatArray) -> BoolArray:
    equal: BoolArray = np.isclose(one, other, rtol=EQUAL, atol=0)
    return equal


def tables(outcome: Outcome) -> tuple[str, str]:
    """What was wrong with the lists, and what came of it, as two tables in Markdown."""
    faults = Counter(fault.kind for fault in outcome.market.faults)
    faults |= {
        "failed answers": outcome.outages,
        "false answers that nothing changed": outcome.lies,
    }
    wrong = [["fault", "times"], *([kind, str(n)] for kind, n in sorted(faults.items()))]
    refused = outcome.longest_refusal
    came = [
        ["of the nights", ""],
        *(
            [f"{level}: days on which the cheapest price is the true one", f"{share:.2%}"]
            for level, share in outcome.right.items()
        ),
        *(
            [f"{level}: the same, a price from `date_earliest` on counted as stated", f"{share:.2%}"]
            for level, share in outcome.stated.items()
        ),
        ["records at a price that was never the true one, where no lower one is stated", str(len(outcome.false_records))],
        ["most nights on end on which a list was refused, but for a common factor", str(max(refused.values()))],
    ]  # fmt: skip
    return markdown.table(wrong), markdown.table(came)
