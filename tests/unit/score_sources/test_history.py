"""What a score source said on a day stays what it said on that day."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.history import Snapshot
from densing_pipeline.score_sources import history, source
from densing_pipeline.score_sources.numbers import number_rows
from densing_pipeline.score_sources.parsed import Reports
from densing_pipeline.score_sources.source import Embedded
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import BENCHMARK_REPORTS
from tests.unit.score_sources.conftest import Toy


def test_a_revised_value_is_a_new_vintage_and_the_first_one_stays(toy: Toy) -> None:
    toy.land("2026-03-12", "mmlu,a,.5", "mmlu,b,.6")
    first = toy.known("2026-03-12")
    toy.land("2026-08-11", "mmlu,a,.55", "mmlu,b,.6", "mmlu,c,.7")
    assert toy.known("2026-03-12") == first == {"a": 0.5, "b": 0.6}
    assert toy.known("2026-08-10") == first
    assert toy.known("2026-08-11") == {"a": 0.55, "b": 0.6, "c": 0.7}
    rows = toy.update().history
    assert rows.height == 4, "the value that did not change is one row"
    assert rows.filter(model="b")["observed_to"].to_list() == [None]


def test_a_row_that_is_withdrawn_ends_and_may_come_back(toy: Toy) -> None:
    toy.land("2026-03-01", "mmlu,a,.5", "mmlu,b,.6")
    toy.land("2026-03-02", "mmlu,b,.6")
    toy.land("2026-03-03", "mmlu,a,.5", "mmlu,b,.6")
    assert [toy.known(f"2026-03-0{day}").get("a") for day in (1, 2, 3)] == [0.5, None, 0.5]


def test_a_part_that_cannot_be_read_stays_as_it_was(toy: Toy) -> None:
    toy.land("2026-03-01", "mmlu,a,.5", "bbh,b,.6")
    toy.land("2026-03-02", "mmlu,a,damaged", "bbh,b,.61")
    assert toy.known("2026-03-02") == {"a": 0.5, "b": 0.61}


def test_unchanged_bytes_and_a_second_poll_of_a_day_add_nothing(toy: Toy) -> None:
    toy.land("2026-03-01", "mmlu,a,.5")
    before = toy.update().history
    toy.land("2026-03-01", "mmlu,a,.9", hour=14)
    toy.land("2026-03-02", "mmlu,a,.5")
    found = toy.update()
    assert found.history.equals(before)
    assert (found.folded, found.changed) == (1, 0)
    assert toy.update().folded == 0


def test_rows_of_one_model_are_told_apart_in_any_order(toy: Toy) -> None:
    rows = ["mmlu,a,.5", "mmlu,a,.6", "mmlu,a,.6", "mmlu,a,.7", "mmlu,b,.6", "bbh,a,.6"]
    toy.land("2026-03-01", *rows)
    before = toy.update().history
    assert before.filter(model="a", part="mmlu")["entry"].sort().to_list() == ["1", "2", "3", "4"]
    toy.land("2026-03-02", *reversed(rows))
    toy.land("2026-03-03", *rows[3:], *rows[:3])
    found = toy.update()
    assert (found.folded, found.changed) == (2, 0)
    assert found.history.equals(before)


@pytest.mark.parametrize(("was", "now"), [(".5", ".65"), (".5", ".9"), (".7", ".1"), (".6", ".55")])
def test_a_revised_row_of_several_is_one_revision_and_keeps_its_number(
    toy: Toy, was: str, now: str
) -> None:
    scores = [".5", ".6", ".7"]
    toy.land("2026-03-01", *(f"mmlu,a,{score}" for score in scores))
    toy.update()
    toy.land("2026-03-02", *(f"mmlu,a,{now if s == was else s}" for s in reversed(scores)))
    found = toy.update()
    ended = found.history.filter(pl.col("observed_to").is_not_null())
    began = found.history.filter(observed_from=date(2026, 3, 2))
    assert found.changed == 2, "one row ended, and one began"
    assert (ended["score"].item(), began["score"].item()) == (float(was), float(now))
    assert ended["entry"].item() == began["entry"].item()


def test_a_further_row_of_a_model_leaves_the_others_as_they_are(toy: Toy) -> None:
    toy.land("2026-03-01", "mmlu,a,.5", "mmlu,a,.7")
    toy.update()
    toy.land("2026-03-02", "mmlu,a,.6", "mmlu,a,.5", "mmlu,a,.7")
    found = toy.update()
    assert found.changed == 1
    assert found.history.filter(score=0.6)["entry"].to_list() == ["3"]
    toy.land("2026-03-03", "mmlu,a,.7", "mmlu,a,.6")
    assert toy.update().changed == 1, "a row that is gone ends alone"
    toy.land("2026-03-04", "mmlu,a,.7", "mmlu,a,.6", "mmlu,a,.4")
    assert toy.update().history.filter(score=0.4)["entry"].to_list() == ["1"]


def test_numbers_are_not_those_that_a_source_gives_itself() -> None:
    """Rows with identifiers, without, and of a part that could not be read share no number."""
    reports = Reports("toy", BENCHMARK_REPORTS, "CC0-1.0")
    for score, entry in ((0.5, "1"), (0.6, None), (0.7, None), (0.8, "recA")):
        reports.add("mmlu", benchmark_name="mmlu", model="a", entry=entry, score=score)
    parsed = reports.parsed()
    kept = parsed.reports.filter(entry="1").with_columns(entry=pl.lit("3"))
    found = number_rows(parsed.reports, kept.clear(), kept)
    assert dict(found.select("score", "entry").iter_rows()) == {
        0.5: "1", 0.6: "2", 0.7: "4", 0.8: "recA",
    }  # fmt: skip


def test_rows_that_lose_their_identifiers_keep_them() -> None:
    """A source that drops the column of its identifiers revises nothing by that."""
    folded = history.empty(BENCHMARK_REPORTS)
    for day, ids in ((1, ("x", "y")), (2, (None, None))):
        reports = Reports("toy", BENCHMARK_REPORTS, "CC0-1.0")
        for score, entry in zip((0.5, 0.6), ids, strict=True):
            reports.add("mmlu", benchmark_name="mmlu", model="a", entry=entry, score=score)
        snapshot = Snapshot(date(2026, 3, day), str(day), bytes)
        folded, changed = history.fold(folded, reports.parsed(), snapshot)
    assert (changed, folded["entry"].to_list()) == (0, ["x", "y"])


def test_an_interrupted_night_is_caught_up(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that was not written because the process died is the same the next night."""
    toy.land("2026-03-01", "mmlu,a,.5")
    toy.update()
    toy.land("2026-03-02", "mmlu,a,.6")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(history, "write_parquet", die)
        with pytest.raises(KeyboardInterrupt):
            toy.update()
    caught_up = toy.update().history
    toy.file.unlink()
    assert toy.update().history.equals(caught_up)


