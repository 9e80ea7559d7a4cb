"""The bytes behind a price are found where they landed, or named as those of the package."""

import gzip
from datetime import UTC, date, datetime

from densing_pipeline.landing import LandingZone
from densing_pipeline.past_prices.evidence import where

DAY = date(2025, 1, 1)


def test_landed_bytes_are_found_by_their_hash(tmp_path):
    zone = LandingZone(tmp_path)
    receipt = zone.store("litellm", "https://example.org", b"{}", datetime(2025, 1, 1, tzinfo=UTC))
    told = where("litellm", receipt.sha256, DAY, tmp_path)
    path = told.removeprefix("received on 2025-01-01, ").removesuffix(" (gzip)")
    with gzip.open(path) as file:
        assert file.read() == b"{}"


def test_other_bytes_are_those_of_the_package(tmp_path):
    other = "0" * 64
    assert where("openrouter", other, DAY, tmp_path).startswith(
        "price_history.parquet of the package"
    )
    assert "the installed package genai-prices" in where("genai-prices", other, DAY, tmp_path)
    assert "fact tables of the package" in where("list-prices", other, DAY, tmp_path)
    assert "fact tables of the package" in where("list-prices", "../../etc", DAY, tmp_path)
