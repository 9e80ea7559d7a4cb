"""The Swallow leaderboard: base models only, text read as text, nothing constructed."""

from datetime import date
from pathlib import Path

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources.parsed import ParsedReports
from densing_pipeline.score_sources.sources import SOURCES

SWALLOW = SOURCES["swallow-leaderboard"]
BUNDLED = SWALLOW.embedded[0].content()
BASE = """
- model_id: maker/base
  date: '2025-01-02'
  is_post: false
  results:
    en_pre: {avg: .4, MMLU: 0.449, MATH: .14, NewTask: .2}
"""


def read(text: str | bytes) -> ParsedReports:
    content = text.encode() if isinstance(text, str) else text
    return SWALLOW.read(content, date(2026, 6, 24))


def test_the_bundled_copy_has_fifty_base_models_on_twenty_benchmarks() -> None:
    found = read(BUNDLED)
    assert found.rows == 1000
    assert found.reports["model"].n_unique() == 50
    assert found.remarks == []
    row = found.reports.filter(model="tiiuae/Falcon3-1B-Base", benchmark_name="MMLU").row(
        0, named=True
    )
    assert (row["score"], row["protocol"], row["release_date"]) == (
        0.449, "5-shot acc", date(2024, 12, 19),
    )  # fmt: skip


def test_its_math_is_not_the_papers() -> None:
    """Its scores under MATH move in steps of .002: they are of MATH-500."""
    rows = read(BASE).reports
    assert dict(rows.select("benchmark_name", "benchmark").iter_rows()) == {
        "MMLU": "MMLU", "MATH": "MATH-500", "NewTask": None,
    }  # fmt: skip
    assert rows.filter(benchmark_name="NewTask")["protocol"].to_list() == [None]


def test_models_after_post_training_are_left_out() -> None:
    post = BASE.replace("maker/base", "maker/chat").replace("is_post: false", "is_post: true")
    unsaid = BASE.replace("maker/base", "maker/unsaid").replace("  is_post: false\n", "")
    found = read(BASE + post + unsaid)
    assert found.reports["model"].unique().to_list() == ["maker/base"]
    assert found.left_out == {"models after post-training": 2}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (".14", "14", "a fraction is between 0 and 1"),
        (".14", "good", "not a number"),
        (".14", "[1, 2]", "AttributeError"),
        ("avg: .4", "MATH: .3", None),
    ],
)
def test_a_bad_cell_costs_only_itself(old: str, new: str, reason: str | None) -> None:
    found = read(BASE.replace(old, new))
    assert found.rows == (2 if reason else 3)
    assert [reason in text for text in found.quarantined["reason"]] == ([True] if reason else [])


@pytest.mark.parametrize("entry", ["- just text\n", "- {model_id: [1]}\n", "- {is_post: false}\n"])
def test_an_entry_without_a_model_costs_only_itself(entry: str) -> None:
    found = read(BASE + entry)
    assert (found.rows, found.quarantined["reason"].to_list()) == (3, ["an entry without a model"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b",
        "- [",
        BASE + "- !!python/object/apply:os.system [x",
        "[" * 100_000,
        b"\xff\xfe\xfa",
    ],
)
def test_what_is_no_list_of_models_is_refused(text: str | bytes) -> None:
    with pytest.raises(SnapshotError):
        read(text)


def test_tags_construct_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    tagged = f"- !!python/object/apply:pathlib.Path.touch [{marker}]\n"
    assert read(BASE + tagged).rows == 3
    assert not marker.exists()


def test_aliases_are_refused_before_they_multiply() -> None:
    bomb = "- &a0 [x, x]\n" + "".join(
        f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
    )
    with pytest.raises(SnapshotError, match="aliases"):
        read(BASE + bomb)


@pytest.mark.shared
def test_the_bundled_copy_is_the_recorded_one_without_post_trained_models(recorded: Path) -> None:
    whole = read((recorded / "swallow" / "model.yml").read_bytes())
    assert whole.reports.equals(read(BUNDLED).reports)
    assert whole.left_out == {"models after post-training": 68}
