"""Settings come from DENSING_* variables, and bad ones are named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from densing_pipeline.__main__ import main
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.settings import Settings


def test_a_variable_sets_the_field_of_its_name(monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", "/data/state")
    monkeypatch.setenv("DENSING_PUBLISH_URL", "file:///data/published")
    settings = Settings()
    assert settings.tables_dir == Path("/data/state/tables")
    assert settings.publish_dir == Path("/data/published")


@pytest.mark.parametrize("draws", ["0", "-5", "many"])
def test_a_bad_number_of_draws_is_refused(monkeypatch, draws):
    monkeypatch.setenv("DENSING_BOOTSTRAP_DRAWS", draws)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a%20b", "/a b"),
        ("/a b/c#d?e", "/a b/c#d?e"),
        ("published", "published"),
    ],
)
def test_a_publish_url_is_the_directory_it_names(url, path):
    assert Settings(publish_url=url).publish_dir == Path(path)


@pytest.mark.parametrize("url", ["", "file://published", "https://example.org/p"])
def test_a_publish_url_that_names_no_directory_is_refused(url):
    with pytest.raises(ValidationError, match="local directory"):
        Settings(publish_url=url)


def test_a_misspelt_variable_is_named(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_BOOTSTRAP_DRAW", "5")
    assert main(["show"]) == 2
    shown = capsys.readouterr().out
    assert "DENSING_BOOTSTRAP_DRAW" in shown
    assert "DENSING_BOOTSTRAP_DRAWS" in shown


def test_a_path_with_brackets_is_printed_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", "/nowhere/[/x]")
    assert main(["show"]) == 1
    assert "/nowhere/[/x]" in capsys.readouterr().out


def test_a_remote_publish_url_is_refused_with_a_remedy(monkeypatch, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", "s3://bucket/densing")
    assert main(["show"]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "DENSING_PUBLISH_URL" in shown
    assert "local directory" in shown


def test_every_price_list_can_be_pointed_elsewhere(monkeypatch):
    monkeypatch.setenv("DENSING_POLL", "true")
    for source in SOURCES.values():
        variable = f"DENSING_{source.address_setting.upper()}"
        monkeypatch.setenv(variable, f"http://127.0.0.1:8000/{source.name}")
    settings = Settings()
    assert settings.poll
    assert {s.url(settings).rpartition("/")[0] for s in SOURCES.values()} == {
        "http://127.0.0.1:8000"
    }


def test_nothing_is_asked_unless_told_so():
    assert not Settings().poll


@pytest.mark.parametrize("url", ["openrouter.ai/api", "file:///etc/passwd", "https://"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_address_of_a_source_is_a_web_address(monkeypatch, source, url):
    monkeypatch.setenv(f"DENSING_{source.address_setting.upper()}", url)
    with pytest.raises(ValidationError, match="https://"):
        Settings()


def test_show_before_the_first_run_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(tmp_path))
    assert main(["show"]) == 1
    assert "make run" in " ".join(capsys.readouterr().out.split())
