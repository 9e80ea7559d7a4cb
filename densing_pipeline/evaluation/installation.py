"""Faults of the installation among the evaluations: what waits until they are mended, and whether all waits.

A fault of driver, environment, sandbox or disk would fail every model alike, so no model is charged with it. A
model that met one is asked for again after a check that passed (`densing evaluate --check`); after two equal
faults of different models in a row, none is asked for. Not here: the check itself (`preflight`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from densing_pipeline.evaluation.folder_format import OUTCOME, read_json, write_json
from densing_pipeline.evaluation.folder_reader import instant

FILE = "evaluation_check.json"
"""Name of the last check's file in the state directory."""

INSTALLATION = "installation"
"""Value of `fault` in the outcome of an evaluation that failed by no fault of its model."""

NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+(?:\.\d+)*")


@dataclass(frozen=True)
class Ended:
    """How one evaluation ended.

    Attributes:
        key: partition of its model.
        at: when, UTC.
        reason: why, if a fault of the installation ended it; else None.
    """

    key: str
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class Check:
    """The last check of the installation: when it was, UTC, and what it found; None if all was well."""

    at: datetime
    problem: str | None


def write_check(state_dir: Path, problem: str | None) -> None:
    """Record a check made now."""
    state_dir.mkdir(parents=True, exist_ok=True)
    write_json(state_dir / FILE, {"checked_at": datetime.now(UTC).isoformat(), "problem": problem})


def last_check(state_dir: Path) -> Check | None:
    """The last check; None if there was none."""
    told = read_json(state_dir / FILE)
    at, problem = instant(told.get("checked_at")), told.get("problem")
    return None if at is None else Check(at, None if problem is None else str(problem))


def ended(root: Path, since: datetime | None) -> list[Ended]:
    """Every evaluation that ended since a time, the last first.

    Args:
        root: folder of all evaluations.
        since: a time, UTC; None for all.
    """
    found = []
    for path in root.glob(f"*/*/*/{OUTCOME}"):
        told = read_json(path)
        at = instant(told.get("finished_at"))
        if at and (since is None or at > since):
            reason = str(told.get("reason")) if told.get("fault") == INSTALLATION else None
            found.append(Ended(path.parts[-4], at, reason))
    return sorted(found, key=lambda each: each.at, reverse=True)


def standstill(evaluations: Sequence[Ended]) -> str | None:
    """Why no model is to be asked for: the last evaluations of two models had the same fault; else None.

    Args:
        evaluations: what `ended` returned.
    """
    if not evaluations or evaluations[0].reason is None:
        return None
    last = evaluations[0]
    before = next((each for each in evaluations if each.key != last.key), None)
    if (
        before is None
        or before.reason is None
        or _alike(before.reason) != _alike(evaluations[0].reason)
    ):
        return None
    return (
        f"two models in a row failed by the same fault of this installation: {last.reason}; mend it, then run "
        "`densing evaluate --check`"
    )


def waiting(evaluations: Sequence[Ended]) -> frozenset[str]:
    """Partitions of the models whose last evaluation ended by a fault that no check has cleared since.

    Args:
        evaluations: what `ended` returned, since the last check that passed.
    """
    last: dict[str, str | None] = {}
    for each in evaluations:
        last.setdefault(each.key, each.reason)
    return frozenset(key for key, reason in last.items() if reason is not None)


def _alike(reason: str) -> str:
    """A reason without what differs from run to run."""
    return NUMBERS.sub("#", reason)
