"""Settings come from DENSING_* variables, and bad ones are named."""

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.settings import Settings, SettingsError, read_settings, variables


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


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(monkeypatch):
    monkeypatch.setenv("DENSING_BOOTSTRAP_DRAW", "5")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value) == (
        "DENSING_BOOTSTRAP_DRAW is no variable of densing: did you mean DENSING_BOOTSTRAP_DRAWS? "
        "`densing settings` lists them"
    )


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("DENSING_BOOTSTRAP_DRAWS", "99", "greater than or equal to 100"),
        ("DENSING_SEED", "4294967296", "less than 4294967296"),
        ("DENSING_POLL", "perhaps", "boolean"),
        ("DENSING_PUBLISH_URL", "s3://bucket/densing", "local directory"),
        ("DENSING_LITELLM_URL", "litellm.ai", "https://"),
        ("DENSING_REFUSED_LICENCES", '["mit"', "with commas between them"),
        ("HF_ENDPOINT", "huggingface.co", "https://"),
    ],
)
def test_a_refused_setting_is_one_sentence_with_variable_value_and_remedy(
    monkeypatch, name, value, remedy
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    told = str(refused.value)
    assert told.startswith(f"{name} is {value!r}: ")
    assert remedy in told
    assert f"densing settings {name}" in told
    assert "\n" not in told


def test_a_refused_address_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("DENSING_LITELLM_URL", "ftp://user:secret@mirror.example/list.json")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "secret" not in str(refused.value)
    assert "mirror.example" in str(refused.value)


@pytest.mark.parametrize("name", ["DENSING_LITELLM_URL", "DENSING_PUBLISH_URL", "HF_ENDPOINT"])
@pytest.mark.parametrize(
    "value", ["https://user:secret@[mirror/x", "https://user:secret@mirror℀.example/x"]
)
def test_what_the_parser_of_addresses_says_is_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value).startswith(f"{name} is 'https://")
    assert f"densing settings {name}" in str(refused.value)
    assert "secret" not in "".join(traceback.format_exception(refused.value))


def test_two_refused_settings_are_two_sentences(monkeypatch):
    monkeypatch.setenv("DENSING_SEED", "-1")
    monkeypatch.setenv("DENSING_POLL_ATTEMPTS", "11")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "DENSING_SEED",
        "DENSING_POLL_ATTEMPTS",
    ]


@pytest.mark.parametrize(
    ("given", "licences"),
    [
        ("mit", {"mit"}),
        ("gpl-3.0, cc-by-nc-4.0,", {"gpl-3.0", "cc-by-nc-4.0"}),
        ('["gpl-3.0", "other"]', {"gpl-3.0", "other"}),
        ("", set()),
    ],
)
def test_refused_licences_are_a_list_with_commas_or_in_json(monkeypatch, given, licences):
    monkeypatch.setenv("DENSING_REFUSED_LICENCES", given)
    assert read_settings().refused_licences == licences


def test_every_variable_has_a_meaning_and_sets_its_field(monkeypatch):
    for variable in variables():
        assert variable.description.endswith("."), variable.name
    assert "DENSING_SEED" in {variable.name for variable in variables()}
    assert "HF_ENDPOINT" in {variable.name for variable in variables()}


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
