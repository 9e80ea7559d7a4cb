"""A file of densities gives the trends that `densing_law` would, or the reason why not."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.trends.fit_densities import ESTIMATORS, fit_densities

SLOPE = np.log(2) / 105


@pytest.fixture
def models(tmp_path):
    rng = np.random.default_rng(0)
    days = np.sort(rng.integers(0, 900, 60))
    frame = pl.DataFrame(
        {
            "Release Date": [date(2023, 2, 24) + timedelta(int(day)) for day in days],
            "density": np.exp(-2 + SLOPE * days - rng.exponential(0.5, 60)),
            "organization": [f"lab {number % 12}" for number in range(60)],
        }
    )
    path = tmp_path / "densities.csv"
    frame.write_csv(path, separator=";")
    return path


def test_a_known_doubling_time_lies_in_the_intervals(models):
    fit = fit_densities(models, draws=200)
    assert [trend.estimator for trend in fit.trends] == list(ESTIMATORS)
    assert (fit.n_models, fit.n_families, fit.notes) == (60, 12, ())
    headline = fit.trends[0]
    assert headline.low < 105 < headline.high


def test_effective_and_actual_parameters_make_the_density(models):
    frame = pl.read_csv(models, separator=";")
    other = models.with_name("sizes.csv")
    frame.select(
        date="Release Date",
        effective_params_b=pl.col("density") * 7,
        params=pl.lit("7B"),
        organization="organization",
    ).write_csv(other)
    ours, theirs = (fit_densities(path, draws=20) for path in (models, other))
    assert theirs.trends[0].slope == pytest.approx(ours.trends[0].slope)


def test_a_falling_trend_has_no_doubling_time_and_says_so(models, capsys):
    frame = pl.read_csv(models, separator=";").with_columns(density=1 / pl.col("density"))
    frame.write_csv(models)
    trend = fit_densities(models, draws=50).trends[-1]
    assert (trend.days, trend.low, trend.reason[:21]) == (None, None, "density does not grow")
    assert main(["fit", "densities", str(models), "--draws", "50"]) == 0
    assert "density does not grow" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([f"2024-0{n}-01,1.{n}" for n in range(1, 8)], "models with a density: 7, needed: 8"),
        ([f"2024-0{n}-01,2" for n in range(1, 10)], "all models have the same density"),
        ([f"2024-01-01,1.{n}" for n in range(1, 10)], "release days: 1, needed: 3"),
        ([f"0{n}/0{n + 1}/2024,1.{n}" for n in range(1, 9)], "--dates day-first"),
    ],
)
def test_models_that_carry_no_trend_are_refused(tmp_path, capsys, rows, message):
    path = tmp_path / "few.csv"
    path.write_text("\n".join(["date,density", *rows]))
    with pytest.raises(FileError, match=message):
        fit_densities(path)
    assert main(["fit", "densities", str(path)]) == 1
    assert message in capsys.readouterr().err


def test_dates_before_the_first_models_are_left_out_and_said(models):
    lines = models.read_text().splitlines()
    models.write_text("\n".join([*lines, "2007-01-01;0.5;lab 1"]))
    fit = fit_densities(models, draws=20)
    assert fit.n_models == 60
    assert "1 models left out: their dates are before 2018" in fit.notes


def test_growth_below_twofold_tells_no_doubling_time(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "flat.csv"
    rows = [
        f"{date(2023, 1, 1) + timedelta(days=15 * k)},{np.exp(rng.normal(0, 0.3)):.4f}"
        for k in range(60)
    ]
    path.write_text("date,density\n" + "\n".join(rows) + "\n")
    trends = fit_densities(path, draws=100).trends
    assert all(trend.days is None for trend in trends)
    mean = next(trend for trend in trends if trend.estimator == "ols-all")
    assert mean.slope is not None
    assert "density" in mean.reason
