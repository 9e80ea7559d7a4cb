"""The results of the year, and the tables of docs/operations.md that are made from them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densing_pipeline.tables import markdown
from densing_pipeline.units import MIB

RESULTS = Path(__file__).parent / "results.json"

NIGHT = Path(__file__).parents[1] / "results.json"
"""Has the memory of a night, `nightly.refit`."""

TICKS_A_QUARTER = 90 * 24 * 12
"""Ticks of a sensor that looks every five minutes."""

ANSWERS_A_QUARTER = 90 * 200
"""Answers of the web server if somebody opens ten pages a day."""

NAMES = {"code": "code server", "webserver": "web server"}
"""Of the services whose units have shorter ones."""

NONE_YET = "No results are stored; `make year` makes them."


def stored() -> Mapping[str, Any] | None:
    """The results, if there are any."""
    return json.loads(RESULTS.read_bytes()) if RESULTS.exists() else None


def growth(looks: Sequence[tuple[int, float]], in_a_quarter: int) -> float:
    """MiB by which memory grows in a quarter: the slope of the second half, for the first fills caches.

    Args:
        looks: number of what was done, and MiB.
        in_a_quarter: how many there are in a quarter.
    """
    late = looks[len(looks) // 2 :]
    slope, _ = np.polyfit([number for number, _ in late], [mib for _, mib in late], 1)
    return float(slope) * in_a_quarter


def places(found: Mapping[str, Any] | None) -> dict[str, str]:
    """Tables in Markdown by the place they have in the page."""
    rows = {
        "year_pages": ("pages", page_rows),
        "year_memory": ("ticks", memory_rows),
        "year_idle": ("idle", idle_rows),
        "year_disk": ("pages", disk_rows),
    }
    return {
        name: markdown.table(of(found)) if found and {"pages", part} <= found.keys() else NONE_YET
        for name, (part, of) in rows.items()
    }


def page_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """What the pages took after all nights and after old ones were deleted, a row per page under a header."""
    before, after = found["pages"]["before"], found["pages"]["after"]
    kept = {each["page"]: each for each in after["pages"]}
    header = [
        "page", "queries", f"after {found['nights']} nights: processor s", "slowest answer, s",
        "largest answer, MiB", "after maintenance: processor s", "slowest answer, s",
    ]  # fmt: skip
    others = ["processors of other programs meanwhile", "", _others(before), "", "", _others(after), ""]  # fmt: skip
    return [header] + [
        [
            each["page"], str(each["queries"]), f"{each['processor_s']:.2f}", f"{each['query_s']:.2f}",
            f"{each['answer_mib']:.2f}", f"{kept[each['page']]['processor_s']:.2f}", f"{kept[each['page']]['query_s']:.2f}",
        ]
        for each in before["pages"]
    ] + [others]  # fmt: skip


def _others(load: Mapping[str, Any]) -> str:
    return "not known" if load["others_processors"] is None else f"{load['others_processors']:.1f}"


def memory_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Memory of each service over the ticks or answers, and its growth in a quarter, under a header."""
    ticks = found["ticks"]["looks"]
    services = [
        ("daemon", "ticks", TICKS_A_QUARTER, [(each["ticks"], each["daemon"]) for each in ticks]),
        ("code server", "ticks", TICKS_A_QUARTER, [(each["ticks"], each["code"]) for each in ticks]),
    ]  # fmt: skip
    if answers := [(each["answers"], each) for each in found["pages"]["webserver"]]:
        services.append(("web server", "answers", ANSWERS_A_QUARTER, answers))
    return [
        ["service", "after", "MiB", "of it own: at first", "in the middle", "at last", "growth in a quarter, by the second half"]
    ] + [_memory_row(*service) for service in services]  # fmt: skip


def _memory_row(
    name: str, counted: str, in_a_quarter: int, looks: Sequence[tuple[int, Mapping[str, float]]]
) -> list[str]:
    own = [(number, each["own_mib"]) for number, each in looks]
    last, memory = looks[-1]
    return [
        name, f"{last:,} {counted}", f"{memory['mib']:.0f}",
        *(f"{own[at][1]:.1f}" for at in (0, len(own) // 2, -1)), f"{growth(own, in_a_quarter):+.0f}",
    ]  # fmt: skip


def idle_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Processor time and memory of the services that wait, of all together, and of a night beside them, under a header."""
    services = found["idle"]["services"]
    fields = ("processor_s_an_hour", "mib", "own_mib")
    rows = [[name, *(each[field] for field in fields)] for name, each in services.items()]
    measured = json.loads(NIGHT.read_bytes())
    [peak] = [each["peak_mb"] * 1e6 / MIB for each in measured if each["name"] == "nightly.refit"]
    total = ["all", *(sum(each[field] for each in services.values()) for field in fields)]
    return (
        [["service", "processor seconds an hour", "MiB", "of it own"]]
        + [
            [NAMES.get(name, name), *(f"{value:.0f}" for value in values)]
            for name, *values in [*rows, total]
        ]
        + [["a night beside them, at its peak", "", f"{peak:.0f}", ""]]
    )


def disk_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Disk that Dagster's database takes, under a header."""
    return [
        ["runs and events of", "MiB"],
        ["one night", f"{found['night_mib']:.1f}"],
        [f"{found['nights']} nights", f"{found['year_mib']:,.0f}"],
        ["what maintenance keeps of them", f"{found['pages']['kept_mib']:,.0f}"],
    ]
