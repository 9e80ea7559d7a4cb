"""A file of dated prices gives the halving time that `price_halving` would, or the reason why not."""

from datetime import date, timedelta

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.cost.fit_prices import fit_prices
from densing_pipeline.own_files.delimited import FileError

START = date(2023, 1, 1)
MONTHS = [START + timedelta(days=61 * step) for step in range(10)]


def written(tmp_path, rows, header="date;price (USD per M tokens);provider"):
    path = tmp_path / "prices.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


def halvings(price="${:.4f}"):
    return [
        f"{day:%d.%m.%Y};{price.format(20 * 0.5**step)};seller {step % 3}"
        for step, day in enumerate(MONTHS)
    ]


def test_a_price_that_halves_every_two_months(tmp_path, capsys):
    path = written(tmp_path, halvings())
    fit = fit_prices(path, draws=100)
    assert fit.estimate["halving_months"] == pytest.approx(2.0, abs=0.01)
    assert main(["fit", str(path), "--draws", "50"]) == 0
    assert "10 prices, their steps resampled 50 times" in capsys.readouterr().out


def test_sellers_count_only_if_the_file_names_them(tmp_path):
    one = [row.rpartition(";")[0] + ";seller" for row in halvings()]
    with pytest.raises(FileError, match=r"1 providers \(3 needed\)"):
        fit_prices(written(tmp_path, one), draws=20)
    unnamed = [row.rpartition(";")[0] for row in halvings()]
    fit = fit_prices(written(tmp_path, unnamed, "date;price"), draws=20)
    assert fit.estimate["reason"].startswith("12 months and 6 changes reached")
    assert "no column provider" in fit.notes[-1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (halvings()[:3], r"no halving time: 4 months \(12 needed\); 2 changes"),
        ([f"{day};5;s" for day in MONTHS], "0 changes"),
        ([*halvings(), "01.01.2025;€3;seller"], "different currencies"),
    ],
)
def test_prices_that_carry_no_estimate_are_refused(tmp_path, rows, message):
    with pytest.raises(FileError, match=message):
        fit_prices(written(tmp_path, rows), draws=20)


def test_a_free_offer_is_left_out_and_said(tmp_path):
    fit = fit_prices(written(tmp_path, [*halvings(), "01.02.2025;$0.00;seller 1"]), draws=20)
    assert "'$0.00' is not positive" in fit.notes[-1]


def test_prices_after_the_last_day_do_not_count(tmp_path):
    path = written(tmp_path, [*halvings(), "01.01.2026;$0.00001;seller 1"])
    known = fit_prices(path, as_of=MONTHS[-1], draws=20)
    assert known.n_prices == 10
    with pytest.raises(FileError, match="none of the 11 prices is from 2020-01-01 or before"):
        fit_prices(path, as_of=date(2020, 1, 1))
