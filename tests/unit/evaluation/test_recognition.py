"""How many base models of the composed records reach the queue by rule, and that nothing else does.

`tests/unit/hub/composed.csv` lists real models of 2022 to 2026 with what their records state. The
publishers of both held-out groups were written down after the rules were frozen.
"""

from itertools import combinations
from pathlib import Path

import pytest

from densing_pipeline.evaluation import recognition
from densing_pipeline.evaluation.recognition import BASE, Outcome
from densing_pipeline.hub import composed_records, record_fields
from densing_pipeline.tables import markdown

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
COMPOSED = ROOT / "tests" / "unit" / "hub" / "composed.csv"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return recognition.read(COMPOSED)


@pytest.fixture(scope="module")
def found(rows: list[dict[str, str]]) -> list[Outcome]:
    return recognition.outcomes(rows)


def test_the_list_is_large_and_of_many_publishers(rows: list[dict[str, str]]) -> None:
    base = [row for row in rows if row["label"] == BASE]
    assert len(base) >= 200
    assert len({row["model_id"].partition("/")[0].lower() for row in base}) >= 60
    assert len(rows) - len(base) >= 300
    assert len({row["model_id"] for row in rows}) == len(rows)


def test_no_publisher_is_in_two_groups(rows: list[dict[str, str]]) -> None:
    halves: dict[str, set[str]] = {half: set() for half in ("worked on", "held out", "held out 2")}
    for row in rows:
        halves[row["half"]].add(row["model_id"].partition("/")[0].lower())
    for one, other in combinations(halves.values(), 2):
        assert not one & other
    assert len(halves["held out"]) > len(halves["worked on"])
    assert len(halves["held out 2"]) > 100


def test_a_composed_record_says_what_its_line_says(rows: list[dict[str, str]]) -> None:
    for row in rows:
        record = composed_records.record(row)
        stated = record_fields.parents(record)
        assert [parent for parent, _ in stated] == ([row["parent"]] if row["parent"] else [])
        held = record_fields.files(record)
        assert held.safetensors == ("safetensors" in row["files"])
        assert held.gguf == ("gguf" in row["files"])
        if row["parameters"] and held.safetensors:
            assert record_fields.total(record) == int(row["parameters"])


@pytest.mark.parametrize(
    ("half", "recall"),
    [("worked on", 0.95), ("held out", 0.95), ("held out 2", 0.85), ("all", 0.95)],
)
def test_recall_and_precision_of_the_queue(found: list[Outcome], half: str, recall: float) -> None:
    chosen = [one for one in found if half in (one.half, "all")]
    base = [one for one in chosen if one.label == BASE and not recognition.is_unloadable(one)]
    queued = [one for one in base if one.state == "queued"]
    false = [one for one in chosen if one.label != BASE and one.state == "queued"]
    assert len(queued) >= recall * len(base)
    # A distilled model with a size and a corpus of its own, whose record says nothing of it.
    assert {one.model_id for one in false} <= {"GeneZC/MiniMA-3B"}


def test_base_models_that_are_neither_queued_nor_wait_for_a_person(found: list[Outcome]) -> None:
    missed = [
        one.model_id
        for one in found
        if one.label == BASE and one.state not in ("queued", "blocked") and not one.custom_code
    ]
    # Doubtful ones that need code of their own besides: a base model beside its `-base` and its chat
    # model, classes of the publishers' own, a topic among the tags, a corpus with a model's name.
    assert missed == [
        "internlm/internlm2-7b",
        "apple/DCLM-7B",
        "ByteDance/Ouro-1.4B",
        "pico-lm/pico-decoder-large",
        "open-sci/open-sci-ref-v0.01-1.7b-nemotron-hq-1t-4096",
    ]


def test_the_documentation_has_these_tables(found: list[Outcome]) -> None:
    page = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
    for name, table in recognition.tables(found).items():
        assert markdown.table(table) in page, f"make docs: recognition_{name} in docs/hub.md"
