"""`densing report` names and opens the page of the latest release."""

import webbrowser
from datetime import UTC, datetime

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.publication import release as releases
from densing_pipeline.publication.report import page as pages
from tests.full_release import full_release
from tests.releases import some_provenance

pytestmark = pytest.mark.heavy


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The addresses that a browser is asked for."""
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path / "published"))
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "state"))
    asked: list[str] = []

    def opens(address: str) -> bool:
        asked.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    return asked


def test_the_page_of_the_latest_release_is_named_and_opened(
    opened, tables, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(releases, "CHARTS", {})
    monkeypatch.setattr(pages, "javascript", lambda: "")
    release = releases.publish(
        full_release(tables),
        tmp_path / "published",
        some_provenance(datetime(2026, 5, 1, tzinfo=UTC)),
    )
    page = release.path / "report" / "index.html"
    assert main(["report"]) == 0
    assert opened == [page.as_uri()]
    assert "".join(capsys.readouterr().out.split()) == str(page)
    assert main(["report", "--no-open"]) == 0
    assert len(opened) == 1


def test_without_a_release_the_remedy_is_said(opened, capsys):
    assert main(["report"]) == 1
    assert "`densing run` publishes a first release" in " ".join(capsys.readouterr().err.split())
    assert opened == []
