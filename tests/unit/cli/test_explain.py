"""`densing explain`: prices, halving times and growth, as trees down to the raw bytes."""

import re
from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.__main__ import main
from densing_pipeline.evaluation.reported_scores import scores as bundled_scores
from densing_pipeline.hub import bundled as hub
from densing_pipeline.prices import bundled
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    CAPABILITY_INDEX,
    CAPABILITY_LEVELS,
    CLAIMED_SCORES,
    DENSITY_GROWTH,
    POOLED_SCORES,
    PRICE_FRONTIER,
    PRICE_HALVING,
    RULER_DENSITIES,
)
from tests.conftest import one_row

RAW = re.compile(r"raw bytes: sha256 [0-9a-f]{64}, \S+")
MODEL = "allenai/Olmo-3-1025-7B"
O3 = date(2025, 6, 10)


def changed(table, **values):
    """The one row of a table with other values."""
    return table.cast(one_row(table).with_columns(**{n: pl.lit(v) for n, v in values.items()}))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the tables that the three trees are made from: bundled prices and scores, few estimates."""
    folder = tmp_path_factory.mktemp("published")
    prices = price_book([listed_prices(facts.load("list_prices"))])
    growth = {
        "params_basis": "total",
        "verdict": "ok",
        "n_models": 5,
        "newest_release": date(2026, 6, 1),
    }
    fresh = facts.load("reported_fresh_text").filter(model_id=MODEL).row(0, named=True)
    names = ("reported_scores", "nmi_models", "base_models", "score_documents")
    halving = {
        "level": "o3",
        "is_headline": True,
        "blend_input_share": 0.75,
        "curve": "cheapest_ever",
    }
    tables = {
        "prices": prices,
        "model_links": model_links(prices, facts.load("offer_names"), sold_models()),
        "price_polls": bundled.looks({}),
        "capability_index": CAPABILITY_INDEX.empty(),
        "price_halving": changed(
            PRICE_HALVING, **halving, window_start=date(2025, 1, 1), window_end=date(2026, 1, 1)
        ),
        "price_frontier": changed(
            PRICE_FRONTIER, level="o3", blend_input_share=0.75, curve="cheapest_ever", date=O3,
            usd_per_mtok=3.5, provider="openai", model="o3", source="list-prices",
        ),
        "capability_levels": changed(CAPABILITY_LEVELS, level="o3", score=0.9, benchmark="MMLU"),
        "density_growth": pl.concat(
            [
                changed(DENSITY_GROWTH, ruler="size-lines", group="MMLU", is_headline=True, **growth),
                changed(DENSITY_GROWTH, ruler="fresh-text-qwen2.5", group="fresh-text", is_headline=False, **growth),
            ]
        ),
        "ruler_densities": changed(
            RULER_DENSITIES, ruler="fresh-text-qwen2.5", group="fresh-text", params_basis="total",
            model_id=MODEL, release_date=date(2025, 11, 20), bits_per_byte=0.6, source_url=fresh["source_url"],
        ),
        "models": hub.models(facts.load("base_models"), facts.load("nmi_models")),
        "scores": bundled_scores(*map(facts.load, names)),
        "pooled_scores": changed(POOLED_SCORES, model_id="01-ai/Yi-1.5-34B", benchmark="MMLU"),
        "benchmark_reports": BENCHMARK_REPORTS.empty(),
        "claimed_scores": CLAIMED_SCORES.empty(),
    }  # fmt: skip
    (folder / "latest").mkdir()
    for name, table in tables.items():
        table.write_parquet(folder / "latest" / f"{name}.parquet")
    return folder


@pytest.fixture
def told(published, monkeypatch, capsys):
    """Runs the command; status, the statements it printed, and its errors, white space made even."""
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(published))
    monkeypatch.setenv("COLUMNS", "1000")

    def run(*arguments):
        status = main(["explain", *arguments])
        shown = capsys.readouterr()
        lines = [line.lstrip("│├└─ ").rstrip() for line in shown.out.splitlines()]
        return status, lines, " ".join(shown.err.split())

    return run


def test_prices_of_a_day_each_have_their_source_and_raw_bytes(told):
    status, lines, _ = told("prices", "o3", "--on", "2025-06-12")
    assert status == 0
    assert lines[0].startswith("On 2025-06-12 o3 cost at openai: 2 for input, 8 for output")
    at = next(
        i
        for i, line in enumerate(lines)
        if line.startswith("openai o3 (list-prices), standard: input 2")
    )
    assert lines[at + 1].startswith("source: https://")
    assert RAW.match(lines[at + 2])


def test_a_halving_time_rests_on_prices_each_with_the_row_of_its_own_days(told, published):
    status, lines, _ = told("halvings", "o3")
    assert status == 0
    assert lines[0].startswith("o3: halving time ")
    assert "level o3: MMLU 0.9" in lines[1]
    at = next(
        i
        for i, line in enumerate(lines)
        if line.startswith("2025-06-10: 3.5 USD per million tokens")
    )
    row = pl.read_parquet(published / "latest" / "prices.parquet").filter(
        model="o3", input_usd_per_mtok=2.0, valid_from=O3
    )
    assert row["snapshot_sha256"][0] in lines[at + 1]


def test_growth_rests_on_models_with_their_scores_and_bytes(told):
    status, lines, _ = told("growth")
    assert status == 0
    assert lines[0].startswith("size-lines, MMLU, total parameters")
    at = next(
        i for i, line in enumerate(lines) if line.startswith("01-ai/Yi-1.5-34B, released 2024")
    )
    text = " ".join(lines[at:])
    assert re.search(
        r"\[pooled_scores\] MMLU 0\.\d+, 5-shot .*? \[scores\].*? raw bytes: sha256 [0-9a-f]{64}, ",
        text,
    )


def test_growth_on_another_ruler_is_found_by_its_group_alone(told):
    _, lines, _ = told("growth", "--group", "fresh-text")
    assert lines[0].startswith("fresh-text-qwen2.5, fresh-text")
    assert re.search(RAW.pattern + r".* facts/reported_fresh_text\.csv", " ".join(lines))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("prices", "no-such-model"), "no-such-model"),
        (("halvings", "gpt-9"), "no level 'gpt-9': there are o3"),
        (("halvings", "o3", "--share", "0.5"), "share of input of 0.5: there are 0.75"),
        (
            ("growth", "mine"),
            "no growth with ruler 'mine': there are fresh-text-qwen2.5 and size-lines",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(told, given, what):
    status, lines, err = told(*given)
    assert (status, lines) == (1, [])
    assert what in err
