"""`densing maintenance` says what goes, and with `--dry-run` deletes nothing."""

import pytest

from densing_pipeline.__main__ import main


@pytest.mark.heavy
def test_what_nothing_reads_is_counted_first_and_deleted_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state"))
    cache = tmp_path / "state" / "hub" / "of-other-code"
    cache.mkdir(parents=True)
    (cache / "page.parquet").write_bytes(b"x" * 2**20)
    assert main(["maintenance", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Would delete 1 file of 1.0 MiB that nothing reads any more." in said
    assert "Would delete 0 runs" in said
    assert cache.exists()
    assert main(["maintenance"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Packed 0 receipts, deleted 1 file of 1.0 MiB that nothing reads any more." in said
    assert "Deleted 0 runs" in said
    assert not cache.exists()
