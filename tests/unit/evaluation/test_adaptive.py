"""Samples are enlarged until they are large enough, and an attempt that broke off is continued."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.evaluation import sampling, suite
from densing_pipeline.evaluation.adaptive import measure_samples
from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.measure import Work
from densing_pipeline.evaluation.progress import Lines
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    LossRequest,
    LossResult,
    Request,
    Result,
)
from densing_pipeline.evaluation.scoring import Item, Judges

N = 6000


class Engine:
    """Knows the answers to some questions; may break after so many of a run."""

    def __init__(self, knows: Callable[[int], bool], breaks_after: int | None = None) -> None:
        """Break after so many requests if a number is given."""
        self.knows, self.breaks_after = knows, breaks_after
        self.rounds: list[int] = []

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        self.rounds.append(len(requests))
        for index, request in enumerate(requests):
            if self.breaks_after == sum(self.rounds[:-1]) + index:
                raise EvaluationError("the engine broke down")
            if isinstance(request, ChoiceRequest):
                right = self.knows(int(request.prompt))
                done(index, ChoiceResult((-1.0, -2.0) if right else (-2.0, -1.0), 9))
            else:
                done(index, LossResult(1.0, 1, 1))

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        return {"engine": "stub"}


def mmlu() -> Work:
    items = [
        Item(f"q{n}", f"subject {n % 3}", ChoiceRequest(str(n), (" A", " B")), "A")
        for n in range(N)
    ]
    return Work(suite.BENCHMARKS["MMLU"], items)


def losses() -> Work:
    items = [Item(f"t{n}", None, LossRequest("", "a"), "a") for n in range(500)]
    return Work(suite.BENCHMARKS["ScalingBench"], items)


def measured(folder: Path, engine: Engine, *work: Work, suite: Sequence[str] = ()) -> pl.DataFrame:
    with FolderWriter(folder) as writer:
        writer.begin(engine.provenance())
        measure_samples(
            engine, work, writer, Judges(), Lines(lambda _: None, None), 1, target=0.15, suite=suite
        )
        found = writer.finished("MMLU")
    assert found is not None
    return found


def sixty_per_cent(number: int) -> bool:
    return number * 7919 % 100 < 60


def test_a_sample_is_enlarged_until_its_error_is_small_enough(tmp_path: Path) -> None:
    engine = Engine(sixty_per_cent)
    found = measured(tmp_path, engine, mmlu(), losses())
    assert sampling.FIRST <= found.height < N / 4
    assert found["item_weight"].sum() == pytest.approx(N)
    score = (found["score"] * found["item_weight"]).sum() / N
    allowed = sampling.largest_error("MMLU", score, 0.15)
    assert abs(score - 0.6) < 4 * allowed
    assert 0.8 * allowed < 0.49 * (1 / found.height - 1 / N) ** 0.5 <= allowed * 1.02
    # Losses are measured on all texts, in the first round.
    assert engine.rounds[0] == sampling.FIRST + 500
    assert 2 <= len(engine.rounds) <= 4


def test_of_a_whole_suite_only_the_average_has_to_be_known(tmp_path: Path) -> None:
    """Also without the benchmarks that wait for a sandbox."""
    part = measured(tmp_path, Engine(sixty_per_cent), mmlu(), suite=AVERAGED)
    score = (part["score"] * part["item_weight"]).sum() / N
    allowed = sampling.largest_error("AVERAGE", score, 0.15)
    assert 0.9 * allowed < 0.49 * (1 / part.height - 1 / N) ** 0.5 <= allowed * 1.02


def test_two_models_share_the_questions_of_the_shorter_sample(tmp_path: Path) -> None:
    one = measured(tmp_path / "one", Engine(sixty_per_cent), mmlu())
    other = measured(tmp_path / "other", Engine(lambda n: n % 100 < 75), mmlu())
    assert one.height < other.height
    assert set(one["item_id"]) < set(other["item_id"])


def test_near_the_floor_all_questions_are_asked(tmp_path: Path) -> None:
    found = measured(tmp_path, Engine(lambda n: n % 100 < 20), mmlu())
    assert found.height == N
    assert found["item_weight"].unique().to_list() == [1.0]


def test_a_model_that_knows_nothing_is_asked_all_questions(tmp_path: Path) -> None:
    """200 wrong answers have no spread, and do not say that the other 5,800 are wrong."""
    nothing = measured(tmp_path / "nothing", Engine(lambda _: False), mmlu())
    everything = measured(tmp_path / "everything", Engine(lambda _: True), mmlu())
    assert (nothing.height, everything.height) == (N, N)


@pytest.mark.parametrize("after", [50, 300, 700])
def test_a_sample_that_broke_off_is_continued(tmp_path: Path, after: int) -> None:
    whole = measured(tmp_path / "whole", Engine(sixty_per_cent), mmlu())
    with pytest.raises(EvaluationError):
        measured(tmp_path / "broken", Engine(sixty_per_cent, breaks_after=after), mmlu())
    engine = Engine(sixty_per_cent)
    again = measured(tmp_path / "broken", engine, mmlu())
    assert sum(engine.rounds) == again.height - after
    assert set(again["item_id"]) >= set(whole["item_id"])
    assert again["item_id"].n_unique() == again.height


def test_a_finished_sample_is_not_asked_again(tmp_path: Path) -> None:
    before = measured(tmp_path, Engine(sixty_per_cent), mmlu())
    engine = Engine(sixty_per_cent)
    assert measured(tmp_path, engine, mmlu()).equals(before)
    assert engine.rounds == []
