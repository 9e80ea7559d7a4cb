"""Which log-probabilities of vLLM's two model runners are read, and which are not trusted."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    Failed,
    LossRequest,
    LossResult,
    TextLossRequest,
)
from densing_pipeline.evaluation.vllm_calls import Call, Queue

IDS = list(range(100, 140))
START = 30
"""The answer is the last ten of forty tokens, whose log-probabilities are -1 to -10."""

STALE = -77.0


@dataclass
class Flat:
    """Log-probabilities in the form of vLLM's `FlatLogprobs`: an empty row, then one a token."""

    token_ids: list[int]
    logprobs: list[float]
    start_indices: list[int] = field(init=False)

    def __post_init__(self):
        """A row is one entry long; the empty one is none."""
        self.start_indices = [0, *range(len(self.token_ids))]

    def __len__(self):
        """Rows, the empty one included."""
        return len(self.start_indices)


def output(rows, cached):
    ended = SimpleNamespace(finish_reason="length", stop_reason=None)
    return SimpleNamespace(outputs=[ended], prompt_logprobs=rows, num_cached_tokens=cached)


def v1_rows(cached, token_ids=IDS):
    """A row for every token after the first; those up to the cached ones were never written."""
    return Flat(
        list(token_ids[1:]),
        [STALE if place <= cached and cached else logprob(place) for place in range(1, len(IDS))],
    )


def v2_rows(cached):
    """Rows of the tokens after the cached ones alone."""
    places = range(cached + 1, len(IDS))
    return Flat([IDS[place] for place in places], [logprob(place) for place in places])


def logprob(place):
    return -float(place - START + 1)


def taken(rows, cached, *, reuse=True):
    """Result of a loss, and the calls that have to follow it."""
    found = []
    queue = Queue([], lambda _, result: found.append(result), None, 1000)
    call = Call(0, LossRequest("prompt", "answer"), IDS, START, reuse=reuse)
    again = queue.take(call, output(rows, cached))
    return (found or [None])[0], again


@pytest.mark.parametrize("cached", [0, 16, START - 1])
@pytest.mark.parametrize("rows", [v1_rows, v2_rows])
def test_both_runners_give_the_loss_of_an_answer_that_was_computed(rows, cached):
    assert taken(rows(cached), cached) == (LossResult(55.0, 10, START), [])


@pytest.mark.parametrize("cached", [START, START + 1, 39])
@pytest.mark.parametrize("rows", [v1_rows, v2_rows])
def test_an_answer_that_is_partly_cached_is_computed_again_without_the_cache(rows, cached):
    result, (again,) = taken(rows(cached), cached)
    assert result is None
    assert (again.ids, again.reuse) == (IDS, False)


def test_rows_decide_where_the_number_of_cached_tokens_is_not_of_this_computation():
    """After a preemption vLLM keeps the first number: here 0, and then 32 with the answer's first two."""
    assert taken(v2_rows(32), cached=0)[1], "rows of the answer are missing"
    assert taken(v2_rows(16), cached=36) == (LossResult(55.0, 10, START), [])


def test_rows_of_other_tokens_are_not_read():
    other = [*IDS[:-3], 7, *IDS[-2:]]
    assert taken(v1_rows(0, other), 0)[1]


@pytest.mark.parametrize("rows", [None, Flat([], []), v2_rows(35), v1_rows(0, IDS[::-1])])
def test_a_loss_without_its_rows_fails_and_is_no_number(rows):
    result, again = taken(rows, 0, reuse=False)
    assert again == []
    assert result == Failed("the engine returned no log-probabilities of the answer", "engine")


def test_the_loss_of_a_text_is_the_sum_over_its_windows():
    windows = [([9, 1, 2, 3], 1), ([2, 3, 4, 5], 2)]
    tokeniser = SimpleNamespace(windows=lambda text, context: windows, encode=lambda texts: [])
    found = []
    queue = Queue([TextLossRequest("text")], lambda *pair: found.append(pair), tokeniser, 10)
    calls = list(queue.next(8))
    assert [(call.ids, call.start, call.reuse) for call in calls] == [
        (ids, start, False) for ids, start in windows
    ]
    for call in reversed(calls):
        assert found == []
        rows = Flat(call.ids[1:], [-float(token) for token in call.ids[1:]])
        assert queue.take(call, output(rows, 0)) == []
    assert found == [(0, LossResult(15.0, 5, 8))]


def test_an_empty_text_fails_alone():
    tokeniser = SimpleNamespace(windows=lambda text, context: [], encode=lambda texts: [])
    found = []
    queue = Queue([TextLossRequest("")], lambda *pair: found.append(pair), tokeniser, 10)
    assert list(queue.next(8)) == []
    assert found == [(0, Failed("an empty text, or no token to begin one with", "context"))]


def test_a_choice_whose_token_is_0_is_not_taken_for_what_fills_the_row():
    """A row of the V2 runner: sampled token, choices, and padding to the longest row of the batch."""
    row = SimpleNamespace(
        token_ids=[9, 0, 5, 0, 0], logprobs=[-0.1, -1.0, -2.0, -math.inf, -math.inf]
    )
    ended = SimpleNamespace(finish_reason="length", stop_reason=None, logprobs=row)
    found = []
    queue = Queue([], lambda _, result: found.append(result), None, 1000)
    call = Call(0, ChoiceRequest("prompt", (" A", " B")), IDS, choices=(0, 5))
    assert queue.take(call, SimpleNamespace(outputs=[ended])) == []
    assert found == [ChoiceResult((-1.0, -2.0), len(IDS))]
