"""However a document is damaged, a reader gives valid quotes or says that it is unusable."""

import json
import random
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import QUOTE_KEY, QUOTES
from densing_pipeline.tables.columns import COLUMNS

DAY = date(2026, 11, 1)
ROUNDS = 300

PRICING = {
    "prompt": "0.000001",
    "completion": "0.000002",
    "input_cache_read": "0.0000001",
    "discount": 0.5,
    "overrides": [
        {"min_prompt_tokens": 128000, "prompt": "0.000002"},
        {"utc_start": 1630, "utc_end": 30, "prompt": "0.0000005"},
    ],
}
FLAT = {"input_mtok": 1, "output_mtok": {"base": 2, "tiers": [{"start": 200000, "price": 4}]}}
DOCUMENTS: dict[str, Any] = {
    "openrouter": {
        "data": [
            {"id": f"maker/m{n}", "pricing": PRICING, "hugging_face_id": "maker/M"}
            for n in range(4)
        ]
        + [{"id": "~maker/latest", "alias_target": {"slug": "maker/m0"}, "pricing": PRICING}],
        "total_count": 5,
        "links": {"next": None},
    },
    "openrouter-endpoints": {
        "pages": [
            {
                "data": {
                    "id": "maker/m0",
                    "endpoints": [
                        {"tag": f"host{n}", "pricing": PRICING, "quantization": "fp8"}
                        for n in range(4)
                    ],
                }
            }
        ]
    },
    "litellm": {
        f"m{n}": {
            "mode": "chat",
            "litellm_provider": "maker",
            "input_cost_per_token": 1e-06,
            "output_cost_per_token": 2e-06,
            "input_cost_per_token_above_200k_tokens": 2e-06,
            "output_cost_per_token_batches": 1e-06,
            "input_cost_per_token_batches": 5e-07,
            "tiered_pricing": [{"range": [32000, 64000], "input_cost_per_token": 3e-06}],
            "off_peak_pricing": {"input_cost_per_token": 1e-07},
            "deprecation_date": "2026-10-01",
        }
        for n in range(4)
    },
    "models-dev": {
        f"host{n}": {
            "doc": "https://example.org",
            "models": {
                "m": {
                    "cost": {
                        "input": 1,
                        "output": 2,
                        "tiers": [{"input": 2, "tier": {"type": "context", "size": 200000}}],
                    },
                    "modalities": {"output": ["text"]},
                    "experimental": {
                        "modes": {
                            "fast": {
                                "cost": {"input": 6},
                                "provider": {"body": {"speed": "fast"}},
                            }
                        }
                    },
                }
            },
        }
        for n in range(4)
    },
    "genai-prices": [
        {
            "id": "maker",
            "pricing_urls": ["https://example.org"],
            "models": [
                {
                    "id": f"m{n}",
                    "prices": [
                        {"prices": FLAT},
                        {"constraint": {"start_date": "2026-03-01"}, "prices": FLAT},
                        {
                            "constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"},
                            "prices": {"input_mtok": 1},
                        },
                    ],
                    "price_variants": [{"when": {"processing": "batch"}, "prices": FLAT}],
                    "price_comments": "no longer listed",
                }
                for n in range(4)
            ],
        }
    ],
    "llm-prices": {
        "prices": [
            {"id": f"m{n}", "vendor": "a", "name": "M >200k", "input": 1, "output": 2,
             "input_cached": 0.1, "from_date": "2026-01-01", "to_date": None}
            for n in range(4)
        ]
    },
}  # fmt: skip

ODD: list[Any] = [
    None, True, 0, -1, -7, 1e300, 1e-300, 10**400, float("nan"), float("inf"), "", " ", "-1", "NaN",
    "1e9999999", "٣", "0" * 5000, "2026-02-30", "9999-12-31", [], {}, [[]], {"": None}, [None], "\ud800",
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every value in a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node)
    return [
        found
        for key, child in children
        for found in [
            (*path, key),
            *(places(child, (*path, key)) if isinstance(child, dict | list) else []),
        ]
    ]


def damaged(document: Any, rng: random.Random) -> bytes:
    """The document with one to three values replaced, removed or renamed, or cut short."""
    broken = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        found = places(broken)
        if not found:
            break
        *parents, last = rng.choice(found)
        holder = broken
        for key in parents:
            holder = holder[key]
        match rng.randrange(4):
            case 0:
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[f"{last}_renamed"] = holder.pop(last)
            case _:
                holder[last] = rng.choice(ODD)
    content = json.dumps(broken).encode()
    return content[: rng.randrange(len(content))] if rng.random() < 0.1 else content


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_damage_never_becomes_a_wrong_row_or_a_crash(source: str) -> None:
    rng = random.Random(20261101)  # noqa: S311
    assert not SOURCES[source].read(json.dumps(DOCUMENTS[source]).encode(), DAY).quotes.is_empty()
    refused = 0
    for _ in range(ROUNDS):
        content = damaged(DOCUMENTS[source], rng)
        try:
            found = SOURCES[source].read(content, DAY)
        except SnapshotError:
            refused += 1
            continue
        assert found.quotes.schema == QUOTES
        assert not found.quotes.select(QUOTE_KEY).is_duplicated().any()
        assert found.quotes["offer"].is_in(COLUMNS["offer"].allowed).all()
        prices = found.quotes.select(pl.col("^.*_usd_per_mtok$")).unpivot()["value"].drop_nulls()
        assert (prices >= 0).all()
        assert prices.is_finite().all()
        assert found.quarantined["reason"].null_count() == 0
    assert 0 < refused < ROUNDS
