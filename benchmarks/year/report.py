"""The results of the year, and the tables of docs/operations.md that are made from them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densing_pipeline.tables import markdown

RESULTS = Path(__file__).parent / "results.json"

TICKS_A_QUARTER = 90 * 24 * 12
"""Ticks of a sensor that looks every five minutes."""

ANSWERS_A_QUARTER = 90 * 200
"""Answers of the web server if somebody opens ten pages a day."""

NONE_YET = "No results are stored; `make year` makes them."


def stored() -> Mapping[str, Any] | None:
    """The results, if there are any."""
    return json.loads(RESULTS.read_bytes()) if RESULTS.exists() else None


def growth(found: Sequence[Mapping[str, Any]], counted: str, in_a_quarter: int) -> float:
    """MiB by which memory grows in a quarter: the slope of the second half, for the first fills caches.

    Args:
        found: memory by number of what was done.
        counted: name of that number.
        in_a_quarter: how many there are in a quarter.
    """
    late = found[len(found) // 2 :]
    slope, _ = np.polyfit([each[counted] for each in late], [each["mib"] for each in late], 1)
    return float(slope) * in_a_quarter


def places(found: Mapping[str, Any] | None) -> dict[str, str]:
    """Tables in Markdown by the place they have in the page."""
    if found is None:
        return dict.fromkeys(("year_pages", "year_memory", "year_disk"), NONE_YET)
    return {
        "year_pages": markdown.table(page_rows(found)),
        "year_memory": markdown.table(memory_rows(found)),
        "year_disk": markdown.table(disk_rows(found)),
    }


def page_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """What the pages took after all nights and after old ones were deleted, a row per page under a header."""
    kept = {each["page"]: each for each in found["pages_kept"]}
    header = [
        "page", "queries", f"after {found['nights']} nights: processor s", "slowest answer, s",
        "largest answer, MiB", "after 180 nights: processor s", "slowest answer, s",
    ]  # fmt: skip
    return [header] + [
        [
            each["page"], str(each["queries"]), f"{each['processor_s']:.2f}", f"{each['query_s']:.2f}",
            f"{each['answer_mib']:.2f}", f"{kept[each['page']]['processor_s']:.2f}", f"{kept[each['page']]['query_s']:.2f}",
        ]
        for each in found["pages"]
    ]  # fmt: skip


def memory_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Memory of each service at first and at last, and its growth in a quarter, under a header."""
    rows = [
        ["service", "MiB at first", "MiB at last", "after", "MiB a quarter, by the second half"]
    ]
    for name, looks, counted, in_a_quarter in (
        ("daemon and its code server", found["daemon"], "ticks", TICKS_A_QUARTER),
        ("web server and its code server", found["webserver"], "answers", ANSWERS_A_QUARTER),
    ):
        rows.append(
            [
                name, f"{looks[0]['mib']:.0f}", f"{looks[-1]['mib']:.0f}",
                f"{looks[-1][counted]:,} {counted}", f"{growth(looks, counted, in_a_quarter):+.0f}",
            ]
        )  # fmt: skip
    return rows


def disk_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Disk that Dagster's database takes, under a header."""
    return [
        ["runs and events of", "MiB"],
        ["one night", f"{found['night_mib']:.1f}"],
        [f"{found['nights']} nights", f"{found['year_mib']:,.0f}"],
        ["the newest 180 of them, after maintenance", f"{found['kept_mib']:,.0f}"],
    ]
