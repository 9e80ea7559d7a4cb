"""The cards of the first screen say what the answers say, and draw the intervals."""

import re
from datetime import date

import polars as pl
import pytest

from densing_pipeline.headline import QUOTED_GROWTH
from densing_pipeline.publication.answers import GROWTH, Answer, answers, growth_answer
from densing_pipeline.publication.estimate import Estimate
from densing_pipeline.publication.report import cards, glyphs
from densing_pipeline.trends.growth_rows import (
    Made,
    Sample,
    Subject,
    density_growth,
    estimated,
    refused,
)
from tests.full_release import full_release


@pytest.mark.parametrize(
    ("months", "low", "high", "figure", "interval"),
    [
        (4.1, 3.0, 5.9, "halves every 4.1 months", "3.0 to 5.9 months (95 % interval), as capable as gpt-4"),
        (4.1, 3.0, None, "cannot be told", ""),
        (None, None, None, "cannot be told", ""),
    ],
)  # fmt: skip
def test_the_card_of_the_price_has_the_number_and_its_interval_or_says_that_there_is_none(
    months, low, high, figure, interval
):
    estimate = Estimate("gpt-4", "ok", months, low, high, "")
    given = Answer("price", "Said.", "Rests.", 1, None, None, None, (estimate,))
    made_card = cards.price_card(given)
    assert (made_card.figure, made_card.interval) == (figure, interval)


def test_a_price_without_an_upper_end_is_no_pace_on_its_card():
    estimates = (
        Estimate("gpt-4", "ok", 3.0, 1.0, 9.0, ""),
        Estimate("o1", "ok", 2.7, 0.0, None, ""),
    )
    made_card = cards.price_card(Answer("price", "Said.", "Rests.", 1, None, None, None, estimates))
    assert (made_card.figure, made_card.series, made_card.others) == (
        "halves every 3.0 months",
        "gpt-4",
        (),
    )
    assert made_card.text == "No pace can be told of o1. Rests."


def test_the_card_of_the_price_has_its_curve_and_how_often_its_intervals_hold(tables):
    release = full_release(tables)
    halving = release["price_halving"].with_columns(simulated_coverage=pl.lit(0.97))
    given = cards.cards(answers(release), {**release, "price_halving": halving})
    (price,) = [one for one in given if one.section == "price"]
    assert price.held == "Such intervals held the truth in 97 % of simulated worlds."
    assert price.glyph.startswith("<svg")
    assert price.glyph.count("V") == 2  # two falls after the first price


@pytest.mark.parametrize(
    ("low", "high", "has_dot"), [(0.3, 1.2, True), (-0.3, 1.2, False), (-1.2, -0.3, True)]
)
def test_the_drawing_of_a_pace_has_a_dot_only_where_a_pace_is_told(low, high, has_dot):
    one = Estimate("s, total", "ok", 11.9, None, None, "", growth=(low + high) / 2, growth_low=low, growth_high=high)  # fmt: skip
    drawn = cards.ruler_glyph(one, cards.axis_of([one]))
    assert ("circle" in drawn) is has_dot
    numbers = [float(x) for x in re.findall(r' (?:x|x1|cx)="([^"]+)"', drawn)]
    assert all(0 <= x <= glyphs.WIDTH for x in numbers)


@pytest.mark.parametrize(
    ("growth", "interval", "figure", "ends"),
    [
        (0.7, (0.35, 1.4), "doubles every 11.9 months", "5.9 to 23.8 months"),
        # No doubling time above ten years is given: the upper end is open.
        (0.3, (0.01, 0.6), "doubles every 27.7 months", "at least 13.9 months"),
        (0.03, (0.01, 0.07), "grows slowly", "1.0- to 1.1-fold a year"),
        (0.7, (0.0, 1.4), "no growth shown", "1.0- to 4.1-fold a year"),
        (-0.7, (-1.4, -0.1), "falls", "0.2- to 0.9-fold a year"),
        (None, None, "cannot be told", ""),
    ],
)
def test_the_card_of_a_ruler_says_the_pace_and_the_interval_that_the_sentence_says(
    growth, interval, figure, ends
):
    skills = QUOTED_GROWTH[0]
    subject = Subject(
        skills.ruler, skills.group, skills.population, "total", skills.estimator, skills.window
    )
    sample = Sample(40, 9, date(2023, 5, 1), date(2026, 5, 1), "lab/new")
    made = Made(date(2026, 6, 1), 1000, 1)
    row = (
        refused(subject, sample, made, "families: 2, needed: 5")
        if growth is None
        else estimated(subject, sample, made, growth, interval=interval, narrower=interval)
    )
    answer = growth_answer(density_growth([row]))
    (card,) = cards.ruler_cards(answer)
    assert (card.figure, cards.ends_of(answer.estimates[0])) == (figure, ends)
    assert ends.removesuffix(" months") in answer.text


def test_every_ruler_has_a_card_with_its_doublings_a_year():
    growth = {"growth": 0.7, "growth_low": 0.3465735902799726, "growth_high": 1.3862943611198906}
    estimates = tuple(
        Estimate(f"{name}, {basis}", "ok", 11.9, 6.0, 24.0, "", 9, date(2026, 1, 2), **growth)
        for name in ("skills", "knowledge")
        for basis in ("active", "total")
    )
    found = cards.cards([Answer(GROWTH, "Said.", "Rests.", 9, None, None, None, estimates)])
    assert [one.topic for one in found] == ["Density: skills", "Density: knowledge"]
    assert found[0].interval == "6.0 to 24.0 months by total parameters (95 % interval)"
    assert found[0].text == "It rests on 9 models to 2026-01-02."
    assert [name for name, _ in found[0].others] == ["by active parameters"]
