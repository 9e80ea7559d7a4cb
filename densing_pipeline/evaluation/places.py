"""How many GPUs an evaluation is given where several models share a computer.

Each gets those that its weights need. A model with more work than its share of all that is left gets more, for copies
of it, so that all GPUs end at about the same time instead of waiting for the last long model. Not here: which GPUs
(`sizing`, `gpu_locks`), and the order of models (`schedules.new_models`).
"""

import math


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
