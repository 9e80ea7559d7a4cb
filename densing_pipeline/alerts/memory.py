"""What each address has been told, and what it is to be told therefore.

The memory is `alerts.json` in the state directory. A problem that lasts is told once, again only after
`DENSING_ALERT_REPEAT_HOURS`, and once more when it is gone; a headline number when it leaves the interval it was last
told with.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from densing_pipeline import files
from densing_pipeline.publication.wording import counted

FILE = "alerts.json"
"""What has been told, in the state directory."""

MOST_TOLD = 20
"""Most problems that one message describes; the rest is counted."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong and that a person should know.

    Attributes:
        key: the same for as long as it is the same problem.
        what: what is wrong, a sentence without a full stop.
        since: since when, UTC.
        remedy: what to do, in the imperative.
        link: address or name of the place where more is seen; may be empty.
    """

    key: str
    what: str
    since: datetime
    remedy: str
    link: str = ""


@dataclass(frozen=True)
class Known:
    """A problem that has been told.

    Attributes:
        what: as it was told.
        since: ISO 8601.
        told_at: when it was told last, ISO 8601.
    """

    what: str
    since: str
    told_at: str


@dataclass
class Told:
    """What one address has been told.

    Attributes:
        problems: by key.
        headline: months with interval by series, as last told.
        failures: attempts in a row that the service did not take.
        not_before: when the next attempt is due after these, ISO 8601.
    """

    problems: dict[str, Known] = field(default_factory=dict)
    headline: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    failures: int = 0
    not_before: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Told":
        """From what a file holds of it.

        Raises:
            KeyError, TypeError, ValueError: the file is damaged.
        """
        problems = {key: Known(**known) for key, known in kept["problems"].items()}
        for instant in (*(known.told_at for known in problems.values()), kept["not_before"]):
            if instant and datetime.fromisoformat(instant).tzinfo is None:
                raise ValueError(f"{instant} has no time zone")
        return cls(
            problems,
            {
                name: (float(months), float(low), float(high))
                for name, (months, low, high) in kept["headline"].items()
            },
            int(kept["failures"]),
            str(kept["not_before"]),
        )


@dataclass
class Memory:
    """What has been told.

    Attributes:
        addresses: what each address has been told, so that one that fails costs the others nothing, by `telling._key`.
        heartbeat: run of the last heartbeat.
    """

    addresses: dict[str, Told] = field(default_factory=dict)
    heartbeat: str = ""

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """The memory in a file; an empty one if there is none, or none that can be read."""
        if path in _UNWRITTEN:
            return _UNWRITTEN[path]
        try:
            kept = json.loads(path.read_bytes())
            addresses = {key: Told.of(told) for key, told in kept["addresses"].items()}
            return cls(addresses, str(kept["heartbeat"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Keep it in a file, or where the disk takes none, in this process: else a full disk is told every five minutes."""
        try:
            files.write(path, (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode())
            _UNWRITTEN.pop(path, None)
        except OSError:
            _UNWRITTEN[path] = self


_UNWRITTEN: dict[Path, Memory] = {}
"""What was told and could not be kept in a file, by the file."""


def due(memory: Told, problems: Sequence[Problem], now: datetime, repeat: timedelta) -> list[str]:
    """Paragraphs for what has not been told, or not for long, and for what is mended.

    Args:
        memory: what has been told; it is changed as if the paragraphs were sent.
        problems: everything that is wrong now.
        now: the time, UTC.
        repeat: time after which a problem that lasts is told again.
    """
    paragraphs, left_out = list[str](), 0
    current = {problem.key: problem for problem in problems}
    for key, problem in current.items():
        known = memory.problems.get(key)
        # Of a time to come as well, which a clock that was ahead has left.
        if known and abs(now - datetime.fromisoformat(known.told_at)) < repeat:
            continue
        since = (
            known.since if known else problem.since.astimezone(UTC).isoformat(timespec="seconds")
        )
        memory.problems[key] = Known(problem.what, since, now.isoformat(timespec="seconds"))
        if len(paragraphs) < MOST_TOLD:
            paragraphs.append(_told(problem, since, is_again=known is not None))
        else:
            left_out += 1
    if left_out:
        paragraphs.append(f"and {counted(left_out, 'problem')} more: `densing alerts` lists them.")
    mended = [memory.problems.pop(key) for key in sorted(memory.problems.keys() - current.keys())]
    return [*paragraphs, *(f"Mended: {each.what}." for each in mended)]


def headline_moved(memory: Told, path: Path) -> list[str]:
    """A paragraph if numbers of the headline have left the intervals they were last told with.

    Args:
        memory: the numbers last told; a number that is new, or told now, is remembered.
        path: of `headline.json`.
    """
    lines = []
    for name, (months, low, high) in _headline(path).items():
        told = memory.headline.setdefault(name, (months, low, high))
        if not told[1] <= months <= told[2]:
            memory.headline[name] = (months, low, high)
            lines.append(
                f"{name}: {months:.1f} months ({low:.1f} to {high:.1f}), was {told[0]:.1f} "
                f"({told[1]:.1f} to {told[2]:.1f})"
            )
    if not lines:
        return []
    return ["A headline number left its interval:\n" + "\n".join(lines)]


def _told(problem: Problem, since: str, *, is_again: bool) -> str:
    still = "Still: " if is_again else ""
    more = f" See {problem.link}." if problem.link else ""
    return f"{still}{problem.what} (since {since}). {problem.remedy}.{more}"


def _headline(path: Path) -> dict[str, tuple[float, float, float]]:
    """Months with interval by topic and series, of every estimate that has the three."""
    try:
        told: Mapping[str, Any] = json.loads(path.read_bytes())
        return {
            f"{answer['topic']}, {each['series']}": (
                float(each["months"]),
                float(each["low"]),
                float(each["high"]),
            )
            for answer in told["answers"]
            for each in answer["estimates"]
            if None not in (each["months"], each["low"], each["high"])
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}
