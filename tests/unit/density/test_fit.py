"""Any file of training runs can be fitted in one call."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.density.fit import fit_file
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.law import LossLaw
from densing_pipeline.own_files.reading import Told

CASES = Path(__file__).parents[4] / "shared" / "cases" / "stats"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="recorded cases not there")

TRUE = LossLaw(482.0, 0.348, 2085.4, 0.366, 1.817)


@pytest.fixture
def runs(tmp_path):
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(5e7), np.log(1.6e10), 150))
    d = np.exp(rng.uniform(np.log(1e18), np.log(3e21), 150)) / 6 / n
    loss = TRUE.loss(n, d) * np.exp(0.005 * rng.normal(size=150))
    path = tmp_path / "runs.csv"
    pl.DataFrame({"N": n, "D": d, "loss": loss}).write_csv(path)
    return path


def test_the_law_behind_a_file_lies_in_its_intervals(runs):
    fit = fit_file(runs, irreducible=True, objective="huber_log", draws=300)
    for name in ("a", "alpha", "b", "beta", "irreducible"):
        low, high = fit.intervals[name]
        assert low < getattr(TRUE, name) < high, name


def test_no_end_of_a_coefficient_is_negative(runs, tmp_path):
    """Draws of b are magnitudes apart for nine noisy runs: widened on its own scale, the lower end would be -39."""
    path = tmp_path / "noisy.csv"
    frame = pl.read_csv(runs)
    noise = np.exp(0.05 * np.random.default_rng(1).normal(size=150))
    loss = TRUE.loss(frame["N"], frame["D"]) * noise
    frame.with_columns(loss=pl.Series(loss)).head(9).write_csv(path)
    fit = fit_file(path, draws=60)
    low, high = fit.intervals["b"]
    assert 0 < low < fit.minima[0].law.b < high


def test_compute_stands_in_for_tokens(runs, tmp_path):
    path = tmp_path / "flop.csv"
    pl.read_csv(runs).select(
        pl.col("N").alias("Model Size"),
        (6 * pl.col("N") * pl.col("D")).alias("Training FLOP"),
        "loss",
    ).write_csv(path)
    ours, other = (fit_file(each, irreducible=True, draws=20) for each in (runs, path))
    assert other.minima[0].law.alpha == pytest.approx(ours.minima[0].law.alpha, rel=1e-5)


def test_checkpoints_of_one_run_are_resampled_together(runs, tmp_path):
    path = tmp_path / "checkpoints.csv"
    frame = pl.read_csv(runs)
    checkpoints = [
        frame.with_columns(run=pl.int_range(150), D=pl.col("D") * (1 + step / 1e6))
        for step in range(3)
    ]
    pl.concat(checkpoints).write_csv(path)
    once, thrice = (fit_file(each, irreducible=True, draws=200) for each in (runs, path))
    assert (thrice.n_points, thrice.n_runs) == (450, 150)
    widths = [fit.intervals["alpha"][1] - fit.intervals["alpha"][0] for fit in (once, thrice)]
    assert widths[1] == pytest.approx(widths[0], rel=0.3)


def test_the_command_prints_coefficients_and_intervals(runs, capsys):
    assert main(["fit", "losses", str(runs), "--irreducible", "--draws", "50"]) == 0
    printed = capsys.readouterr().out
    assert "alpha" in printed
    assert "150 runs resampled 50 times" in printed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (pl.all().head(3), "3 points cannot determine the law: 8 are needed"),
        (pl.lit(2.5).alias("loss"), "every loss is 2.5"),
        ((20 * pl.col("N")).alias("D"), r"tokens go with size \(D = k N\^1.00"),
        ((pl.col("N") ** 0.5 * 1e6).alias("D"), r"D = k N\^0.50"),
        (pl.lit(1e9).alias("N"), "1 different sizes fix no exponent"),
        ((pl.int_range(150) // 75).alias("run"), "2 training runs carry no interval"),
        ((6 - pl.col("loss")).alias("loss"), "no minimum of the loss law"),
    ],
)
def test_points_that_do_not_determine_the_law_are_refused(runs, tmp_path, capsys, changed, message):
    path = tmp_path / "bad.csv"
    frame = pl.read_csv(runs)
    (frame.head(3) if "3 points" in message else frame.with_columns(changed)).write_csv(path)
    with pytest.raises(FitError, match=message):
        fit_file(path)
    assert main(["fit", "losses", str(path)]) == 1
    printed = capsys.readouterr()
    assert re.search(message, printed.err)
    assert not printed.out


@pytest.mark.parametrize(
    ("points", "message"),
    [(9, "9 points cannot determine the law: 10 are needed"), (10, "resamples have a minimum")],
)
def test_five_coefficients_take_more_points_than_four(runs, points, message):
    path = runs.with_name("few.csv")
    pl.read_csv(runs).head(points).write_csv(path)
    with pytest.raises(FitError, match=message):
        fit_file(path, irreducible=True, draws=50)
    assert fit_file(path, draws=50).n_points == points


def test_many_points_have_fewer_resamples(runs, tmp_path):
    path = tmp_path / "many.csv"
    frame = pl.read_csv(runs)
    copies = [frame.with_columns(D=pl.col("D") * (1 + k / 1e6)) for k in range(20)]
    pl.concat(copies).write_csv(path)
    fit = fit_file(path)
    assert (fit.n_points, fit.draws) == (3000, 666)
    assert fit.minima[0].law.alpha == pytest.approx(fit_file(runs).minima[0].law.alpha, rel=1e-3)


def test_a_file_in_place_of_the_command_is_fitted_by_its_columns(runs, capsys):
    assert main(["fit", str(runs), "--draws", "20"]) == 0
    assert "150 runs resampled 20 times" in capsys.readouterr().out
    other = runs.with_name("other.csv")
    other.write_text("who,what\n1,2\n")
    assert main(["fit", str(other)]) == 1
    assert "losses (N, D, loss), densities (date, density)" in capsys.readouterr().err
    assert main(["fit", "losess"]) == 2


@pytest.mark.shared
@needs_cases
@pytest.mark.parametrize(
    "name", ["semicolon", "perplexity", "othernames", "d_and_flop", "chin240_billions", "logs"]
)
def test_the_240_published_points_give_the_documented_law_in_every_form(name):
    units = {
        "chin240_billions": {"params": "billions", "tokens": "billions"},
        "logs": {"params": "ln", "tokens": "ln", "loss": "ln"},
    }.get(name, {})
    path = CASES / f"{name}.csv"
    fit = fit_file(path, irreducible=True, objective="huber_log", told=Told(units=units))
    law = fit.minima[0].law
    assert [f"{law.a:.1f}", f"{law.alpha:.4f}"] == ["477.8", "0.3473"]
    assert [f"{law.b:.0f}", f"{law.beta:.4f}", f"{law.irreducible:.3f}"] == [
        "2143", "0.3672", "1.817"
    ]  # fmt: skip
    assert [round(end) for end in fit.intervals["a"]] == [285, 718]
    assert [round(end) for end in fit.intervals["b"]] == [1050, 5838]


CASE_RESULTS = {
    "chin240_billions": "Say the unit, --unit params=",
    "collinear": "the terms of N and D cannot be told apart",
    "constant_loss": "every loss is 2.5",
    "d_and_flop": "C (the training compute C) is not read, for tokens is there",
    "empty": "no rows below the header",
    "logs": "Say the unit, --unit params=",
    "null_loss": "1 of 240 rows left out: line 9",
    "othernames": "240 points, 240 runs",
    "perplexity": "read as the loss L in perplexity",
    "semicolon": "240 points, 240 runs",
    "six_rows": "6 points cannot determine the law",
    "suffix": "240 points, 240 runs",
    "three_rows": "3 points cannot determine the law",
    "two_losses": "say which, --column loss=loss",
    "two_runs": "2 training runs carry no interval",
}
"""What the command says of each recorded case."""


@pytest.mark.shared
@needs_cases
def test_every_recorded_case_has_a_result_here():
    assert {path.stem for path in CASES.glob("*.csv")} == set(CASE_RESULTS)


@pytest.mark.shared
@needs_cases
@pytest.mark.parametrize(("name", "said"), CASE_RESULTS.items())
def test_a_recorded_case_is_fitted_or_refused_with_the_reason(name, said, capsys):
    refused = main(["fit", "losses", str(CASES / f"{name}.csv"), "--draws", "20"])
    printed = capsys.readouterr()
    assert said in " ".join((printed.err if refused else printed.out + printed.err).split())
    assert bool(printed.out) is not bool(refused)
