"""A small made-up document of each price list, which tests serve and damage."""

from typing import Any

_PRICING = {
    "prompt": "0.000001",
    "completion": "0.000002",
    "input_cache_read": "0.0000001",
    "discount": 0.5,
    "overrides": [
        {"min_prompt_tokens": 128000, "prompt": "0.000002"},
        {"utc_start": 1630, "utc_end": 30, "prompt": "0.0000005"},
    ],
}
_FLAT = {"input_mtok": 1, "output_mtok": {"base": 2, "tiers": [{"start": 200000, "price": 4}]}}
DOCUMENTS: dict[str, Any] = {
    "openrouter": {
        "data": [
            {"id": f"maker/m{n}", "pricing": _PRICING, "hugging_face_id": "maker/M"}
            for n in range(4)
        ]
        + [{"id": "~maker/latest", "alias_target": {"slug": "maker/m0"}, "pricing": _PRICING}],
        "total_count": 5,
        "links": {"next": None},
    },
    "openrouter-endpoints": {
        "pages": [
            {
                "data": {
                    "id": "maker/m0",
                    "endpoints": [
                        {"tag": f"host{n}", "pricing": _PRICING, "quantization": "fp8"}
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
            "off_peak_pricing": {"hours_utc": "16:00-00:00", "input_cost_per_token": 1e-07},
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
                        {"prices": _FLAT},
                        {"constraint": {"start_date": "2026-03-01"}, "prices": _FLAT},
                        {
                            "constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"},
                            "prices": {"input_mtok": 1},
                        },
                    ],
                    "price_variants": [{"when": {"processing": "batch"}, "prices": _FLAT}],
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
"""By the name of the source; at least one price in each."""
