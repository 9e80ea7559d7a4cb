"""lm-eval, given the same engine and the same prompts, chooses the same answers."""

from pathlib import Path

import pytest

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.requests import ChoiceRequest

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "bench"


@pytest.fixture(scope="module", params=[100, pytest.param(500, marks=pytest.mark.slow)])
def questions(request):
    """Questions of MMLU over all subjects; made-up ones where the recorded data are absent."""
    count = request.param
    if not RECORDED.is_dir():
        from benchmarks.evaluation import LETTERS, synthetic

        return [ChoiceRequest(prompt, LETTERS) for prompt in synthetic(count)]
    mmlu = suite.BENCHMARKS["MMLU"]
    items = mmlu.items(suite.load(mmlu, suite.Store(RECORDED)))
    return [item.request for item in suite.spread(items, count)]


def test_all_choices_are_lm_evals(engine, serve, tiny, questions):
    pytest.importorskip("lm_eval")
    from tests.engine.peer import lm_eval_on

    ours = serve(questions)
    pairs = [(each.prompt, choice) for each in questions for choice in each.choices]
    found = iter(lm_eval_on(engine, tiny).loglikelihood(pairs))
    theirs = [[next(found) for _ in each.choices] for each in questions]
    assert len(ours) == len(questions) >= 100
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.logprobs == pytest.approx(other, abs=1e-4)
        assert mine.logprobs.index(max(mine.logprobs)) == other.index(max(other))
