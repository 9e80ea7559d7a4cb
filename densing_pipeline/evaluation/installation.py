"""Faults of the installation among the evaluations: what waits until they are mended, and whether all waits.

A fault of driver, environment, sandbox or disk would fail every model alike, so no model is charged with it. A
model that met one is asked for again after a check that passed (`densing evaluate --check`); after two equal
faults of different models in a row, none is asked for. Not here: the check itself (`preflight`).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from densing_pipeline import clock, files
from densing_pipeline.evaluation.folder_format import FAULTS, OUTCOME, read_json, write_json
from densing_pipeline.evaluation.folder_reader import instant, whole_number

FILE = "evaluation_check.json"
"""Name of the last check's file in the state directory."""

AGAIN = timedelta(hours=1)
"""Time after which an installation that could not evaluate is checked again by itself."""

FRESH = timedelta(days=1)
"""Time for which a check that passed, or a model that was measured, shows that models can be."""

NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+(?:\.\d+)*")


@dataclass(frozen=True)
class Ended:
    """How one evaluation ended.

    Attributes:
        key: partition of its model.
        at: when, UTC.
        reason: why, if it failed and is not known to be the model's fault; else None.
        fault: whose fault it was (`folder_format.FAULTS`); None if it was the model's, or none.
        is_done: whether the model was measured.
    """

    key: str
    at: datetime
    reason: str | None
    fault: str | None = None
    is_done: bool = False


@dataclass(frozen=True)
class Check:
    """The last check of the installation.

    Attributes:
        at: when it was, UTC.
        problem: why no model can be evaluated; None if one can.
        no_programs: why programs cannot be run; None if they can.
        places: models that can be evaluated at a time: GPUs, or 1 on a processor.
        gpu_gib: memory of the smallest GPU that engines may take, GiB; 0 if it is not known.
    """

    at: datetime
    problem: str | None
    no_programs: str | None = None
    places: int = 1
    gpu_gib: float = 0.0


def write_check(
    state_dir: Path,
    problem: str | None,
    no_programs: str | None = None,
    places: int = 1,
    gpu_gib: float = 0.0,
) -> None:
    """Record a check made now."""
    files.make_private(state_dir)
    told = {
        "problem": problem,
        "no_programs": no_programs,
        "places": places,
        "gpu_gib": gpu_gib,
    }
    write_json(state_dir / FILE, {"checked_at": clock.now().isoformat(), **told})


def last_check(state_dir: Path) -> Check | None:
    """The last check; None if there was none."""
    told = read_json(state_dir / FILE)
    at = instant(told.get("checked_at"))
    if at is None:
        return None
    problem, no_programs = (
        None if (said := told.get(name)) is None else str(said)
        for name in ("problem", "no_programs")
    )
    places = whole_number(told.get("places")) or 1
    gpu_gib = told.get("gpu_gib")
    if not isinstance(gpu_gib, int | float) or not 0 < gpu_gib < math.inf:
        gpu_gib = 0.0
    return Check(at, problem, no_programs, places, float(gpu_gib))


def ended(root: Path) -> list[Ended]:
    """Every evaluation that ended, the last first.

    Args:
        root: folder of all evaluations.
    """
    found = []
    for path in root.glob(f"*/*/*/{OUTCOME}"):
        told = read_json(path)
        if at := instant(told.get("finished_at")):
            fault = said if (said := told.get("fault")) in FAULTS else None
            reason = str(told.get("reason")) if fault else None
            is_done = told.get("state") == "done"
            found.append(Ended(path.parts[-4], at, reason, fault, is_done))
    return sorted(found, key=lambda each: each.at, reverse=True)


def standstill(evaluations: Sequence[Ended], check: Check | None) -> str | None:
    """Why no model is to be asked for: a check that failed, or the last two models failed alike; else None.

    Models that only lack a sandbox do not count, for others are measured as far as they were.

    Args:
        evaluations: what `ended` returned.
        check: the last check; only evaluations after it count.
    """
    if check and check.problem:
        return (
            f"the last check of this installation failed: {check.problem}; mend it, then run "
            "`densing evaluate --check`"
        )
    failed = [
        (each.key, "" if each.fault == "sandbox" else each.reason or "")
        for each in evaluations
        if check is None or each.at > check.at
    ]
    if not failed:
        return None
    key, reason = failed[0]
    before = next((said for other, said in failed if other != key), "")
    if not reason or _alike(before) != _alike(reason):
        return None
    return (
        f"two models in a row failed by the same fault of this installation: {reason}; mend it, then run "
        "`densing evaluate --check`"
    )


def waiting(evaluations: Sequence[Ended], check: Check | None) -> frozenset[str]:
    """Partitions of the models whose last evaluation ended by a fault that no check has cleared since.

    Args:
        evaluations: what `ended` returned.
        check: the last check.
    """
    return frozenset(each.key for each in _last(evaluations) if _is_uncleared(each, check))


def is_check_due(evaluations: Sequence[Ended], check: Check | None, now: datetime) -> bool:
    """Whether the installation is to be checked.

    So is one that was never checked, one that could not evaluate an hour ago, one that had no sandbox a day ago, and
    one of which nothing has shown for a day that it can evaluate. What is dated at a time to come, by a clock that was ahead, shows
    nothing.

    Args:
        evaluations: what `ended` returned.
        check: the last check.
        now: the time, UTC.
    """
    if check is None:
        return True
    is_faulty = any(
        each.fault == "installation" and _is_uncleared(each, check) for each in _last(evaluations)
    )
    if is_faulty or standstill(evaluations, check):
        return abs(now - check.at) >= AGAIN
    sound = [check.at]
    if check.no_programs is None:
        sound += [each.at for each in evaluations if each.is_done]
    return min(abs(now - at) for at in sound) >= FRESH


def _last(evaluations: Sequence[Ended]) -> list[Ended]:
    """The last evaluation of each model, of evaluations with the last first."""
    found: dict[str, Ended] = {}
    for each in evaluations:
        found.setdefault(each.key, each)
    return list(found.values())


def _is_uncleared(last: Ended, check: Check | None) -> bool:
    if last.fault not in ("installation", "sandbox"):
        return False
    if check is None or check.problem or check.at <= last.at:
        return True
    return last.fault == "sandbox" and check.no_programs is not None


def _alike(reason: str) -> str:
    """A reason without what differs from run to run."""
    return NUMBERS.sub("#", reason)
