"""The functions for notebooks and scripts: examples that run, quick import, refused arguments."""

import doctest
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import densing_pipeline
from densing_pipeline import api, facts
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.past_prices.on_day import FutureDayError
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.publication.release import publish
from densing_pipeline.tables.published import PRICE_POLLS
from densing_pipeline.tables.schemas import TableError
from tests.releases import some_provenance

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def release(tables: dict[str, pl.DataFrame], tmp_path: Path) -> Path:
    """A small release with the bundled list prices, the latest of its folder."""
    prices = price_book([listed_prices(facts.load("list_prices"))])
    links = model_links(prices, facts.load("offer_names"), sold_models())
    tables |= {"prices": prices, "model_links": links, "price_polls": PRICE_POLLS.empty()}
    publish(tables, tmp_path, some_provenance())
    return tmp_path


@pytest.mark.heavy
def test_the_examples_of_the_page_run(release, monkeypatch):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(release))
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0


def test_the_examples_in_docstrings_run():
    found = doctest.testmod(api)
    assert found.attempted > 2
    assert found.failed == 0


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys, densing_pipeline; assert 'read' in dir(densing_pipeline); "
        "print([name for name in ('polars', 'numpy', 'scipy', 'dagster') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_density_is_the_laws_own_inverse():
    row = facts.load("reference_coefficients").filter(reference_id="nmi-2025", benchmark="MMLU")
    law = ReferenceLaw.from_row(row.row(0, named=True))
    score = float(law.score(8e9))
    found = api.density(params=4e9, MMLU=score)
    assert found.density == pytest.approx(2, rel=1e-9)
    assert found.effective_params == pytest.approx(8e9, rel=1e-9)
    assert found.low < found.density < found.high


def test_the_name_density_is_function_and_package(monkeypatch):
    from densing_pipeline import density
    from densing_pipeline.density.law import LossLaw

    assert density(4e9, MMLU=0.7) == api.density(4e9, MMLU=0.7)
    assert densing_pipeline.density.law.LossLaw is LossLaw  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"params": 0, "MMLU": 0.7}, "params: 0 is not a positive number"),
        ({"params": float("nan"), "MMLU": 0.7}, "params"),
        ({"params": 4e9, "MMLU": 70}, "MMLU: 70 is not a fraction"),
        ({"params": 4e9}, "scores: none; give MMLU alone, or all of MMLU, BBH"),
        ({"params": 4e9, "MMLU": 0.7, "BBH": 0.5}, "scores: MMLU, BBH; give MMLU alone"),
        ({"params": 4e9, "GPQA": 0.4}, "scores: GPQA"),
    ],
)
def test_arguments_that_make_no_density_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        api.density(**given)


def test_a_law_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(TableError, match="no reference law 'mine': there are nmi-2025"):
        api.density(4e9, MMLU=0.7, law="mine")


def test_a_table_is_read_from_the_latest_release_or_a_given_one(release, monkeypatch, tables):
    assert api.read("models", release / "latest").equals(tables["models"])
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(release))
    assert api.read("models").equals(tables["models"])


def test_a_table_as_of_a_day_is_of_the_newest_release_by_then(tables, tmp_path, monkeypatch):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    for day, seller in ((10, "first"), (20, "second")):
        folder = tmp_path / "releases" / f"2026-01-{day}-abc"
        folder.mkdir(parents=True)
        created = {"created": f"2026-01-{day}T23:30:00+00:00"}
        (folder / "datapackage.json").write_text(json.dumps(created))
        prices = tables["prices"].with_columns(provider=pl.lit(seller))
        prices.write_parquet(folder / "prices.parquet")
    (tmp_path / "releases" / "2026-01-15-damaged").mkdir()
    for day, seller in ((10, "first"), (19, "first"), (20, "second"), (31, "second")):
        found = densing_pipeline.read("prices", as_of=date(2026, 1, day))
        assert found["provider"].to_list() == [seller]
    with pytest.raises(
        TableError, match="no release of 2026-01-09 or before; the oldest there is of 2026-01-10"
    ):
        api.read("prices", as_of=date(2026, 1, 9))
    with pytest.raises(TableError, match="not both"):
        api.read("prices", tmp_path, as_of=date(2026, 1, 9))


@pytest.mark.parametrize(
    "day",
    [datetime(2025, 1, 15, tzinfo=UTC), datetime(2025, 1, 15), "2025-01-15", 0],  # noqa: DTZ001
)
def test_what_is_no_day_is_refused_by_name(day):
    for name, call in {
        "as_of": lambda: api.read("prices", as_of=day),
        "on": lambda: api.price("gpt-4o", day),
        "known": lambda: api.price("gpt-4o", date(2025, 1, 15), known=day),
    }.items():
        with pytest.raises(
            TypeError, match=rf"^{name}: .* is no day: give a datetime.date, in UTC"
        ):
            call()


@pytest.mark.heavy
def test_a_price_of_a_day_to_come_is_nobodys_to_know(release):
    with pytest.raises(FutureDayError, match="'gpt-4o' will cost on 2999-01-01 nobody knows"):
        api.price("gpt-4o", date(2999, 1, 1), release=release / "latest")


def test_a_table_or_release_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TableError, match="no table 'modles': there are models"):
        api.read("modles", tmp_path)
    with pytest.raises(TableError, match="densing run"):
        api.read("models", tmp_path)
    (tmp_path / "models.parquet").write_bytes(b"damaged")
    with pytest.raises(TableError, match="damaged"):
        api.read("models", tmp_path)


def test_prices_that_rise_or_repeat_change_no_record():
    falling = {date(2024, month, 1): 8 / 2**month for month in range(1, 9)}
    disturbed = falling | {date(2024, 5, 15): 9.0, date(2024, 6, 2): falling[date(2024, 6, 1)]}
    assert api.halving(disturbed) == api.halving(falling)


def test_prices_of_three_sellers_over_a_year_carry_an_estimate():
    days = [date(2023, month, 1) for month in range(1, 13)] + [date(2024, 2, 1)]
    prices = pl.DataFrame(
        {
            "date": days,
            "usd_per_mtok": [64 / 2**number for number in range(len(days))],
            "provider": [f"seller {number % 3}" for number in range(len(days))],
        }
    )
    found = api.halving(prices)
    assert found.verdict == "ok"
    assert found.months == pytest.approx(13 / 12, rel=0.05)
    assert found.low <= found.months <= found.high
    as_of = api.halving(prices, as_of=date(2023, 6, 1))
    assert as_of.fold == pytest.approx(2**5)


@pytest.mark.parametrize("prices", [{}, {date(2024, 1, 1): 0.0}, {date(2024, 1, 1): np.nan}])
def test_prices_that_are_no_prices_are_refused(prices):
    with pytest.raises(ValueError, match="prices: at least one"):
        api.halving(prices)


def test_prices_that_do_not_fall_have_no_halving_time():
    found = api.halving({date(2024, 1, 1): 1.0, date(2024, 6, 1): 2.0})
    assert found.months is None
    assert found.n_changes == 0
