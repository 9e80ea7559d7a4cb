"""An engine that gives one loss in two ways is not measured with."""

import pytest

from densing_pipeline.evaluation import self_test
from densing_pipeline.evaluation.requests import ChoiceRequest, ChoiceResult, Failed, LossResult


def tokens(answer):
    return max(len(answer.split()) - 1, 1)


def engine(*, stale=0.0, choice=0.0, count=0, failed=None):
    """Two nats a token, plus what is wrong with losses from the cache, with choices, or with both."""

    def run(requests, reuse):
        found = []
        for request in requests:
            if failed:
                found.append(failed)
            elif isinstance(request, ChoiceRequest):
                found.append(ChoiceResult((-2.0 - choice, -9.0), 50))
            else:
                n = tokens(request.answer)
                nats = n * (2 + stale * reuse)
                found.append(LossResult(nats, n + count * reuse, 50))
        return found

    return run


@pytest.mark.parametrize("noise", [0.0, 0.19, -0.19])
def test_rounding_is_no_problem(noise):
    assert self_test.problem(engine(stale=noise, choice=noise)) is None


@pytest.mark.parametrize("noise", [0.21, -0.21, float("nan")])
def test_a_cache_that_changes_losses_is(noise):
    problem = self_test.problem(engine(stale=noise))
    assert "without prefix cache" in problem


def test_other_tokens_from_the_cache_are():
    assert "without prefix cache" in self_test.problem(engine(count=1))


def test_a_choice_that_is_not_the_loss_of_its_token_is():
    assert "as a choice" in self_test.problem(engine(choice=0.3))


def test_a_loss_without_log_probabilities_is():
    failed = Failed("the engine returned no log-probabilities of the answer", "engine")
    assert self_test.problem(engine(failed=failed)) == failed.reason


@pytest.mark.parametrize("kind", ["not_a_number", "context"])
def test_what_is_the_models_own_is_left_to_the_measurement(kind):
    assert self_test.problem(engine(failed=Failed("the model's", kind))) is None


def test_prompts_are_long_enough_to_be_cached_and_share_their_beginning():
    lengths = [len(prompt.split()) for prompt in self_test.PROMPTS]
    assert max(lengths) > 100
    assert self_test.PROMPTS[3].startswith(self_test.PROMPTS[1][:-60])
