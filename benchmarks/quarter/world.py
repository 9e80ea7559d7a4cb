"""What every source says on each night of the quarter: a function of seed and night alone."""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from densing_pipeline.score_sources.sources import SOURCES as SCORE_SOURCES
from tests.servers import hub
from tests.servers.prices import Reply
from tests.unit.score_sources.epoch import archive, members, revised
from tests.unit.score_sources.uncheatable import leaderboard

FIRST = datetime(2027, 1, 1, 2, tzinfo=UTC)
"""Time of the first night: after the newest bundled fact."""

CALM_EVERY = 18
"""On every so many nights, and on the night after, nothing goes wrong."""

OFFERS = 24
"""Offers of made-up models in each list."""

LEAST_SPACING = 22
"""Nights between two changes of an offer: more than the longest outage, so that each of them is seen."""

LISTS = ("openrouter", "litellm", "models-dev", "genai-prices", "llm-prices")

SOLD = {
    "openrouter": ("deepseek/deepseek-chat", "openai/gpt-4o-mini", "meta-llama/llama-3.1-70b-instruct"),
    "litellm": ("deepseek-chat", "gpt-4o-mini"),
}  # fmt: skip
"""Offers of known models, which change on calm nights only: the curves of prices depend on their days."""

HUB_PER_DAY = 12
HUB_HISTORY = 60

EPOCH_MODELS = (
    "Model,Organization,Publication date,Domain,Parameters,Training compute (FLOP),"
    "Training dataset size (total),Model accessibility,Link\n"
)


def is_calm(night: int) -> bool:
    """Whether nothing goes wrong on a night in any run."""
    return night % CALM_EVERY in (0, 1)


@dataclass(frozen=True)
class Offer:
    """An offer of one list.

    Attributes:
        source: the list.
        seller: who sells it.
        model: its name.
        steps: nights from which a price holds, with the price in USD per million tokens.
        ends: the night from which it is gone; None if it stays.
    """

    source: str
    seller: str
    model: str
    steps: tuple[tuple[int, float], ...]
    ends: int | None

    def price(self, night: int) -> float | None:
        """Its price on a night; None if it is not sold."""
        if self.ends is not None and night >= self.ends:
            return None
        held = [price for first, price in self.steps if first <= night]
        return held[-1] if held else None


@dataclass(frozen=True)
class World:
    """The sources of a quarter.

    Attributes:
        nights: number of nights.
        seed: of the random numbers.
        offers: of every list.
    """

    nights: int
    seed: int
    offers: tuple[Offer, ...]

    def replies(self, night: int) -> dict[str, Reply]:
        """Answers of the price lists and score sources on a night, by path."""
        found = {f"/{name}": self._list(name, night) for name in LISTS} | _scores(night)
        return {path: _tagged(body) for path, body in found.items()}

    def hub(self) -> hub.World:
        """The Hub of all nights: ordinary repositories, and a base model every third day."""
        begin = FIRST - timedelta(hours=2)
        simulated = hub.world(self.seed, HUB_PER_DAY, self.nights, HUB_HISTORY, begin)
        rng = random.Random(self.seed)  # noqa: S311
        for day in range(-5, self.nights - 1, 3):
            created = begin + timedelta(days=day, hours=rng.uniform(0, 20))
            simulated.repos.append(hub.base_model(f"lab{day % 9}/Nova-{day + 100}", created))
        return simulated

    def _list(self, source: str, night: int) -> bytes:
        sold = [
            (offer, price)
            for offer in self.offers
            if offer.source == source and (price := offer.price(night)) is not None
        ]
        return json.dumps(_SHAPES[source](sold, night), separators=(",", ":")).encode()


def world(nights: int, seed: int) -> World:
    """The sources of a quarter of so many nights."""
    rng = random.Random(f"offers {seed}")  # noqa: S311
    return World(nights, seed, tuple(_offers(nights, rng)))


