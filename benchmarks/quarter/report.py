"""The results of the quarter, and the tables of docs/reliability.md that are made from them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quarter.chaos import ANSWERS
from densing_pipeline.orchestration.checks import STALE_HOURS
from densing_pipeline.orchestration.tables import ONE_NIGHT_MISSED
from densing_pipeline.tables import markdown
from densing_pipeline.tables.dates import DAYS_PER_YEAR

RESULTS = Path(__file__).parent / "results.json"

HOURS = 24

STALE = "check:source_health:sources_fresh"
"""The alert on sources that failed, were refused or are old."""

FAILED = "run:nightly"
"""The alert on a night that failed."""

MISSING = "night:missing"
"""The alert on nights that did not come."""

NAMES = {
    "epoch-benchmarks": ("epoch-benchmarks", "epoch-versions"),
    "hub": ("huggingface-hub",),
}
"""Names in `source_health` of what is read from one address, where they differ from the fault's."""

SETTLED = 30
"""Nights after which maintenance deletes runs as fast as they come, and packs receipts. A run of over twice as many has
its growth measured from then on."""

FILES_A_YEAR = 20_000
MIB_A_YEAR = 300
"""The budget of a year: what the state directory of this simulated installation may grow by once it has settled."""

NONE_YET = "No results are stored; `make quarter` makes them."


