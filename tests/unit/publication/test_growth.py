"""The first sentence: what gets denser, by what count, as far as the intervals can tell."""

import re
from datetime import date

import numpy as np
import pytest

from densing_pipeline import facts
from densing_pipeline.density.knowledge_probes import with_polls
from densing_pipeline.density.size_scale import score_ranges
from densing_pipeline.density.text_ruler import reported_texts, with_bits
from densing_pipeline.headline import QUOTED_GROWTH
from densing_pipeline.publication.answers import growth_answer
from densing_pipeline.publication.growth import quoted_rows
from densing_pipeline.tables.published import BENCHMARK_REPORTS, DENSITIES, MODELS, POOLED_SCORES
from densing_pipeline.trends.benchmark_growth import benchmark_growth
from densing_pipeline.trends.growth_rows import (
    GrowthRow,
    Made,
    Sample,
    Subject,
    density_growth,
    estimated,
    refused,
)
from densing_pipeline.trends.knowledge_growth import knowledge_growth
from densing_pipeline.trends.pooled_rows import pooled_rows
from densing_pipeline.trends.text_growth import text_growth

MADE = Made(date(2026, 6, 1), 1000, 1)
SKILLS, KNOWLEDGE, COMPRESSION = QUOTED_GROWTH
MONTH = 1 / 12
DOUBLES = {"growth": np.log(2) / (6 * MONTH), "interval": (np.log(2), np.log(2) / (3 * MONTH))}
"""A doubling every 6 months, 3 to 12."""
UNSHOWN = {"growth": 0.1, "interval": (-0.1, 0.5)}


def row(quoted=SKILLS, basis="total", growth=0.1, interval=(-0.1, 0.5), **changes) -> GrowthRow:
    subject = Subject(
        quoted.ruler, quoted.group, quoted.population, basis, quoted.estimator, quoted.window
    )
    sample = Sample(40, 9, date(2023, 1, 1), changes.pop("newest", date(2026, 5, 1)), "lab/new")
    made = estimated(subject, sample, MADE, growth, interval=interval, narrower=interval)
    return made | changes


def text(*rows: GrowthRow) -> str:
    return growth_answer(density_growth(rows)).text


def test_each_ruler_says_how_fast_by_which_count_of_which_models_to_which_day():
    said = text(
        row(SKILLS, "total", **DOUBLES),
        row(SKILLS, "active", np.log(2) / (4 * MONTH), (np.log(2) / (8 * MONTH), np.log(2) / (2 * MONTH))),
        row(KNOWLEDGE, "total", **UNSHOWN, newest=date(2026, 4, 1)),
        row(KNOWLEDGE, "active", **DOUBLES, newest=date(2026, 4, 1)),
        row(COMPRESSION, "total", **UNSHOWN, newest=date(2026, 3, 1)),
    )  # fmt: skip
    assert said == (
        f"Density {SKILLS.words} doubles every 6.0 months by total parameters (95 % interval 3.0 to 12.0) "
        "and every 4.0 months by active ones (2.0 to 8.0), on 40 base models to 2026-05-01. Density of "
        "knowledge of obscure facts shows no growth by total parameters (0.9- to 1.6-fold a year) and "
        "doubles every 6.0 months by active ones (3.0 to 12.0), on 40 instruct models to 2026-04-01. "
        "Density by compression of fresh text shows no growth (0.9- to 1.6-fold a year), on 40 dense "
        "base models to 2026-03-01."
    )


@pytest.mark.parametrize(("low", "said"), [(0.001, "doubles"), (0.0, "shows no growth")])
def test_a_growth_not_told_from_zero_is_never_said_as_a_doubling_time(low, said):
    found = text(row(growth=0.3, interval=(low, 0.6)), row(basis="active", **UNSHOWN))
    assert f"benchmarks {said} " in found
    assert ("months" in found) == (said == "doubles")


def test_an_interval_open_at_ten_years_says_at_least():
    found = text(row(growth=0.3, interval=(0.01, 0.6)), row(basis="active", **DOUBLES))
    assert "doubles every 27.7 months by total parameters (95 % interval at least 13.9)" in found