def _offers(nights: int, rng: random.Random) -> Iterator[Offer]:
    for source in LISTS:
        for number in range(OFFERS):
            begins = 0 if number % 8 else rng.randrange(nights)
            ends = rng.randrange(nights // 2, nights) if number % 8 == 1 else None
            # Changes come at any time from the start, but never two of an offer within an outage.
            first = (
                begins + LEAST_SPACING + rng.randrange(12)
                if begins
                else rng.randrange(1, LEAST_SPACING + 12)
            )
            last = nights if ends is None else ends - LEAST_SPACING
            steps = [(begins, _rounded(rng.uniform(0.05, 20)))]
            for night in _spaced(first, last, rng):
                steps.append((night, _rounded(steps[-1][1] * rng.choice([0.6, 0.75, 0.9, 1.2]))))
            yield Offer(source, f"seller-{number % 3}", f"maker/m{number}", tuple(steps), ends)
        for model in SOLD.get(source, ()):
            steps = [(0, _rounded(rng.uniform(0.2, 2)))]
            for night in range(CALM_EVERY + 1, nights, CALM_EVERY):
                steps.append((night, _rounded(steps[-1][1] * rng.choice([0.7, 0.8, 0.95, 1.1]))))
            seller = model.partition("/")[0] if "/" in model else "deepseek"
            yield Offer(source, seller, model, tuple(steps), None)


def _spaced(first: int, last: int, rng: random.Random) -> Iterator[int]:
    """Nights from a first one to before a last one, each far enough from the one before."""
    night = first
    while night < last:
        yield night
        night += LEAST_SPACING + rng.randrange(12)


def _rounded(price: float) -> float:
    return float(f"{price:.4g}")


Sold = list[tuple[Offer, float]]
"""Offers on sale with their prices."""


def _openrouter(sold: Sold, night: int) -> Any:
    return {
        "data": [
            {
                "id": offer.model,
                "pricing": {"prompt": f"{usd / 1e6:.15f}", "completion": f"{3 * usd / 1e6:.15f}"},
            }
            for offer, usd in sold
        ]
    }


def _litellm(sold: Sold, night: int) -> Any:
    return {
        f"{offer.seller}/{offer.model}": {
            "litellm_provider": offer.seller,
            "mode": "chat",
            "input_cost_per_token": usd / 1e6,
            "output_cost_per_token": 3 * usd / 1e6,
        }
        for offer, usd in sold
    }


def _models_dev(sold: Sold, night: int) -> Any:
    found: dict[str, dict[str, Any]] = {}
    for offer, usd in sold:
        cost = {"input": usd, "output": 3 * usd}
        found.setdefault(offer.seller, {})[offer.model] = {
            "id": offer.model, "name": offer.model, "cost": cost,
        }  # fmt: skip
    return {name: {"id": name, "name": name, "models": models} for name, models in found.items()}


def _genai_prices(sold: Sold, night: int) -> Any:
    found: dict[str, list[Any]] = {}
    for offer, _ in sold:
        entries = [
            {
                "constraint": {"start_date": _day(first)},
                "prices": {"input_mtok": usd, "output_mtok": 3 * usd},
            }
            for first, usd in offer.steps
            if first <= night
        ]
        found.setdefault(offer.seller, []).append({"id": offer.model, "prices": entries})
    return [{"id": name, "models": models} for name, models in found.items()]


def _llm_prices(sold: Sold, night: int) -> Any:
    rows = []
    for offer, _ in sold:
        steps = [step for step in offer.steps if step[0] <= night]
        ends = [_day(first) for first, _ in steps[1:]]
        for (first, usd), end in zip(steps, [*ends, None], strict=True):
            rows.append(
                {
                    "id": offer.model, "vendor": offer.seller, "name": offer.model, "input": usd,
                    "output": 3 * usd, "input_cached": None, "from_date": _day(first), "to_date": end,
                }
            )  # fmt: skip
    return {"prices": rows}


_SHAPES = {
    "openrouter": _openrouter,
    "litellm": _litellm,
    "models-dev": _models_dev,
    "genai-prices": _genai_prices,
    "llm-prices": _llm_prices,
}


def _scores(night: int) -> Mapping[str, bytes]:
    """Answers of the score sources, each of which changes some time."""
    grown = range(night // 12 + 1)
    board = "".join(
        f"- model_id: maker/base-{n}\n  date: '{date(2025, 1, 1 + n)}'\n  is_post: false\n"
        f"  results:\n    en_pre: {{MMLU: {0.4 + n / 100:.2f}, GSM8K: 0.3}}\n"
        for n in grown
    )
    probes = [
        {
            "model": f"lab-{n}-7b", "vendor": "lab", "accuracy": 0.3, "raw_accuracy": 0.3, "params_B": None,
            "tier_stats": {
                f"T{tier}": {"total": 10, "correct": 3, "wrong": 5, "refusal": 2} for tier in range(1, 8)
            },
        }
        for n in range(night // 30 + 3)
    ]  # fmt: skip
    models = "".join(
        f"Grown-{n},Lab,2026-0{1 + n}-01,Language,{n + 1}e+9,1e+22,1e+12,Open weights (unrestricted),https://example.org\n"
        for n in grown
    )
    log = {"type": "file", "oid": "0" * 40, "path": "data/arc-agi/maker/m/1.json"}
    tree = "/api/every-eval-ever/tree/main/data"
    return {
        "/epoch-benchmarks": archive(members() if night < 37 else revised()),
        "/epoch-eci": SCORE_SOURCES["epoch-eci"].embedded[night >= 50].content(),
        "/epoch-edi": SCORE_SOURCES["epoch-edi"].embedded[0].content(),
        "/epoch-eci-benchmarks": SCORE_SOURCES["epoch-eci-benchmarks"].embedded[0].content(),
        "/epoch-models": (EPOCH_MODELS + models).encode(),
        "/swallow-leaderboard": board.encode(),
        "/ikp": json.dumps(probes).encode(),
        "/uncheatable-eval": leaderboard(),
        tree: b'[{"type": "directory", "oid": "1", "path": "data/arc-agi"}]',
        f"{tree}/arc-agi?recursive=true": json.dumps([log]).encode(),
        f"/every-eval-ever/resolve/main/{log['path']}": _LOG,
    }


_LOG = json.dumps(
    {
        "source_metadata": {"source_name": "ARC Prize"},
        "model_info": {"name": "m", "additional_details": {"model_release_date": "2026-01-02"}},
        "evaluation_results": [
            {
                "metric_config": {"metric_id": "score", "lower_is_better": False, "max_score": 1},
                "score_details": {"score": 0.5},
            },
            {
                "metric_config": {"metric_id": "cost", "metric_unit": "usd"},
                "score_details": {"score": 2.0},
            },
        ],
    }
).encode()


def _tagged(body: bytes) -> Reply:
    return Reply(body, headers={"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'})


def _day(night: int) -> str:
    return (FIRST + timedelta(days=night)).date().isoformat()
