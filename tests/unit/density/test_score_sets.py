"""Score sets: averages of all five benchmarks, single benchmarks, and the paper's own models."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGE_CHANCE, AVERAGED
from densing_pipeline.density.score_sets import score_sets
from densing_pipeline.tables.published import SCORES


def scores(*rows: dict) -> pl.DataFrame:
    usual = {
        "model_id": "org/model", "benchmark": "MMLU", "protocol": "5-shot", "score": 0.5,
        "is_paper_protocol": True, "source_kind": "reported", "source": "report",
        "observed_at": date(2026, 1, 1),
    }  # fmt: skip
    return SCORES.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))


def chosen(*rows: dict) -> float:
    return score_sets(scores(*rows)).row(0, named=True)["score"]


def test_only_the_papers_protocol_enters():
    other = scores({"score": 0.9, "is_paper_protocol": False, "protocol": "0-shot"})
    assert score_sets(other).is_empty()


def test_a_measured_score_goes_before_a_reported_one():
    assert chosen({"score": 0.6}, {"score": 0.4, "source_kind": "measured", "source": "us"}) == 0.4


def test_a_score_that_is_no_number_gives_way_to_one_that_is():
    assert chosen({"source": "a", "score": float("nan")}, {"source": "b", "score": 0.4}) == 0.4
    assert score_sets(scores({"score": float("nan")})).is_empty()


def test_an_average_needs_all_five_benchmarks():
    five = [{"benchmark": name, "score": 0.1 * (i + 1)} for i, name in enumerate(AVERAGED)]
    complete = score_sets(scores(*five)).filter(pl.col("score_set") == "average")
    assert complete["score"].to_list() == [pytest.approx(0.3)]
    missing_one = score_sets(scores(*five[1:]))
    assert missing_one.filter(pl.col("score_set") == "average").is_empty()


def test_the_error_is_binomial_over_the_items():
    mmlu = score_sets(scores({"score": 0.6})).row(0, named=True)
    assert mmlu["std_error"] == pytest.approx((0.6 * 0.4 / 14042) ** 0.5, rel=1e-3)
    fewer = score_sets(scores({"score": 0.6, "n_items": 100})).row(0, named=True)
    assert fewer["std_error"] == pytest.approx((0.6 * 0.4 / 100) ** 0.5, rel=0.01)
    given = score_sets(scores({"score": 0.6, "std_error": 0.02})).row(0, named=True)
    assert given["std_error"] == 0.02


def test_the_error_of_an_average_is_that_of_a_mean_of_five():
    five = [{"benchmark": name, "std_error": 0.05} for name in AVERAGED]
    average = score_sets(scores(*five)).filter(pl.col("score_set") == "average")
    assert average["std_error"].to_list() == [pytest.approx(0.05 / 5**0.5)]


def test_a_perfect_score_is_not_free_of_error():
    assert score_sets(scores({"score": 1.0})).row(0, named=True)["std_error"] > 0


def test_the_papers_models_keep_to_their_own_set():
    figure = {"model_id": "nmi-2025/Phi-2", "benchmark": "AVERAGE", "source_kind": "figure"}
    assert score_sets(scores(figure, {})).select("score_set", "model_id", "chance").rows() == [
        ("mmlu", "org/model", 0.25),
        ("nmi-2025-average", "nmi-2025/Phi-2", AVERAGE_CHANCE),
    ]


def kinds(*rows: dict) -> dict[str, str]:
    return dict(score_sets(scores(*rows)).select("score_set", "score_source_kind").rows())


def test_a_score_says_whether_it_was_measured_reported_or_both():
    five = [{"benchmark": name} for name in AVERAGED]
    ours = {"source_kind": "measured", "source": "us", "revision": "r", "suite_version": "v"}
    sets = ("average", "mmlu", "bbh", "math", "humaneval", "mbpp")
    assert kinds(*five) == dict.fromkeys(sets, "reported")
    assert kinds(*five, *(row | ours for row in five)) == dict.fromkeys(sets, "measured")
    mixed = dict.fromkeys(sets, "reported") | {"average": "mixed", "bbh": "measured"}
    assert kinds(*five, five[1] | ours) == mixed
    figure = {"model_id": "nmi-2025/Phi-2", "benchmark": "AVERAGE", "source_kind": "figure"}
    assert kinds(figure) == {"nmi-2025-average": "figure"}


def test_an_average_of_measurements_is_of_the_same_weights():
    ours = {"source_kind": "measured", "source": "us", "suite_version": "v"}
    old = ours | {"revision": "old", "score": 0.4}
    new = ours | {"revision": "new", "score": 0.8, "observed_at": date(2026, 2, 1)}
    whole = [old | {"benchmark": name} for name in AVERAGED]
    assert chosen(*whole, new) == pytest.approx(0.4), "a newer but partial evaluation"
    assert chosen(*whole, *(new | {"benchmark": name} for name in AVERAGED)) == pytest.approx(0.8)