@pytest.mark.parametrize("damage", [b"", b"no parquet"])
def test_a_damaged_history_is_folded_anew(toy: Toy, damage: bytes) -> None:
    toy.land("2026-03-01", "mmlu,a,.5")
    toy.land("2026-03-02", "mmlu,a,.6")
    before = toy.update().history
    toy.file.write_bytes(damage)
    assert toy.update().history.equals(before)


def test_other_code_or_earlier_snapshots_fold_anew(toy: Toy) -> None:
    toy.land("2026-03-02", "mmlu,a,.6")
    assert toy.update("1").folded == 1
    assert toy.update("2").folded == 1
    toy.land("2026-03-01", "mmlu,a,.5")
    found = toy.update("2")
    assert found.folded == 2
    assert found.history["observed_from"].to_list() == [date(2026, 3, 1), date(2026, 3, 2)]


def test_documents_of_the_package_hold_until_the_first_poll(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy.folder / "old.csv").write_text("part,model,score\nmmlu,a,.4")
    (toy.folder / "new.csv").write_text("part,model,score\nmmlu,a,.5")
    monkeypatch.setattr(source, "EMBEDDED", toy.folder)
    bundled = (Embedded("old.csv", date(2026, 1, 1)), Embedded("new.csv", date(2026, 6, 1)))
    toy.source = replace(toy.source, embedded=bundled)
    assert toy.known("2026-06-01") == {"a": 0.5}
    toy.land("2026-03-01", "mmlu,a,.45")
    assert toy.known("2026-01-01") == {"a": 0.4}
    assert toy.known("2026-06-01") == {"a": 0.45}


def test_a_source_whose_landed_bytes_are_lost_keeps_its_history_and_says_so(
    toy: Toy, tmp_path: Path
) -> None:
    toy.land("2026-03-01", "mmlu,a,.5")
    history.update_all(toy.zone, tmp_path)
    toy.land("2026-03-02", "mmlu,a,.6")
    for path in (tmp_path / "landing" / "objects").rglob("*.gz"):
        path.write_bytes(b"damaged")
    found = history.update_all(toy.zone, tmp_path)
    assert "cannot be read" in str(found["toy"].failure)
    assert found["toy"].history["score"].to_list() == [0.5]
    assert found["epoch-eci"].failure is None


def test_every_document_of_the_package_can_be_read(tmp_path: Path) -> None:
    found = history.update_all(LandingZone(tmp_path / "landing"), tmp_path)
    for name, each in SOURCES.items():
        assert not found[name].refused, name
        assert found[name].history.is_empty() == (not each.embedded), name
