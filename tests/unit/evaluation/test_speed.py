"""How fast evaluations are is measured as docs/performance.md says, and told there."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import evaluation, performance
from densing_pipeline.tables import markdown

ROOT = Path(__file__).parents[3]


def test_each_run_of_a_row_begins_with_an_empty_prefix_cache() -> None:
    done: list[str] = []

    def empty() -> bool:
        done.append("emptied")
        return True

    engine = SimpleNamespace(llm=SimpleNamespace(reset_prefix_cache=empty))

    def work(name: str, size: int) -> None:
        done.append(name)
        sum(range(size))

    row = evaluation._compare(
        engine, "evaluation.none", "sums", lambda: work("ours", 10**6),
        lambda: work("peer", 3 * 10**6), "three times the numbers", repeats=2,
    )  # fmt: skip
    assert done[::2] == ["emptied"] * 5
    assert done[1::2] == ["ours", *["ours", "peer"] * 2]
    assert row["unit"] == "processor s"
    assert row["peer"] > row["ours"] > 0
    assert row["peak_mb"] > 10


def test_the_page_has_the_figures_that_are_stored() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    for name, told in performance.places().items():
        assert markdown.filled(page, name, told) == page, "run `make docs`"


@pytest.mark.parametrize(
    ("row", "least"),
    [("choices", 20), ("losses", 3), ("fresh_text", 3), ("texts", 0.95), ("job", 0.95)],
)
def test_evaluations_are_as_many_times_faster_than_their_peers(row: str, least: float) -> None:
    found = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))
    (one,) = [each for each in found if each["name"] == f"evaluation.{row}"]
    assert one["peer"] / one["ours"] >= least
