"""How many GPUs an evaluation is given where several models share a computer.

Every model gets the GPUs that one copy of it needs. Further copies cost loading time, but without them the last models
hold one GPU each while all others are idle. So the rest of the queue is simulated with every number of copies, and the
number is taken with which the queue ends soonest. How long evaluations take is only estimated: the simulation is
repeated with random deviations from the estimates, and the mean end counts.

Not here: which GPUs (`sizing`, `gpu_locks`), the order of models (`queue.in_order`), and which evaluations are under
way (`launched`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from densing_pipeline.evaluation.sizing import COPIES_TO_BEGIN
from densing_pipeline.stats.arrays import FloatArray, IntArray

GPUS_OF_A_MACHINE = 8
"""The most GPUs that one model is split over."""

LOAD_HOURS = 2 / 60
"""Hours to load a model, however many copies of it (an estimate)."""

ASSUMED_SPREAD = 0.3
"""Assumed standard deviation of ln(what an evaluation takes / its estimate)."""

SIMULATED_REPEATS = 32
"""Simulations of the rest of the queue for each number of copies."""

LATER_SHARES = 3.0
"""GPUs that models after this one are assumed to get, as a multiple of their share of all work that is left then.
Being generous to the last models costs loading time, and bounds what one of them loses that takes longer than estimated."""

LATER_COPIES_TO_BEGIN = 0.5
"""Share of its copies with which a model after this one is assumed to begin (for those that have been given GPUs it is
`sizing.COPIES_TO_BEGIN`)."""

OWN_WEIGHT = 1e-3
"""Weight of the model's own end beside the end of the queue."""

FAR_FROM_END = 6.0
"""A model gets one copy if all models behind it take at least this many times as long on all GPUs: so far from the end of
the queue further copies shorten nothing, and what simulations say of them is chance."""


@dataclass(frozen=True)
class Work:
    """A model that is measured or is to be.

    Attributes:
        hours: its estimated GPU hours.
        least: GPUs that one copy needs.
        given: GPUs that it was given; 0 if that is not decided yet.
        since: hours since it was loaded on them; None if it is not loaded.
    """

    hours: float
    least: int = 1
    given: int = 0
    since: float | None = None


def gpus_for(own: Work, ahead: Sequence[Work], behind: Sequence[Work], places: int) -> int:
    """GPUs that a model is given.

    Args:
        own: the model.
        ahead: models that have GPUs, or wait for those they were given, in the order in which they were given them.
        behind: models after this one, in order.
        places: GPUs of the computer.

    Returns:
        A multiple of the GPUs that one copy needs, at most `places`; those that one copy needs if the model's hours
        are not known (0).

    Examples:
        Models alike on eight GPUs, of which fifty, twenty or none are left behind this one.

        >>> many = [Work(1.0)] * 50
        >>> gpus_for(many[0], [], many, 8), gpus_for(Work(1.0), [], many[:20], 8), gpus_for(Work(1.0), [], [], 8)
        (1, 2, 8)
    """
    options: IntArray = np.arange(1, places // own.least + 1) * own.least
    hours_behind = math.fsum(each.hours for each in behind)
    if options.size <= 1 or own.hours <= 0 or hours_behind >= FAR_FROM_END * own.hours * places:
        return own.least
    running = [each for each in ahead if each.since is not None]
    waiting = [*(each for each in ahead if each.since is None), own, *behind]
    factors = _factors(len(running) + len(waiting))
    # Hours from now at which each GPU is free, by option and draw; always sorted.
    free = np.zeros((options.size, SIMULATED_REPEATS, places))
    used = 0
    for each, factor in zip(running, factors, strict=False):
        gpus = max(each.given, each.least)
        left = each.hours * factor / gpus - (each.since or 0.0)
        free[..., used : used + gpus] = np.maximum(left, 0.0)[:, None]
        used += gpus
    free.sort()
    now = own_ends = np.zeros(free.shape[:2])
    hours_left = math.fsum(each.hours for each in waiting)
    for each, factor in zip(waiting, factors[len(running) :], strict=True):
        if each is own:
            now, own_ends = _begin(each, options[:, None], COPIES_TO_BEGIN, free, now, factor)
        elif each.given:
            now, _ = _begin(each, np.array(each.given), COPIES_TO_BEGIN, free, now, factor)
        else:
            later = _given_later(each, free, now, hours_left)
            now, _ = _begin(each, later, LATER_COPIES_TO_BEGIN, free, now, factor)
        hours_left -= each.hours
    # Where another model ends last anyway, this one ends as soon as it can.
    ends = (free[..., -1] + OWN_WEIGHT * own_ends).mean(axis=1)
    return int(options[np.argmin(ends)])


def gpus_needed(memory_gib: float | None, gpu_gib: float) -> int:
    """GPUs of one machine that a model's weights need.

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


def _factors(models: int) -> FloatArray:
    """How many times its estimate each model takes, on average once; shape (models, draws), the same in every process."""
    normal = np.random.default_rng(0).normal(size=(models, SIMULATED_REPEATS))
    return np.exp(ASSUMED_SPREAD * normal - ASSUMED_SPREAD**2 / 2)


def _given_later(each: Work, free: FloatArray, now: FloatArray, hours_left: float) -> FloatArray:
    """GPUs that a model after this one is assumed to get; shape (options, draws).

    Args:
        each: the model.
        free: hours at which each GPU is free, sorted, shape (options, draws, GPUs).
        now: when the model before it begins, shape (options, draws).
        hours_left: GPU hours of this model and all after it.
    """
    places = free.shape[-1]
    at = np.maximum(now, free[..., min(each.least, places) - 1])
    under_way = np.maximum(free - at[..., None], 0.0).sum(axis=-1)
    share = each.hours * places / np.maximum(hours_left + under_way, 1e-9)
    # Less a little, for sums of floating-point numbers may come out a little less than they are.
    found: FloatArray = np.ceil(LATER_SHARES * share - 1e-9).clip(1, places)
    return found


def _begin(
    each: Work,
    most: FloatArray | IntArray,
    to_begin: float,
    free: FloatArray,
    now: FloatArray,
    factor: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Begin an evaluation as soon as GPUs for enough copies are free, and not before the one ahead of it.

    Args:
        each: the model.
        most: GPUs that it is given, a shape that broadcasts to (options, draws).
        to_begin: share of its copies with which it begins.
        free: hours at which each GPU is free, sorted, shape (options, draws, GPUs); updated.
        now: when the model ahead of it begins, shape (options, draws).
        factor: how many times its estimate it takes, shape (draws,).

    Returns:
        When it begins and when it ends, shape (options, draws) each.
    """
    places = free.shape[-1]
    least = min(each.least, places)
    wanted = np.clip(np.floor(most / least + 0.5), 1, places // least)
    enough = np.broadcast_to(np.ceil(to_begin * wanted).astype(np.intp) * least, now.shape)
    begins = np.maximum(now, np.take_along_axis(free, enough[..., None] - 1, axis=-1)[..., 0])
    are_free = (free <= begins[..., None]).sum(axis=-1)
    taken = np.minimum(wanted, are_free // least) * least
    ends = begins + LOAD_HOURS + each.hours * factor / taken
    free[:] = np.where(np.arange(places) < taken[..., None], ends[..., None], free)
    free.sort()
    return begins, ends
