"""`densing price`: the answer of `price` as a sentence, rows and the bytes behind them."""

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.__main__ import main
from densing_pipeline.prices import bundled
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.tables.published import CAPABILITY_INDEX


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the three tables of the bundled list prices and of two offers of OpenRouter."""
    folder = tmp_path_factory.mktemp("published")
    router = bundled.bundled_prices()["openrouter"].filter(
        pl.col("model").is_in(["openai/o3", "openai/gpt-4o-2024-05-13"])
    )
    prices = price_book([listed_prices(facts.load("list_prices")), router])
    (folder / "latest").mkdir()
    for name, table in {
        "prices": prices,
        "model_links": model_links(prices, facts.load("offer_names"), sold_models()),
        "price_polls": bundled.looks({"openrouter": router}),
        "capability_index": CAPABILITY_INDEX.empty(),
    }.items():
        table.write_parquet(folder / "latest" / f"{name}.parquet")
    return folder


@pytest.fixture
def told(published, monkeypatch, capsys):
    """Runs the command; status and what it printed, white space made even."""
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(published))

    def run(*arguments):
        status = main(["price", *arguments])
        shown = capsys.readouterr()
        return status, " ".join(shown.out.split()), " ".join(shown.err.split())

    return run


def test_the_answer_comes_with_each_offer_and_the_bytes_behind_it(told):
    status, out, err = told("o3", "--on", "2025-06-12")
    assert (status, err) == (0, "")
    assert out.startswith(
        "On 2025-06-12 o3 cost at openai: 2 for input, 8 for output, 0.5 for cached"
    )
    assert "openrouter openai/o3 (openrouter) standard 2 8 seen 2025-06-11" in out
    hashes = [word for word in out.replace(",", " ").split() if len(word) == 64]
    assert len(hashes) == 2
    assert "price_history.parquet of the package" in out


def test_a_price_that_changed_between_looks_is_two_prices(told):
    out = told("o3", "--on", "2025-04-10")[1]
    assert "is not known: no list has a price of that day" in out
    assert "begins on 2025-04-16" in out


def test_offers_without_a_price_that_day_are_told_apart_by_their_kind(told):
    out = told("gemini-1.5-pro", "--on", "2024-05-01")[1]
    standard = "google gemini-1.5-pro (list-prices), begins on 2024-05-30"
    assert f"{standard}; google gemini-1.5-pro (list-prices), above 128,000 tokens, begins" in out


def test_one_seller_alone(told):
    assert "list-prices" not in told("o3", "--on", "2025-06-12", "--seller", "openrouter")[1]
    status, _, err = told("o3", "--on", "2025-06-12", "--seller", "azure")
    assert status == 1
    assert err == "azure does not sell o3; these do: openai, openrouter"


def test_other_names_of_the_model_are_counted_and_shown_with_all(told):
    out = told("gpt-4o", "--on", "2025-01-15")[1]
    assert "1 more offer of openai/gpt-4o under other names: add --all" in out
    assert "gpt-4o-2024-05-13" not in out
    assert "openai/gpt-4o-2024-05-13" in told("gpt-4o", "--on", "2025-01-15", "--all")[1]


def test_a_name_that_nothing_is_sold_under_brings_others(told):
    status, out, err = told("gpt4o", "--on", "2025-01-15")
    assert (status, out) == (1, "")
    assert err.startswith("no price list has a model named 'gpt4o'; did you mean gpt-4o")


def test_a_day_to_come_is_refused_with_the_last_one_that_has_come(told):
    status, out, err = told("o3", "--on", "2999-01-01")
    assert (status, out) == (1, "")
    assert err.startswith("what 'o3' will cost on 2999-01-01 nobody knows: give a day up to 20")


def test_what_is_no_day_is_told_in_plain_words(told):
    assert told("o3", "--on", "yesterday")[2].startswith(
        "Invalid value for '--on': 'yesterday' does not match the formats 'YYYY-MM-DD'"
    )


@pytest.mark.parametrize("arguments", [["o3", "--on", "yesterday"], [], ["o3", "--known", "2025"]])
def test_wrong_arguments_are_status_2(told, arguments):
    assert told(*arguments)[0] == 2


def test_without_a_release_it_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    assert main(["price", "o3"]) == 1
    assert "`densing run` publishes a release" in " ".join(capsys.readouterr().err.split())
