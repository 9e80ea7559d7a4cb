"""Requests go out as one queue, items come back judged, and finished work is not done twice."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.failures import EvaluationError
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.evaluation.measure import Tally, Work, measure
from densing_pipeline.evaluation.progress import Lines
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    Failed,
    GenerateRequest,
    GenerateResult,
    LossRequest,
    LossResult,
    Request,
    Result,
)
from densing_pipeline.evaluation.scoring import Item, Judges

LETTERS = (" A", " B", " C", " D")
CONTEXT = Failed("a prompt of 9 tokens, in a context of 8", "context")


@dataclass
class StubEngine:
    """Answers without a model: D to every question, the same text, a loss of one nat."""

    asked: list[Request] = field(default_factory=list)
    breaks_after: int | None = None
    fails: Callable[[Request], bool] = lambda request: False

    def run(self, requests: Sequence[Request], done: Callable[[int, Result], None]) -> None:
        self.asked += requests
        for index, request in reversed(list(enumerate(requests))):
            if self.breaks_after is not None and index < len(requests) - self.breaks_after:
                raise EvaluationError("the engine broke down")
            done(index, CONTEXT if self.fails(request) else self.answer(request))

    def answer(self, request: Request) -> Result:
        if isinstance(request, ChoiceRequest):
            return ChoiceResult((-3.0, -2.5, -2.0, -1.0), 100)
        if isinstance(request, GenerateRequest):
            return GenerateResult("so the answer is (A).", False, 100, 8)
        return LossResult(4.0, 4, 100)

    def provenance(self) -> dict[str, str | int | float | bool | None]:
        return {"engine": "stub"}


class Verdicts:
    """Stands for a sandbox."""

    def __init__(self, broken=False):
        """Break if asked to."""
        self.broken = broken

    def check(self, program, tests):
        if self.broken:
            raise RuntimeError("no namespace left")
        return self

    passed, reason = True, ""

    def same(self, reference, answer):
        return reference == answer


def questions(count, reference="D"):
    return Work(
        suite.BENCHMARKS["MMLU"],
        [
            Item(f"q{n}", f"s{n % 2}", ChoiceRequest(f"question {n}", LETTERS), reference)
            for n in range(count)
        ],
    )


def texts(name, count, loss=None):
    request = GenerateRequest("problem", (), 64)
    return Work(
        suite.BENCHMARKS[name], [Item(f"p{n}", None, request, "(A)", loss) for n in range(count)]
    )


def run(folder, engine, *work, judges=None):
    lines: list[str] = []
    with FolderWriter(folder) as writer:
        writer.begin(engine.provenance())
        judges = judges or Judges(Verdicts(), Verdicts())
        return measure(engine, work, writer, judges, Lines(lines.append, None), 2), lines


def test_every_item_is_judged_counted_and_kept(tmp_path):
    tallies, lines = run(tmp_path, StubEngine(), questions(5), texts("BBH", 3))
    with FolderWriter(tmp_path) as writer:
        kept = writer.finished("MMLU")
        assert kept["item_id"].to_list() == [f"q{n}" for n in range(5)]
        assert kept["score"].to_list() == [1.0] * 5
        assert kept["answer_nll_nats_per_token"].to_list() == [1.0] * 5
        assert writer.finished("BBH")["score"].to_list() == [1.0] * 3
    assert (tallies["MMLU"].items, tallies["MMLU"].prompt_tokens) == (5, 500)
    assert tallies["BBH"].completion_tokens == 24
    assert lines[-1].startswith("8 of 8 items")


def test_texts_go_first_so_that_choices_fill_their_tail(tmp_path):
    engine = StubEngine()
    run(tmp_path, engine, questions(2), texts("MBPP", 2), texts("BBH", 2))
    kinds = [type(request).__name__ for request in engine.asked]
    assert kinds == ["GenerateRequest"] * 4 + ["ChoiceRequest"] * 2


def test_the_loss_of_a_solution_comes_with_its_score(tmp_path):
    loss = LossRequest("problem", " the solution")
    run(tmp_path, StubEngine(), texts("BBH", 2, loss))
    with FolderWriter(tmp_path) as writer:
        kept = writer.finished("BBH")
    assert kept["answer_nll_nats_per_token"].to_list() == [1.0, 1.0]
    assert kept["score"].to_list() == [1.0, 1.0]


def test_a_benchmark_that_is_finished_is_not_asked_again(tmp_path):
    run(tmp_path, StubEngine(), questions(4))
    again = StubEngine()
    tallies, _ = run(tmp_path, again, questions(4), texts("BBH", 1))
    assert [type(request).__name__ for request in again.asked] == ["GenerateRequest"]
    assert tallies["MMLU"].items == 4


def test_a_benchmark_that_broke_off_goes_on_where_it_was(tmp_path):
    with pytest.raises(EvaluationError):
        run(tmp_path, StubEngine(breaks_after=3), questions(10))
    again = StubEngine()
    tallies, _ = run(tmp_path, again, questions(10))
    assert len(again.asked) == 7
    assert tallies["MMLU"].items == 10


def test_an_item_that_could_not_be_asked_has_no_score_and_a_reason(tmp_path):
    engine = StubEngine(fails=lambda request: request.prompt == "question 1")
    tallies, _ = run(tmp_path, engine, questions(3))
    with FolderWriter(tmp_path) as writer:
        kept = writer.finished("MMLU")
    assert kept["score"].to_list() == [1.0, None, 1.0]
    assert kept["failed_reason"].to_list() == [None, CONTEXT.reason, None]
    assert tallies["MMLU"].problem == f"1 of 3 items failed, most as: {CONTEXT.reason}"


def test_a_program_that_could_not_be_run_is_asked_for_again(tmp_path):
    broken = Judges(Verdicts(broken=True), Verdicts())
    with pytest.raises(EvaluationError, match="not judged: not run: no namespace left"):
        run(tmp_path, StubEngine(), questions(1), texts("HumanEval", 3), judges=broken)
    with FolderWriter(tmp_path) as writer:
        assert writer.finished("HumanEval") is None
        assert writer.unfinished("HumanEval") == []


def test_text_that_is_no_text_can_be_kept(tmp_path):
    engine: Any = StubEngine()
    engine.answer = lambda request: GenerateResult("a\ud800b\x00", True, 1, 1)
    run(tmp_path, engine, texts("BBH", 1))
    with FolderWriter(tmp_path) as writer:
        assert writer.finished("BBH")["response"].to_list() == ["a?b\x00"]


@pytest.mark.parametrize(("failed", "is_refused"), [(10, False), (11, True)])
def test_one_percent_of_the_items_may_fail(failed, is_refused):
    tally = Tally(items=1000, failed=Counter({"a prompt too long": failed}))
    assert (tally.problem is not None) == is_refused
