"""What a score source said on a day stays what it said on that day."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from densing_pipeline.landing import LandingZone
from densing_pipeline.score_sources import history, source
from densing_pipeline.score_sources.source import Embedded
from densing_pipeline.score_sources.sources import SOURCES
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
