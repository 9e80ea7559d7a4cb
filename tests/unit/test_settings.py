"""Settings come from DENSING_* variables, and bad ones are named."""

import re
import signal
import threading
import traceback
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from densing_pipeline import clock
from densing_pipeline.alerts.telling import tell
from densing_pipeline.orchestration.maintenance import tidy
from densing_pipeline.orchestration.problems import problems
from densing_pipeline.orchestration.run_retention import delete_old_runs, delete_old_ticks
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.settings import (
    MOST_DAYS,
    MOST_HOURS,
    MOST_SECONDS,
    Settings,
    SettingsError,
    read_settings,
    variables,
)


def test_a_variable_sets_the_field_of_its_name(monkeypatch):
    monkeypatch.setenv("DENSING_STATE_DIR", "/data/state")
    monkeypatch.setenv("DENSING_PUBLISH_URL", "file:///data/published")
    settings = Settings()
    assert settings.tables_dir == Path("/data/state/tables")
    assert settings.publish_dir == Path("/data/published")


def test_releases_of_a_set_clock_are_sent_to_no_store(monkeypatch):
    monkeypatch.setenv("DENSING_NOW", "2027-01-31T02:00:00+00:00")
    assert Settings(publish_url="replayed").now is not None
    monkeypatch.setenv("DENSING_PUBLISH_URL", "s3://bucket/densing")
    with pytest.raises(SettingsError, match="sent nowhere: unset it"):
        read_settings()


def test_a_clock_without_a_zone_is_refused_with_an_example(monkeypatch):
    monkeypatch.setenv("DENSING_NOW", "2027-01-31")
    with pytest.raises(SettingsError, match=r"DENSING_NOW is '2027-01-31'.* no time zone"):
        read_settings()


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


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket", "s3://bucket/a/b", "gs://bucket/a", "az://container/a",
        "hf://datasets/owner/name",
    ],
)  # fmt: skip
def test_releases_of_a_remote_place_have_a_copy_in_the_state_directory(url, tmp_path):
    settings = Settings(publish_url=url, state_dir=tmp_path)
    assert settings.is_remote
    assert settings.publish_dir == tmp_path / "published"


def test_an_address_of_a_store_may_be_written_in_capital_letters():
    assert Settings(publish_url="S3://Bucket/A").publish_url == "s3://Bucket/A"
    assert Settings(publish_url="FILE:///data").publish_dir == Path("/data")


def cluster(tmp_path, store, **given):
    return Settings(
        state_dir=tmp_path, **{"evaluate_on": "ray", "evaluation_store": store, **given}
    )


@pytest.mark.parametrize(
    "url", ["s3://bucket", "S3://bucket/a/", "gs://bucket/a", "az://container/a"]
)
def test_evaluations_travel_through_an_object_store(tmp_path, url):
    assert cluster(tmp_path, url).evaluation_store == url.replace("S3", "s3").rstrip("/")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hf://datasets/a/b", "travel through an object store: s3://bucket/prefix"),
        ("/shared/disk", "travel through an object store"),
        ("https://bucket.example/a", "travel through an object store"),
        ("s3://", "s3://bucket/prefix"),
        ("s3://key:secret@bucket/a", "credentials come from the environment"),
        ("s3://bucket/a?token=secret", "credentials come from the environment"),
        ("s3://bucket/../a", "without `.` and `..`"),
    ],
)
def test_other_addresses_for_evaluations_are_refused(tmp_path, url, told):
    with pytest.raises(ValidationError, match=re.escape(told)) as refused:
        cluster(tmp_path, url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("on", "why"), [("local", "evaluates on this machine"), ("slurm", "through files of the state")]
)
def test_a_store_for_evaluations_is_for_nodes_that_share_no_disk(tmp_path, on, why):
    with pytest.raises(ValidationError, match=why):
        cluster(tmp_path, "s3://bucket/a", evaluate_on=on)


