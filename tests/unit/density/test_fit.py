"""Any file of training runs can be fitted in one call."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.density.fit import fit_file
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.law import LossLaw

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
    pl.concat([frame.with_columns(run=pl.int_range(150))] * 3).write_csv(path)
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
    ("content", "message"),
    [
        ("N,loss\n1,2\n", "needs the columns N, D"),
        ("N,D,loss\n1e9,1e10,2.5\n1e9,,2.5\n", "line 3, D: None is not a positive number"),
        ("N,D,loss\n1e9,1e10,NaN\n", "line 2, loss"),
        ("N,D,loss\n1e9,1e10,2.5\n2e9,1e10,2.4\n", "2 points cannot determine the loss law"),
        ("", "not a readable CSV"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path, capsys, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(FitError, match=message):
        fit_file(path)
    assert main(["fit", "losses", str(path)]) == 1
    assert message in capsys.readouterr().err
