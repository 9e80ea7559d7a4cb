"""Simulated coverage of published intervals: the committed table is of today's facts and settings."""

import polars as pl
import pytest

from densing_pipeline.tables.published import INTERVAL_COVERAGE
from densing_pipeline.trends import coverage_table
from densing_pipeline.trends import interval_coverage as interval_coverage_module
from densing_pipeline.trends.coverage_table import (
    AVERAGE,
    CURRENT,
    DENSING_LAW,
    POOLED,
    coverage_of,
    interval_coverage,
)
from densing_pipeline.trends.interval_coverage import (
    CANDIDATES,
    Answer,
    Asked,
    _summary,
    answer,
    digest,
    study,
)
from densing_pipeline.trends.worlds import PACE, WORLDS

STEADY, REGIMES = WORLDS[0], WORLDS[-1]


@pytest.mark.parametrize(("estimate", "basis"), CANDIDATES)
def test_the_committed_table_is_of_todays_facts_and_settings(estimate, basis):
    own = interval_coverage().filter(estimate=estimate, params_basis=basis)
    assert set(own["digest"]) == {digest(estimate, basis)}, (
        "models, scores or settings changed: run `densing simulate intervals` and commit its table"
    )


@pytest.mark.parametrize(("estimate", "basis"), CANDIDATES)
def test_the_committed_table_has_every_world(estimate, basis):
    own = interval_coverage().filter(estimate=estimate, params_basis=basis, window="all")
    INTERVAL_COVERAGE.validate(own)
    assert own.filter(truth=AVERAGE)["world"].sort().to_list() == sorted(
        world.name for world in WORLDS
    )
    assert own.filter(truth=CURRENT)["world"].to_list() == [REGIMES.name]
    assert own["worlds"].min() >= 50


def test_the_digest_is_of_the_estimate_and_its_basis():
    assert len({digest(*candidate) for candidate in CANDIDATES}) == len(CANDIDATES)


def test_a_draw_of_a_world_is_the_same_again_and_another_one_differs():
    one, again, other = (
        answer(Asked(DENSING_LAW, "nonembedding", STEADY, number, 30, 1)) for number in (0, 0, 1)
    )
    assert one == again
    assert one[0].slope != other[0].slope
    assert one[0].pace == pytest.approx(PACE)
    assert one[0].wide[0] < one[0].narrow[0] < one[0].slope < one[0].narrow[1] < one[0].wide[1]


def test_a_pooled_estimate_is_made_over_every_window_and_compared_with_the_current_pace_where_it_differs():
    found = answer(Asked(POOLED, "total", REGIMES, 0, 20, 1))
    assert [(one.window, one.truth) for one in found] == [
        (window, truth)
        for window in ("all", "since-2023-02", "last-24-months")
        for truth in (AVERAGE, CURRENT)
    ]
    assert {one.pace for one in found if one.truth == CURRENT} == {0.5 * PACE}


def test_a_missing_interval_is_a_miss():
    held = Answer("all", AVERAGE, 1.0, 1.1, (0.9, 1.3), (1.05, 1.2))
    none = Answer("all", AVERAGE, 1.0, float("nan"), (float("nan"),) * 2, (float("nan"),) * 2)
    found = _summary([held, held, held, none])
    assert (found["coverage"], found["coverage_80"]) == (0.75, 0.0)
    assert found["relative_bias"] == pytest.approx(0.1)
    assert found["relative_width"] == pytest.approx(0.4)
    assert found["coverage_mc_error"] == pytest.approx((4 / 6 * 2 / 6 / 4) ** 0.5)


def test_rows_that_are_simulated_anew_replace_theirs_and_others_stay(tmp_path):
    file = tmp_path / "coverage.csv"
    candidate = [(DENSING_LAW, "nonembedding")]
    first = study(
        worlds=2, draws=30, seed=1, candidates=candidate, names=["stationary", "lognormal"]
    )
    second = study(worlds=3, draws=30, seed=1, candidates=candidate, names=["stationary"])
    coverage_table.save(first, file)
    coverage_table.save(second, file)
    saved = INTERVAL_COVERAGE.cast(pl.read_csv(file))
    assert dict(saved.select("world", "worlds").iter_rows()) == {"stationary": 3, "lognormal": 2}


def test_coverage_of_an_estimate_names_the_world_in_which_it_is_lowest():
    for estimate, basis in CANDIDATES:
        found = coverage_of(estimate, basis, "all")
        own = interval_coverage().filter(estimate=estimate, params_basis=basis, window="all")
        assert found is not None
        assert found.lowest_coverage == own["coverage"].min()
        assert found.lowest_coverage_world.split(" ")[0] in set(own["world"])
    assert coverage_of("pooled", "inference_time", "all") is None


def test_a_study_that_was_stopped_continues_with_its_finished_draws(tmp_path, monkeypatch):
    asked = {
        "draws": 30,
        "seed": 1,
        "candidates": [(DENSING_LAW, "nonembedding")],
        "names": ["lognormal"],
    }
    whole = study(worlds=6, **asked)
    study(worlds=4, **asked, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    # Stopped in the middle of the fourth line.
    file.write_text(file.read_text()[:-20])
    computed = []

    def counted(one):
        computed.append(one.number)
        return answer(one)

    monkeypatch.setattr(interval_coverage_module, "answer", counted)
    assert study(worlds=6, **asked, folder=tmp_path).equals(whole)
    assert computed == [0, 3, 4, 5]


def test_finished_draws_of_other_code_do_not_count(tmp_path):
    asked = {
        "draws": 30,
        "seed": 1,
        "candidates": [(DENSING_LAW, "nonembedding")],
        "names": ["lognormal"],
    }
    whole = study(worlds=2, **asked, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace("0.00", "0.01"))
    assert study(worlds=2, **asked, folder=tmp_path).equals(whole)
