"""Samples: their order, their estimates of the whole, and when they are large enough."""

import math
from collections import Counter

import numpy as np
import pytest

from densing_pipeline.benchmarks import AVERAGED, ITEMS
from densing_pipeline.evaluation import sampling

SIZES = {"small": 20, "middle": 100, "large": 880}


def questions() -> tuple[list[str], list[str]]:
    subjects = [name for name, size in SIZES.items() for _ in range(size)]
    return [f"q{number}" for number in range(len(subjects))], subjects


def test_every_beginning_of_the_order_is_spread_over_the_subjects() -> None:
    ids, subjects = questions()
    order = sampling.order(ids, subjects, "MMLU")
    assert sorted(order) == list(range(1000))
    for n in (10, 100, 333, 999):
        asked = Counter(subjects[place] for place in order[:n])
        assert all(abs(asked[name] - n * size / 1000) <= 1 for name, size in SIZES.items())


def test_the_order_is_that_of_the_questions_whatever_their_place_in_the_data() -> None:
    ids, subjects = questions()
    order = sampling.order(ids, subjects, "MMLU")
    turned = sampling.order(ids[::-1], subjects[::-1], "MMLU")
    assert [ids[place] for place in order] == [ids[::-1][place] for place in turned]
    assert order != sampling.order(ids, subjects, "BBH")
    assert order != sampling.order(ids, subjects, "MMLU", seed=1)


def test_the_first_round_has_two_questions_of_each_subject() -> None:
    ids, subjects = questions()
    in_order = [subjects[place] for place in sampling.order(ids, subjects, "MMLU")]
    first = sampling.first_size(in_order)
    assert first == sampling.FIRST
    rare = ["one", *["many"] * 399, "two", "two"]
    assert sampling.first_size(rare) == len(rare)
    assert sampling.first_size(["a", "b"]) == 2


def test_estimates_are_unbiased_and_their_errors_are_those_of_repeated_samples() -> None:
    """1,000 questions whose subjects differ; the error has the finite-population correction."""
    ids, subjects = questions()
    rng = np.random.default_rng(7)
    chance = {"small": 0.1, "middle": 0.9, "large": 0.5}
    scores = (rng.random(1000) < [chance[name] for name in subjects]).astype(float)
    found = []
    for seed in range(400):
        order = sampling.order(ids, subjects, "MMLU", seed=seed)[:300]
        found.append(sampling.estimate(scores[order], [subjects[n] for n in order], SIZES))
    off = np.array([each.score for each in found]) - scores.mean()
    typical = float(np.mean([each.error for each in found]))
    assert abs(off.mean()) < 4 * typical / math.sqrt(400)
    assert off.std() == pytest.approx(typical, rel=0.1)
    # Without the correction it would be larger by 1 / sqrt(1 - 300 / 1000).
    assert typical == pytest.approx(found[0].spread * math.sqrt(0.7 / 300), rel=0.05)


@pytest.mark.parametrize("share", [0.0025, 0.01, 0.99])
def test_intervals_of_samples_with_few_right_or_wrong_answers_hold_the_score(share: float) -> None:
    """A first sample of 200 may have no right answer where the benchmark has some."""
    scores = (np.arange(4000) < share * 4000).astype(float)
    rng = np.random.default_rng(3)
    found = [
        sampling.estimate(rng.permutation(scores)[:200], [""] * 200, {"": 4000}) for _ in range(300)
    ]
    assert min(each.error for each in found) > 0
    assert np.mean([abs(each.score - share) <= 1.96 * each.error for each in found]) > 0.93


def test_the_spread_of_ten_right_answers_is_their_own() -> None:
    def spread(right: int) -> float:
        scores = [1.0] * right + [0.0] * (200 - right)
        return sampling.estimate(scores, [""] * 200, {"": 4000}).spread

    assert spread(0) == pytest.approx(math.sqrt(2 / 204 * 202 / 204))
    assert spread(9) == pytest.approx(
        math.sqrt(11 / 204 * 193 / 204 + 9 * 191 / 200 / 199 - 9 * 191 / 200**2)
    )
    assert spread(10) == pytest.approx(math.sqrt(10 * 190 / 200 / 199))
    assert spread(10) == pytest.approx(spread(190))
    assert spread(9) == pytest.approx(spread(191))


