"""What the queue and the comparison of scores decide by: the constants that docs state."""

from densing_pipeline.evaluation import queue, sizing


def test_costs_rest_on_the_stated_measurements():
    """docs/evaluation.md: 5,777 tokens a second of an 8B model, 11.9 M tokens, a quarter on top."""
    assert (queue.ANCHOR_TOKENS_PER_SECOND, queue.SUITE_TOKENS, sizing.OVERHEAD) == (
        5777,
        11.9e6,
        1.25,
    )
    assert queue.NEW.days == 180


def test_memory_is_shared_out_as_stated():
    """docs/evaluation.md and performance.md: 0.90 of a GPU's memory, a quarter beside the weights."""
    assert (sizing.USABLE, sizing.OVERHEAD, sizing.OCCUPIED) == (0.90, 1.25, 0.10)