def test_a_replay_shares_no_evaluations_with_other_machines(tmp_path):
    with pytest.raises(ValidationError, match="share no evaluations with other machines"):
        cluster(tmp_path, "s3://bucket/a", now="2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("url", ["s3://b/../c", "gs://b/a/./c", "az://c/%2e%2e/d"])
def test_a_prefix_that_a_store_would_read_as_another_one_is_refused(url):
    with pytest.raises(ValidationError, match="write the prefix without"):
        Settings(publish_url=url)
    assert Settings(publish_url="s3://b/..c/.d").is_remote


def test_a_fragment_of_an_address_of_a_store_is_refused():
    with pytest.raises(ValidationError, match="s3://bucket/prefix"):
        Settings(publish_url="s3://bucket#prefix")


@pytest.mark.parametrize("url", ["s3:bucket/a", "gs:/bucket", "FILE:/data", "hf:datasets/a/b"])
def test_an_address_with_too_few_slashes_is_no_folder(url):
    with pytest.raises(ValidationError, match="local directory"):
        Settings(publish_url=url)


@pytest.mark.parametrize(
    "url", ["s3://key:secret@bucket/a", "gs://bucket/a?token=secret", "hf://secret@datasets/a/b"]
)
def test_credentials_in_an_address_of_a_store_are_refused_and_not_repeated(url):
    with pytest.raises(ValidationError, match="credentials come from the environment") as refused:
        Settings(publish_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["hf://owner/name", "hf://datasets/owner", "hf://datasets/owner/name/folder"]
)
def test_a_place_on_the_hub_is_a_data_set_of_its_own(url):
    with pytest.raises(ValidationError, match="hf://datasets/owner/name; releases have"):
        Settings(publish_url=url)


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
        ("DENSING_PUBLISH_URL", "ftp://bucket/densing", "local directory"),
        ("DENSING_PUBLISH_URL", "s3://", "s3://bucket/prefix"),
        ("DENSING_LITELLM_URL", "litellm.ai", "https://"),
        ("DENSING_REFUSED_LICENCES", '["mit"', "with commas between them"),
        ("HF_ENDPOINT", "huggingface.co", "https://"),
        ("DENSING_LITELLM_URL", "https://litellm.ai:99999/list", "https://"),
        ("DENSING_LITELLM_URL", "https://:443/list", "names a host"),
        ("DENSING_LITELLM_URL", "https://litellm.ai/a list", "https://"),
        ("DENSING_REDIRECT_HOSTS", "*.hf.co,https://mirror.example", "write `host`"),
        ("DENSING_STATE_DIR", "", "write a path"),
        ("DENSING_STATE_DIR", "~/state", "write the whole path"),
        ("DENSING_PUBLISH_URL", "~/published", "write the whole path"),
        ("DENSING_PUBLISH_URL", f"file://{__file__}/releases", "a file where a folder must be"),
        ("DENSING_EVALUATION_CACHE", __file__, "a file where a folder must be"),
        ("DENSING_EVALUATION_DATA", "/nowhere/mirror", "there is no folder /nowhere/mirror"),
        ("DENSING_EVALUATION_DATA", __file__, "a file where a folder must be"),
        ("DENSING_LADDERS", "/nowhere/ladders.csv", "there is no file /nowhere/ladders.csv"),
        ("DENSING_LADDERS", "/", "there is no file /"),
    ],
)
def test_a_refused_setting_is_one_sentence_with_variable_value_and_remedy(
    monkeypatch, name, value, remedy
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    told = str(refused.value)
    assert told.startswith(f"{name} is {value[:100]!r}: ")
    assert remedy in told
    assert f"densing settings {name}" in told
    assert "\n" not in told


NUMBERS = [
    f"DENSING_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if type(field.default) in (int, float) or name == "evaluation_limit"
]


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "-1", "1,5", "9" * 5000, "ten"])
@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_refused_in_one_sentence_where_it_is_none(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    told = str(refused.value)
    assert told.startswith(f"{name} is {value[:100]!r}: ")
    assert "; unset it for the default" in told
    assert "\n" not in told


PATHS = [
    f"DENSING_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if "Path" in str(field.annotation) or name == "publish_url"
]


@pytest.mark.parametrize("value", ["", " ", "~/a", "~", "/a\nb", "/a\x1b[2J", "/a\udcff"])
@pytest.mark.parametrize("name", PATHS)
def test_every_path_is_refused_in_one_sentence_where_it_is_none(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(
        SettingsError, match=f"^{name} is {re.escape(repr(value))}: .*; unset it for the default"
    ):
        read_settings()


def test_a_path_of_any_writing_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("DENSING_STATE_DIR", str(tmp_path / "état\u00a0Ω\u3000状态 'a' %"))
    assert read_settings().state_dir.name == "état\u00a0Ω\u3000状态 'a' %"


TIMES = [
    name for name in NUMBERS
    if name.endswith(("_SECONDS", "_MINUTES", "_HOURS", "_DAYS"))
]  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_a_time_beyond_what_a_clock_can_add_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "99999999999")
    with pytest.raises(SettingsError, match=f"^{name} is .*less than or equal to"):
        read_settings()


def test_a_time_of_a_century_is_taken_by_all_who_reckon_with_it(monkeypatch, tmp_path):
    for name in ("DENSING_KEEP_RUNS_DAYS", "DENSING_KEEP_TICKS_DAYS", "DENSING_KEEP_REFUSED_DAYS"):
        monkeypatch.setenv(name, str(MOST_DAYS))
    for name in ("DENSING_NIGHT_HOURS", "DENSING_STEP_HOURS", "DENSING_ALERT_REPEAT_HOURS"):
        monkeypatch.setenv(name, str(MOST_HOURS))
    settings = read_settings(state_dir=tmp_path, publish_url=str(tmp_path / "published"))
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        delete_old_runs(instance, settings, clock.now())
        delete_old_ticks(instance, settings, clock.now())
        assert "packed 0 receipts" in tidy(settings, clock.now())
        assert problems(instance, settings, [], clock.now()) == []
        assert tell(settings, [], clock.now()) == ""
    assert MOST_SECONDS < threading.TIMEOUT_MAX
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    assert signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0


def test_options_of_sbatch_that_no_shell_would_take_are_refused(monkeypatch):
    monkeypatch.setenv("DENSING_SLURM_OPTIONS", "--account='lab")
    with pytest.raises(SettingsError, match=r"^DENSING_SLURM_OPTIONS is .*No closing quotation"):
        read_settings()
    monkeypatch.setenv("DENSING_SLURM_OPTIONS", "--account='our lab'")
    assert read_settings().slurm_options == "--account='our lab'"


@pytest.mark.parametrize("name", ["DENSING_A\nB", "DENSING_\udcff"])
def test_a_variable_of_any_name_is_named_in_one_line(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(
        SettingsError, match=r"^DENSING_(A B|\ufffd) is no variable of densing: [^\n]*$"
    ):
        read_settings()


def test_paths_that_exist_and_folders_still_to_be_made_are_taken(monkeypatch, tmp_path):
    (tmp_path / "ladders.csv").touch()
    given = {
        "state_dir": tmp_path / "new" / "state",
        "publish_url": tmp_path / "new" / "published",
        "evaluation_cache": tmp_path,
        "evaluation_data": tmp_path,
        "evaluation_python": tmp_path / "bin" / "python",
        "ladders": tmp_path / "ladders.csv",
        "cluster_state_dir": tmp_path / "on" / "nodes",
        "kubernetes_pod": tmp_path / "ladders.csv",
    }
    for name, path in given.items():
        monkeypatch.setenv(f"DENSING_{name.upper()}", str(path))
    assert {f"DENSING_{name.upper()}" for name in given} == set(PATHS)
    settings = read_settings()
    assert {name: Path(getattr(settings, name)) for name in given} == given


@pytest.mark.parametrize(
    "hosts", ["", "mirror.example", "*.hf.co, localhost:8000 ,127.0.0.1", "MIRROR.example:443"]
)
def test_hosts_to_which_may_be_redirected_are_taken(monkeypatch, hosts):
    monkeypatch.setenv("DENSING_REDIRECT_HOSTS", hosts)
    assert len(read_settings().allowed_redirect_hosts) == len([h for h in hosts.split(",") if h])


@pytest.mark.parametrize("host", ["user:secret@mirror.example", "*", "mirror.?xample", "a..b"])
def test_other_hosts_are_refused_without_a_password(monkeypatch, host):
    monkeypatch.setenv("DENSING_REDIRECT_HOSTS", host)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "secret" not in "".join(traceback.format_exception(refused.value))


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