def test_all_questions_have_no_error_and_weight_one() -> None:
    _, subjects = questions()
    scores = np.arange(1000) % 2
    found = sampling.estimate(scores, subjects, SIZES)
    assert found.score == pytest.approx(scores.mean())
    assert found.error == 0
    assert sampling.weights(subjects, SIZES) == [1.0] * 1000
    assert sampling.weights(["small", "large", "large"], SIZES) == [20, 440, 440]


@pytest.mark.parametrize("benchmark", ["MMLU", "BBH", "MATH", "HumanEval", "MBPP"])
@pytest.mark.parametrize("score", [0.3, 0.5, 0.8])
def test_the_slope_is_that_of_the_law(benchmark: str, score: float) -> None:
    law = sampling._laws()[benchmark]
    near, _ = law.effective_params([score - 1e-6, score + 1e-6])
    assert sampling.slope(law, score) == pytest.approx(np.log(near[1] / near[0]) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("score", [0.0, 0.2, 1.0])
def test_no_error_is_small_enough_at_the_floor_and_the_ceiling(score: float) -> None:
    assert sampling.largest_error("MMLU", score, 0.15) == 0
    assert not sampling.is_enough("MMLU", sampling.Estimate(score, 1e-9, 0.4), 0.15)
    assert sampling.next_size("MMLU", sampling.Estimate(score, 0.01, 0.4), 200, 14042, 0.15) == 800
    assert (
        sampling.next_size("MMLU", sampling.Estimate(score, 0.01, 0.4), 9000, 14042, 0.15) == 14042
    )


def test_a_sample_grows_to_what_its_estimate_asks_for() -> None:
    found = sampling.Estimate(0.6, 0.03, 0.48)
    allowed = sampling.largest_error("MMLU", 0.6, 0.15)
    size = sampling.next_size("MMLU", found, 500, 14042, 0.15)
    reached = 0.48 * math.sqrt(1 / size - 1 / 14042)
    assert 0.9 * allowed < reached <= allowed
    assert sampling.is_enough("MMLU", sampling.Estimate(0.6, allowed, 0.48), 0.15)
    assert not sampling.is_enough("MMLU", sampling.Estimate(0.6, allowed * 1.01, 0.48), 0.15)
    assert sampling.next_size("MMLU", found, 100, 14042, 0.15) == 100 * sampling.GROWTH


def halfway(**changed: sampling.Progress) -> dict[str, sampling.Progress]:
    """200 questions of each benchmark of the average are answered, 60 % of them rightly."""
    found = sampling.Estimate(0.6, 0.49 / math.sqrt(200), 0.49)
    return {name: sampling.Progress(found, 200, ITEMS[name]) for name in AVERAGED} | changed


def error(samples: dict[str, sampling.Progress], sizes: dict[str, int]) -> float:
    """Standard error of the average once so many questions are asked."""
    asked = {name: sizes.get(name, each.asked) for name, each in samples.items()}
    squares = [
        each.found.spread**2 * (1 / asked[name] - 1 / each.size) for name, each in samples.items()
    ]
    return math.sqrt(sum(squares)) / len(squares)


WHOLE = sampling.Progress(sampling.Estimate(0.6, 0, 0.49), 164, 164)


def test_the_benchmarks_of_the_average_are_enlarged_until_the_average_is_known() -> None:
    samples = halfway(HumanEval=WHOLE)
    sizes = sampling.next_sizes(samples, 0.1, AVERAGED)
    allowed = sampling.largest_error("AVERAGE", 0.6, 0.1)
    assert 0.9 * allowed < error(samples, sizes) <= allowed
    # Alike in spread and tokens, alike in number; MBPP has no more, and HumanEval is whole.
    assert sizes == {
        "MMLU": sizes["BBH"], "BBH": sizes["BBH"], "MATH": sizes["BBH"], "MBPP": min(500, sizes["BBH"])
    }  # fmt: skip
    known = sampling.next_sizes(samples, 0.3, AVERAGED)
    assert known == {}
    assert sum(sizes.values()) < sum(
        sampling.next_sizes(samples, 0.1, ["MMLU", "BBH", "MATH", "MBPP"]).values()
    )


def test_of_costly_questions_fewer_are_asked() -> None:
    alike = sampling.next_sizes(halfway(HumanEval=WHOLE), 0.1, AVERAGED)
    found = sampling.Estimate(0.6, 0.49 / math.sqrt(200), 0.49)
    costly = halfway(HumanEval=WHOLE, MATH=sampling.Progress(found, 200, 5000, tokens=4))
    sizes = sampling.next_sizes(costly, 0.1, AVERAGED)
    assert sizes["MATH"] == pytest.approx(sizes["MMLU"] / 2, abs=1)
    assert sizes["MATH"] < alike["MATH"] < sizes["MMLU"]
    allowed = sampling.largest_error("AVERAGE", 0.6, 0.1)
    assert 0.9 * allowed < error(costly, sizes) <= allowed


def test_a_round_of_the_average_is_no_more_than_growth_allows_and_asks_none_twice() -> None:
    wide = halfway(HumanEval=WHOLE)
    assert set(sampling.next_sizes(wide, 0.01, AVERAGED).values()) == {500, 800}
    low = sampling.Estimate(0.05, 0.01, 0.2)
    floor = {
        name: sampling.Progress(low, 200, ITEMS[name]) for name in AVERAGED if name != "HumanEval"
    }
    assert sampling.next_sizes(floor, 0.9, AVERAGED) == {
        "MMLU": 800, "BBH": 800, "MATH": 800, "MBPP": 500
    }  # fmt: skip
    whole = {
        name: sampling.Progress(sampling.Estimate(0.05, 0, 0.2), ITEMS[name], ITEMS[name])
        for name in AVERAGED
    }
    assert sampling.next_sizes(whole, 0.01, AVERAGED) == {}


def test_other_benchmarks_are_enlarged_by_themselves() -> None:
    found = sampling.Estimate(0.6, 0.49 / math.sqrt(200), 0.49)
    samples = halfway(HumanEval=WHOLE)
    samples["GSM8K"] = sampling.Progress(found, 200, 1319)
    sizes = sampling.next_sizes(samples, 0.3, [*AVERAGED, "GSM8K"])
    assert sizes == {"GSM8K": sampling.next_size("GSM8K", found, 200, 1319, 0.3)}
    # A suite without one of the five has no average.
    del samples["HumanEval"]
    assert "MMLU" in sampling.next_sizes(samples, 0.15, ["MMLU", "BBH", "MATH", "MBPP", "GSM8K"])


def test_the_mean_of_independent_samples() -> None:
    found = sampling.average([sampling.Estimate(0.2, 0.03, 0.4), sampling.Estimate(0.6, 0.04, 0.3)])
    assert found == sampling.Estimate(pytest.approx(0.4), pytest.approx(0.025), pytest.approx(0.25))


def test_benchmarks_without_a_law_are_sampled_to_a_hundredth_of_the_score() -> None:
    assert sampling.largest_error("TriviaQA", 0.5, 0.15) == 0.01
    assert sampling.largest_error("MMLU-CF", 0.6, 0.15) == sampling.largest_error("MMLU", 0.6, 0.15)


@pytest.mark.parametrize(("target", "version"), [(None, "abc"), (0.15, "abc-sampled-0.15")])
def test_the_suite_version_says_that_it_is_of_samples(target: float | None, version: str) -> None:
    assert sampling.sampled_version("abc", target) == version
    assert sampling.target_of(version) == ("abc", target)
