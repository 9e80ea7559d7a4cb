"""Epoch AI's single documents: what a damaged row costs, and that their order means nothing."""

from collections.abc import Callable
from datetime import date

import pytest

from densing_pipeline.prices.history import Snapshot
from densing_pipeline.score_sources import history
from densing_pipeline.score_sources.sources import SOURCES
from tests.unit.score_sources.epoch import archive, members

DAY, NEXT = date(2026, 8, 11), date(2026, 8, 12)
HEADS = {
    "epoch-eci": "Model,eci",
    "epoch-edi": "benchmark_name,edi",
    "epoch-eci-benchmarks": "benchmark,performance,model_version,source",
    "epoch-models": "Model,Domain,Publication date,Parameters",
}
ROWS = {
    "epoch-eci": ("GPT-5,150", "o1,142", "GPT-4,125"),
    "epoch-edi": ("MMLU,120", "GPQA,140", "HLE,150"),
    "epoch-eci-benchmarks": ("MMLU,.5,a,x", "MMLU,.6,a,x", "MMLU,.7,b,x"),
    "epoch-models": (
        "a,Language,2024-01-01,7000", "a,Language,2024-02-01,7000", "b,Language,2024-01-01,100",
    ),
}  # fmt: skip
VALUE = {"epoch-eci": 1, "epoch-edi": 1, "epoch-eci-benchmarks": 1, "epoch-models": 3}
"""Column of the value that is revised."""


def of_zip(rows: tuple[str, ...]) -> bytes:
    head = "model_version,model_group"
    return archive(members() | {"model_metadata.csv": "\n".join([head, *rows]).encode()})


def document(name: str, rows: tuple[str, ...]) -> bytes:
    return "\n".join([HEADS[name], *rows]).encode()


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(
    "damage", [lambda row: row.partition(",")[0], lambda row: f"{row},1", lambda row: "," + row]
)
def test_a_row_with_more_or_fewer_cells_than_the_header_costs_only_itself(
    name: str, damage: Callable[[str], str]
) -> None:
    first, *others = ROWS[name]
    found = SOURCES[name].read(document(name, (damage(first), *others)), DAY)
    assert found.rows == 2
    assert found.quarantined["reason"].str.contains("line 2 has . cells, the header").all()
    assert found.rows_quarantined == 1


def test_a_short_row_of_the_versions_costs_only_itself() -> None:
    found = SOURCES["epoch-versions"].read(of_zip(("a,A", "b", "c,C")), DAY)
    assert found.reports["model"].to_list() == ["a", "c"]
    assert found.quarantined["reason"].to_list() == ["line 3 has 1 cells, the header 2"]


@pytest.mark.parametrize("name", HEADS)
def test_a_document_in_another_order_revises_nothing_and_one_value_one_row(name: str) -> None:
    rows, source = ROWS[name], SOURCES[name]
    first = source.read(document(name, rows), DAY)
    folded, _ = history.fold(history.empty(source.table), first, Snapshot(DAY, "1", bytes))
    again = source.read(document(name, rows[::-1]), DAY)
    assert again.reports.equals(first.reports)
    same, changed = history.fold(folded, again, Snapshot(NEXT, "2", bytes))
    assert (changed, same.equals(folded)) == (0, True)
    for revised, row in enumerate(rows):
        others = rows[:revised] + rows[revised + 1 :]
        now = source.read(document(name, (*others, _revised(name, row))), DAY)
        after, changed = history.fold(folded, now, Snapshot(NEXT, "2", bytes))
        assert changed == 2, "one row ended, and one began"
        ended, began = after.filter(observed_to=NEXT), after.filter(observed_from=NEXT)
        key = [column for column in source.table.key if column != "observed_from"]
        assert ended.select(key).equals(began.select(key))


def _revised(name: str, row: str) -> str:
    """The row with a digit more in its value."""
    cells = row.split(",")
    cells[VALUE[name]] += "1"
    return ",".join(cells)
