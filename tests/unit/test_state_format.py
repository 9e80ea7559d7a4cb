"""What an earlier version left is brought up to date; what a later one wrote is refused, and not touched."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from densing_pipeline import state_format
from densing_pipeline.landing import LandingZone
from densing_pipeline.orchestration.storage import InstanceStorage
from densing_pipeline.state import StateError, StorageError, held
from densing_pipeline.state_format import FORMAT_FILE, NEWEST_FORMAT
from tests.secrets import NEEDLES, signed

SOURCE, AT = "openrouter", datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def first(tmp_path):
    """A landing zone as the first versions wrote it: whole addresses, no file of the format."""
    folder = tmp_path / "landing"
    kept = LandingZone(folder).store(SOURCE, "", b"bytes", AT)
    [path] = (folder / "receipts" / SOURCE).glob("*.json")
    fields = json.loads(path.read_bytes()) | {"url": signed("https://lists.example/models")}
    path.write_text(json.dumps(fields))
    (path.parent / "20260102T000000.000000Z-000.json").write_text("damaged")
    return kept


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_an_earlier_version_left_is_brought_up_to_date_once(first, tmp_path, caplog):
    for _ in range(2):
        with held(tmp_path, "a night"):
            pass
    told = json.loads((tmp_path / FORMAT_FILE).read_bytes())
    assert told["format"] == NEWEST_FORMAT
    zone = LandingZone(tmp_path / "landing")
    files = zone.receipt_files(SOURCE)
    assert zone.receipt(files[0]).sha256 == first.sha256
    assert zone.read(zone.receipt(files[0])) == b"bytes"
    assert files[1].read_text() == "damaged"
    written = "".join(path.read_text() for path in files)
    assert not any(needle in written for needle in NEEDLES)
    assert [record.args[1:] for record in caplog.records] == [(1, NEWEST_FORMAT)]


def test_a_new_directory_has_the_newest_format_and_nothing_is_said_of_it(tmp_path, caplog):
    # Dagster's database comes before the first night.
    (tmp_path / "history").mkdir()
    with held(tmp_path, "a night"):
        pass
    assert state_format.check(tmp_path) == NEWEST_FORMAT
    assert caplog.records == []


def test_a_crash_between_the_steps_and_the_new_format_costs_nothing(first, tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("densing_pipeline.state_format.files.write", full)
        with pytest.raises(StateError, match="the disk is full"), held(tmp_path, "a night"):
            pytest.fail("a night began")
    assert state_format.check(tmp_path) == 1
    with held(tmp_path, "a night"):
        pass
    assert state_format.check(tmp_path) == NEWEST_FORMAT


def test_what_a_later_version_wrote_is_refused_at_every_door_and_not_touched(first, tmp_path):
    told = {"format": NEWEST_FORMAT + 1, "made_by": "9.1"}
    (tmp_path / FORMAT_FILE).write_text(json.dumps(told))
    before = content(tmp_path / "landing")
    with (
        pytest.raises(StateError, match=r"written by densing-pipeline 9\.1.*install the later"),
        held(tmp_path, "a night"),
    ):
        pytest.fail("a night began")
    with pytest.raises(StorageError, match=r"9\.1"):
        InstanceStorage.from_config_value(None, {"base_dir": str(tmp_path)})
    assert content(tmp_path / "landing") == before
    assert not (tmp_path / "history").exists()


@pytest.mark.parametrize(
    "written", ["", "[]", "{}", '{"format": true, "made_by": ""}', '{"format": 0, "made_by": ""}']
)
def test_a_damaged_format_is_refused_with_a_remedy(written, tmp_path):
    (tmp_path / FORMAT_FILE).write_text(written)
    with pytest.raises(StateError, match="is damaged; restore it"), held(tmp_path, "a night"):
        pytest.fail("a night began")


def test_every_earlier_format_has_its_step():
    assert sorted(state_format.STEPS) == list(range(1, NEWEST_FORMAT))
