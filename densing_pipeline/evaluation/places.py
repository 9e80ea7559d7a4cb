"""How many GPUs an evaluation is given where several models share a computer.

Each gets those that its weights need. A model with more work than its share of all that is left gets more, for copies
of it, so that all GPUs end at about the same time instead of waiting for the last long model. Not here: which GPUs
(`sizing`, `gpu_locks`), and the order of models (`schedules.new_models`).
"""

import math

GPUS_OF_A_MACHINE = 8
"""The most GPUs that one model is split over."""


def gpus_for(hours: float | None, hours_left: float, places: int) -> int:
    """GPUs that a model is given.

    Args:
        hours: its estimated GPU hours; None if they are not known.
        hours_left: GPU hours of all models that are not measured yet, this one included.
        places: GPUs of the computer.

    Returns:
        From 1 to `places`: the least number with which it takes no longer than all that is left takes on all GPUs.

    Examples:
        One of many alike; the last one; the longest of the last few on eight GPUs.

        >>> gpus_for(1, 50, 8), gpus_for(1, 1, 8), gpus_for(3, 6, 8)
        (1, 8, 4)
    """
    if not hours or hours_left <= 0:
        return 1
    # Less a little, for sums of floating-point numbers may come out a little less than they are.
    share = hours * places / max(hours_left, hours)
    return max(1, min(places, math.ceil(share - 1e-9)))


def gpus_needed(memory_gib: float | None, gpu_gib: float) -> int:
    """GPUs of one machine that a model's weights need, by which a cluster is asked for a place.

    Args:
        memory_gib: memory that the model needs; None if it is not known.
        gpu_gib: memory of one GPU; 0 if there are none.

    Returns:
        0 without GPUs; else 1, 2, 4 or 8, over which models can be split.

    Examples:
        >>> gpus_needed(75, 80), gpus_needed(163, 80), gpus_needed(None, 80), gpus_needed(75, 0)
        (1, 4, 1, 0)
    """
    if not gpu_gib:
        return 0
    least = math.ceil((memory_gib or 0) / gpu_gib)
    return min(1 << max(least - 1, 0).bit_length(), GPUS_OF_A_MACHINE)
