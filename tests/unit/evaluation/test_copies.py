"""Copies of an engine in processes of their own answer as one, and one that breaks is not waited for."""

import pytest

from densing_pipeline.evaluation.copies import BLOCK_REQUESTS, EngineCopies
from densing_pipeline.evaluation.failures import (
    BlockedError,
    InstallationError,
    UnexplainedError,
)
from densing_pipeline.evaluation.requests import GenerateRequest
from tests import engines
from tests.engines import sized

pytestmark = pytest.mark.heavy

REQUESTS = [GenerateRequest(str(number), (), 1) for number in range(3 * BLOCK_REQUESTS + 5)]


@pytest.fixture
def copies():
    """Loads copies; all are closed at the end."""
    opened = []

    def load(count, does="answer", progress=lambda: None):
        found = EngineCopies(engines.weights(does), sized(count), engines.load, progress)
        opened.append(found)
        return found

    yield load
    for each in opened:
        each.close()
        assert not any(process.is_alive() for process in each._processes)


def test_every_request_is_answered_once_by_the_copy_of_its_block(copies):
    reports = []
    engine = copies(2, progress=lambda: reports.append(1))
    for _ in range(2):
        found: dict[int, str] = {}
        engine.run(
            REQUESTS, lambda index, result, found=found: found.setdefault(index, result.text)
        )
        blocks = [found[index].split()[1] for index in range(len(REQUESTS))]
        assert [found[index].split()[0] for index in range(len(REQUESTS))] == [
            request.prompt for request in REQUESTS
        ]
        assert blocks == [str(index // BLOCK_REQUESTS % 2) for index in range(len(REQUESTS))]
    assert len(reports) > 2 * len(REQUESTS)


def test_provenance_is_that_of_one_copy_with_their_number(copies):
    assert copies(2).provenance() == {"engine": "vllm", "context": 4096, "data_parallel": 2}


def test_copies_that_would_not_measure_alike_are_refused(copies):
    with pytest.raises(InstallationError, match="copies of the model differ in context"):
        copies(2, "differ")


@pytest.mark.parametrize(
    ("does", "raised", "said"),
    [
        ("refuse", BlockedError, "too large"),
        ("die", UnexplainedError, "copy 0 of the engine ended with status 7"),
    ],
)
def test_a_copy_that_cannot_be_loaded_says_why(copies, does, raised, said):
    with pytest.raises(raised, match=said):
        copies(1, does)


def test_a_copy_that_dies_at_work_ends_the_run(copies):
    engine = copies(2, "die at work")
    with pytest.raises(UnexplainedError, match="ended with status 7"):
        engine.run(REQUESTS, lambda index, result: None)