@pytest.mark.parametrize(
    ("growth", "interval", "verb"),
    [(-0.3, (-0.5, -0.06), "falls"), (0.03, (0.01, 0.05), "grows slowly")],
)
def test_a_decline_and_a_growth_too_slow_for_a_doubling_time_are_said_in_folds(
    growth, interval, verb
):
    found = text(row(COMPRESSION, growth=growth, interval=interval))
    ends = "-fold a year" if verb == "grows slowly" else "0.6- to 0.9-fold a year"
    assert re.search(rf"fresh text {verb} \(.*{ends}", found)


def test_two_counts_without_growth_share_a_verb():
    found = text(row(**UNSHOWN), row(basis="active", growth=0.0, interval=(-0.2, 0.2)))
    assert "by total parameters (95 % interval 0.9- to 1.6-fold a year) and by active ones" in found
    assert "ones (0.8- to 1.2-fold a year)" in found
    assert found.count("shows no growth") == 1


def test_what_could_not_be_estimated_is_said_as_unknown():
    subject = Subject(
        SKILLS.ruler, SKILLS.group, SKILLS.population, "active", SKILLS.estimator, SKILLS.window
    )
    lacking = refused(subject, Sample(3, 2, None, None, None), MADE, "families: 2, needed: 5")
    found = growth_answer(density_growth([row(**DOUBLES), lacking]))
    assert "by total parameters (95 % interval 3.0 to 12.0) and is not known by active ones" in (
        found.text
    )
    assert "Density of knowledge of obscure facts is not known." in found.text
    assert [one.verdict for one in found.estimates] == ["insufficient", "ok"]
    assert "families: 2, needed: 5" in found.estimates[0].reason


def test_nothing_estimated_is_one_sentence_too():
    found = growth_answer(density_growth())
    assert found.text.count("is not known") == 3
    assert (found.n, found.newest, found.estimates) == (0, None, ())
    assert found.basis == "It rests on no models."


def test_only_the_quoted_rows_count():
    other = row(**DOUBLES) | {"estimator": "another"}
    assert text(other) == text()


def test_estimates_carry_growth_and_times():
    (found,) = growth_answer(density_growth([row(COMPRESSION, **UNSHOWN)])).estimates
    assert (found.series, found.months, found.high) == ("compression, total", None, None)
    assert found.low == pytest.approx(12 * np.log(2) / 0.5)
    assert (found.growth, found.growth_low, found.growth_high) == (0.1, -0.1, 0.5)
    assert found.reason == "no growth shown"


@pytest.mark.parametrize(("days", "warns"), [(120, False), (121, True)])
def test_rulers_whose_newest_model_is_old_are_named(days, warns):
    newest = date.fromordinal(MADE.as_of.toordinal() - days)
    rows = [row(**DOUBLES), row(KNOWLEDGE, **UNSHOWN, newest=newest), row(COMPRESSION, **UNSHOWN)]
    basis = growth_answer(density_growth(rows)).basis
    warning = f" Warning: the newest model for knowledge is {days} days older than the newest input of {MADE.as_of}."
    assert basis == "The newest model is new." + (warning if warns else "")


def test_one_model_is_not_called_models():
    lone = row(**DOUBLES) | {"n_models": 1}
    assert ", on 1 base model to 2026-05-01." in text(lone, lone | {"params_basis": "active"})


def test_every_quoted_row_is_one_that_is_estimated():
    """Else a changed name would turn an estimate into "is not known"."""
    none = DENSITIES.empty()
    rows = density_growth(
        benchmark_growth(none, {}, as_of=MADE.as_of, draws=50, seed=1),
        text_growth(
            reported_texts(with_bits(facts.load("reported_fresh_text"))), none, {}, draws=50, seed=1
        ),
        knowledge_growth(
            with_polls(facts.load("knowledge_probes"), BENCHMARK_REPORTS.empty()), draws=50, seed=1
        ),
        pooled_rows(
            MODELS.empty(), POOLED_SCORES.empty(), score_ranges(facts.load("reference_coefficients")),
            as_of=MADE.as_of, draws=50, seed=1,
        ),
    )  # fmt: skip
    bases = {quoted.name: set(quoted_rows(rows, quoted)) for quoted in QUOTED_GROWTH}
    both = {"total", "active"}
    assert bases == {"skills": both, "knowledge": both, "compression": {"total"}}