def faults(attempts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """By kind of fault how many were injected, and of how many the night succeeded in the end.

    Args:
        attempts: of the run with faults. A kill that came after the end of its night was none.
    """
    good = {each["night"] for each in attempts if each["outcome"] == "ok"}
    machine = [
        (each["night"], number, each["fault"])
        for number, each in enumerate(attempts)
        if each["fault"] and (each["fault"] != "kill -9" or each["outcome"] == "killed")
    ]
    answers = {
        (each["night"], source, kind)
        for each in attempts
        for kind, source, _ in each["answers"]
    }  # fmt: skip
    found: dict[str, dict[str, int]] = {}
    for night, _, kind in sorted([*machine, *answers], key=str):
        counts = found.setdefault(kind, {"injected": 0, "survived": 0, "lost": 0})
        counts["injected"] += 1
        counts["survived" if night in good else "lost"] += 1
    return dict(sorted(found.items()))


def misjudged(attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Attempts in which `source_health` called other sources failed or rejected than those with a lasting fault.

    A wrong answer that came once, to one of several sources that read the same address, is that of any of them.
    """
    found = []
    for each in attempts:
        if each["outcome"] != "ok":
            continue
        bad = set(each["health"])
        lasting, once = set[str](), list[set[str]]()
        for kind, source, lasts in each["answers"]:
            names = set(NAMES.get(source, (source,)))
            if lasts:
                lasting |= names
            elif kind == "garbage":
                once.append(names)
        wrong = (lasting - bad) | (bad - lasting.union(*once))
        wrong |= {name for names in once if not names & bad for name in names}
        if wrong:
            found.append(f"night {each['night']}: {sorted(wrong)}")
    return found


def alerts(quiet: Mapping[str, Any], chaos: Mapping[str, Any]) -> dict[str, Any]:
    """Whether each look found the problems that there were, and each was told once.

    Deserved are those of the quiet run on the same night; a night whose last attempt failed, or was found killed by
    the next one, which did not succeed either; sources that the last night found failed, refused or old; and, as the clock
    leaps, sources that seem old and nights that seem missing.
    """
    usual: dict[int, set[str]] = {}
    for tick in quiet["ticks"]:
        usual.setdefault(tick["night"], set()).update(tick["told"])
    missing, unexpected = list[str](), list[str]()
    known: list[set[str]] = []
    is_stale = is_failed = is_missing = was_killed = False
    for tick, attempt in zip(chaos["ticks"], chaos["attempts"], strict=True):
        leap = attempt["size"] if attempt["fault"] == "clock jump" else 0
        if not attempt["refused"]:
            is_failed, was_killed = is_failed or was_killed, attempt["outcome"] == "killed"
        if attempt["outcome"] == "ok":
            is_failed = False
            is_stale = bool(attempt["health"]) or leap * HOURS > STALE_HOURS
            is_missing = abs(leap) * timedelta(days=1) > ONE_NIGHT_MISSED
        elif attempt["outcome"] == "failed" and not attempt["refused"]:
            is_failed = True
        deserved = usual.get(tick["night"], set()) - {STALE}
        deserved |= {
            key
            for key, is_known in ((STALE, is_stale), (FAILED, is_failed), (MISSING, is_missing))
            if is_known
        }
        told = set(tick["told"])
        known.append(told)
        if attempt["outcome"] != "ok":
            # A check may have run before the attempt ended, or not.
            checks = {key for key in told | deserved if key.startswith("check:")}
            told, deserved = told - checks, deserved - checks
        missing += [f"night {tick['night']}: {key}" for key in sorted(deserved - told)]
        unexpected += [f"night {tick['night']}: {key}" for key in sorted(told - deserved)]
    paragraphs = [part for text in chaos["messages"] for part in text.split("\n\n")]
    paragraphs = [part for part in paragraphs if not part.startswith("A headline number")]
    starts = Counter(part.partition(": ")[0] for part in paragraphs)
    mended, again = starts["Mended"], starts["Still"]
    return {
        "missing": missing,
        "unexpected": unexpected,
        "begun": _begun(known),
        "told": len(paragraphs) - mended - again,
        "mended": mended,
        "again": again,
    }


def _begun(known: Iterable[set[str]]) -> int:
    """How often a problem began, given those known at each look."""
    begun, before = 0, set[str]()
    for now in known:
        begun += len(now - before)
        before = now
    return begun


def growth(sizes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Files and KiB a night by folder, by a line through the nights, and how far the sizes depart from it.

    Args:
        sizes: files and bytes by folder after each night; of over `2 * SETTLED` nights the first `SETTLED` do not count.
    """
    folders = sorted({name for each in sizes for name in each} - {"night"})
    measured = sizes[SETTLED:] if _has_settled(len(sizes)) else sizes
    nights = np.array([each["night"] for each in measured], dtype=float)
    found = {}
    for name in folders:
        counted = np.array([each.get(name, [0, 0]) for each in measured], dtype=float)
        lines = np.polyfit(nights, counted, 1) if len(nights) > 1 else np.zeros((2, 2))
        off = np.abs(counted - (np.outer(nights, lines[0]) + lines[1]))[:, 1]
        found[name] = {
            "files": float(counted[-1, 0]),
            "mib": float(counted[-1, 1]) / 2**20,
            "files_per_night": float(lines[0, 0]),
            "kib_per_night": float(lines[0, 1]) / 1024,
            "largest_departure": float(off.max() / max(counted[:, 1].max(), 1)),
        }
    return found


def a_year(each: Mapping[str, float]) -> tuple[float, float]:
    """Files and MiB by which a folder grows in a year of nights, given what `growth` says of it."""
    files, kib = max(each["files_per_night"], 0), max(each["kib_per_night"], 0)
    return DAYS_PER_YEAR * files, DAYS_PER_YEAR * kib / 1024


def together(growth: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    """Files and MiB by which all folders grow in a year."""
    files, mib = np.array([a_year(each) for each in growth.values()]).sum(axis=0)
    return float(files), float(mib)


def _has_settled(nights: int) -> bool:
    return nights > 2 * SETTLED


def over_budget(growth: Mapping[str, Mapping[str, float]], nights: int) -> list[str]:
    """What of the budget of a year is exceeded, a sentence each; nothing is before the directory has settled.

    Args:
        growth: what `growth` says.
        nights: number of nights.
    """
    if not _has_settled(nights):
        return []
    files, mib = together(growth)
    return [
        f"{name} grow by {found:.0f} a year, over the budget of {budget}"
        for name, found, budget in (("files", files, FILES_A_YEAR), ("MiB", mib, MIB_A_YEAR))
        if found > budget
    ]


def digest(*parts: bytes) -> str:
    """A short hash of what the results came from."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:12]


def stored() -> dict[str, Any] | None:
    """The results in the repository; None if there are none."""
    if not RESULTS.exists():
        return None
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def places(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The generated text of docs/reliability.md by place."""
    if found is None:
        return dict.fromkeys(("quarter_outcome", "quarter_faults", "quarter_growth"), NONE_YET)
    return {
        "quarter_outcome": markdown.table(outcome_rows(found)),
        "quarter_faults": markdown.table(fault_rows(found)),
        "quarter_growth": markdown.table(growth_rows(found)),
    }


def outcome_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """What came of the quarter."""
    tables, told = found["tables"], found["alerts"]
    differing = [each["table"] for each in tables if each["differing"]]
    return [
        [f"{found['nights']} nights, seed {found['seed']}, made from {found['digest']}", ""],
        ["faults injected", str(sum(each["injected"] for each in found["faults"].values()))],
        ["of these survived", str(sum(each["survived"] for each in found["faults"].values()))],
        ["nights lost", str(found["nights_lost"])],
        ["attempts of nights: killed, failed, all", f"{found['killed']}, {found['failed']}, {found['attempts']}"],
        ["landed documents without a row in `source_health`", str(found["unreported"])],
        ["tables equal to the quiet run's", f"{len(tables) - len(differing)} of {len(tables)}"],
        ["tables that differ", ", ".join(f"`{name}`" for name in differing) or "none"],
        ["days within an outage, stated as an interval that holds the quiet run's", str(sum(each["intervals"] for each in tables))],
        ["problems that began, and were told", f"{told['begun']}, {told['told']}"],
        ["problems that were not told, or told without reason", str(len(told["missing"]) + len(told["unexpected"]))],
        ["sources misjudged", str(len(found["misjudged"]))],
        ["seconds a night without refit, median", f"{found['seconds']:.1f}"],
        ["seconds of CPU a night without refit: first, middle and last third of the nights", ", ".join(map(str, found["cpu_s"]))],
        *([["seconds of CPU that a night takes more after 100 nights, by a line", f"{found['cpu_s_more_after_100_nights']:.2f}"]] if "cpu_s_more_after_100_nights" in found else []),
    ]  # fmt: skip


def fault_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Faults by kind."""
    of_source = dict.fromkeys((*ANSWERS, "dead source"), "of a source")
    return [
        ["fault", "injected", "survived", "lost"],
        *(
            [f"{kind} ({of_source.get(kind, 'of this machine')})", *(str(counts[name]) for name in ("injected", "survived", "lost"))]
            for kind, counts in found["faults"].items()
        ),
    ]  # fmt: skip


def growth_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Growth of the state directory by folder, what it comes to in a year, and the budget of a year."""
    growth = found["growth"]
    files, mib = together(growth)
    return [
        ["folder", "files", "MiB", "files a year", "MiB a year", "departs from a line by"],
        *(
            [
                f"`{name}`" if " " not in name else name,
                f"{each['files']:.0f}",
                f"{each['mib']:.1f}",
                *(f"{number:.0f}" for number in a_year(each)),
                f"{each['largest_departure']:.0%}",
            ]
            for name, each in growth.items()
        ),
        ["together", "", "", f"{files:.0f}", f"{mib:.0f}", ""],
        [f"budget, after {SETTLED} nights", "", "", f"{FILES_A_YEAR}", f"{MIB_A_YEAR}", ""],
    ]
