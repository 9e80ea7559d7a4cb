"""No user, password or query value passes; what is none of these stays readable."""

import json
import logging
import os
import string
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.addresses import HIDDEN, redact, redact_logs, shown

SECRET = "s3cr3t"  # noqa: S105 - made up
WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
HOSTS = st.one_of(WORDS.map(lambda w: f"{w}.example"), st.just("[::1]"), st.just("127.0.0.1"))
PORTS = st.one_of(st.just(""), st.integers(1, 65535).map(lambda n: f":{n}"))
PATHS = st.lists(WORDS, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
CLEAR = st.builds(
    lambda scheme, host, port, path: (f"{scheme}://", f"{host}{port}{path}"),
    st.sampled_from(["http", "https", "s3", "file"]), HOSTS, PORTS, PATHS,
)  # fmt: skip
SECRETS = st.text(min_size=0, max_size=12).map(
    lambda tail: quote(SECRET + tail, safe="!$*'(),-._~")
)


@given(CLEAR)
def test_an_address_without_secrets_is_written_as_it_is(parts: tuple[str, str]) -> None:
    address = "".join(parts)
    assert shown(address) == address
    assert redact(f"no answer from {address} in time") == f"no answer from {address} in time"


@given(CLEAR, st.sampled_from([".", ",", ")", "'", "'.", '"),', ":", ">"]))
def test_an_address_that_ends_a_sentence_is_written_as_it_is(
    parts: tuple[str, str], end: str
) -> None:
    text = f"no answer from {''.join(parts)}{end}"
    assert redact(text) == text
    assert redact(f"{text} It is asked again.") == f"{text} It is asked again."


@given(CLEAR, SECRETS, SECRETS, st.dictionaries(WORDS, SECRETS, max_size=3), SECRETS)
def test_no_secret_part_of_an_address_is_written(
    parts: tuple[str, str], user: str, password: str, query: dict[str, str], fragment: str
) -> None:
    values = "&".join(f"{name}={value}" for name, value in query.items())
    address = f"{parts[0]}{user}:{password}@{parts[1]}?{values}#{fragment}"
    told = (f"refused: {address}", f"'{address}', then", f"refused: {address}.")
    for written in (shown(address), *map(redact, told)):
        assert SECRET not in written
        assert parts[1] in written
    assert all(f"{name}={HIDDEN}" in shown(address) for name in query)


@given(CLEAR, SECRETS, st.sampled_from("/?#@"), SECRETS)
def test_a_password_that_nobody_encoded_is_not_written(
    parts: tuple[str, str], first: str, mark: str, second: str
) -> None:
    address = f"{parts[0]}user:{first}{mark}{second}@{parts[1]}"
    assert SECRET not in shown(address)
    assert SECRET not in redact(f"not an address: {address}")


@given(CLEAR, SECRETS, st.sampled_from(["//", "///", "", "https:/", "https//", "see https//"]))
def test_an_address_without_a_right_scheme_is_written_without_its_password(
    parts: tuple[str, str], password: str, start: str
) -> None:
    assert SECRET not in shown(f"{start}user:{password}@{parts[1]}")


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("//u:s3cr3t@h/x", "//h/x"),
        ("//u:s3c/r3t@h/x", "//***"),
        ("u:s3cr3t@h:80/x?sig=s3cr3t", "h:80/x?sig=***"),
        ("u:s3c/r3t@h/x", "***"),
        ("https:///u:s3cr3t@h/x", "https://***"),
        ("u:s3cr3t@https://h/x", "***"),
        ("https://u:s3c@r3/t@h", "https://***"),
        ("h:80/x", "h:80/x"),
        ("/srv/@published", "/srv/@published"),
        ("file:///srv/@published", "file:///srv/@published"),
        ("published", "published"),
    ],
)
def test_addresses_that_lack_a_part(address: str, written: str) -> None:
    assert shown(address) == written


@given(st.one_of(st.text(), st.text("abh:/@?&=#*[]1;", max_size=14)))
def test_whatever_is_shown_is_shown_the_same_again(text: str) -> None:
    assert shown(shown(text)) == shown(text)
    assert redact(redact(text)) == redact(text)


@given(st.text(string.printable).filter(lambda t: not set(t) & set(":?&;@#")))
def test_text_without_an_address_is_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a http://u:s3cr3t@h/a,http://v:s3cr3t@h/b", "a http://h/a,http://h/b"),
        ("GET /list?sig=s3cr3t HTTP/1.1", "GET /list?sig=*** HTTP/1.1"),
        ("https://s3cr3t@h", "https://h"),
        ("https://h/?s3cr3t", "https://h/?***"),
        ("https://h/?next=http://u:s3cr3t@h/", "https://h/?next=***http://h/"),
        ("socks5://u:s3cr3t@h:1080", "socks5://h:1080"),
        ("why? a = b & c = d", "why? a = b & c = d"),
        ("https://h:8443/@scope/name", "https://***"),
        ("https://h/@scope/name", "https://h/@scope/name"),
        ("", ""),
    ],
)  # fmt: skip
def test_secrets_of_addresses_in_a_text_are_masked(text: str, written: str) -> None:
    assert redact(text) == written


def test_log_records_of_a_client_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    redact_logs(["tests.client", "tests.client"])
    logging.getLogger("tests.client").warning("GET %s failed", "https://u:s3cr3t@h/?sig=s3cr3t")
    assert caplog.messages == ["GET https://h/?sig=*** failed"]
    assert len(logging.getLogger("tests.client").filters) == 1


def test_secrets_of_the_environment_are_hidden_in_free_text(monkeypatch):
    for name, value in {
        "HF_TOKEN": "hf_one", "PGPASSWORD": "pass word", "AWS_SECRET_ACCESS_KEY": "a/b+c=d",
        "DENSING_DATABASE_URL": "postgresql://densing:pa%2Fss%40word@host/densing?sslmode=require",
        "DENSING_ALERT_URLS": "slack://TokenA/TokenB mailto://me:letter@host",
        "DENSING_LITELLM_URL": "https://host/list?sig=signature&page=seventeen",
        "TOKENIZERS_PARALLELISM": "parallel", "MY_TOKEN": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for secret in (
        "hf_one", "pass word", "a/b+c=d", "pa%2Fss%40word", "pa/ss@word", "slack://TokenA/TokenB", "letter",
        "signature", "hf_" + "x" * 20,
    ):  # fmt: skip
        assert redact(f"a library said b'Bearer {secret}'") == "a library said b'Bearer ***'"
    kept = "sslmode require, seventeen, parallel, true"
    assert redact(kept) == kept


def test_white_space_around_a_secret_is_none_of_it(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", " s3cr3t-of-a-file\n")
    monkeypatch.setenv("MY_PASSWORD", " " * 8)
    assert redact("Bearer s3cr3t-of-a-file" + " " * 8 + ".") == "Bearer ***" + " " * 8 + "."


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("AZURE_STORAGE_SAS_KEY", "sv=2024&sig=s3cr3tS3cr3t%3D", "s3cr3tS3cr3t="),
        ("AZURE_STORAGE_MASTER_KEY", "s3cr3ts3cr3ts3cr3t==", "s3cr3ts3cr3ts3cr3t=="),
        ("AWS_SSE_CUSTOMER_KEY_BASE64", "s3cr3ts3cr3ts3cr3t==", "s3cr3ts3cr3ts3cr3t=="),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "{\n's3cr3t': 's3cr3t0123456789'\n}", "'s3cr3t': 's3cr3t0123456789'"),
        ("OPENAI_API_KEY", "s3cr3t", "s3cr3t"),
        ("SMTP_PASS", "s3cr3t", "s3cr3t"),
        ("DENSING_LITELLM_URL", "https://h/list?key=s3cr3t", "s3cr3t"),
        ("DENSING_LITELLM_GIT_URL", "https://s3cr3tOfAForge0123@h/owner/name", "s3cr3tOfAForge0123"),
        ("DENSING_LITELLM_URL", "https://me:s3cr3t@h/list", "bWU6czNjcjN0"),
        ("DENSING_HEARTBEAT_URL", "https://hc.example/s3cr3t-7d1f", "/s3cr3t-7d1f"),
        ("DENSING_ALERT_URLS", "slack://T1JJ3T3L2/A1BRTD4JD/s3cr3tS3cr3t/#c", "s3cr3tS3cr3t"),
        ("DENSING_ALERT_URLS", "tgram://123456789:s3cr3tS3cr3tS3cr3t/987", "s3cr3tS3cr3tS3cr3t"),
    ],
)  # fmt: skip
def test_what_libraries_read_as_a_secret_is_hidden(monkeypatch, name, value, secret):
    monkeypatch.setenv(name, value)
    assert "s3cr3t" not in redact(f"refused: {secret}.")
    assert secret not in redact(f"refused: {secret}.")


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("SORT_KEY", "released", "released"),
        ("COMPASS", "northwest", "northwest"),
        ("PWD", "/var/lib/densing", "/var/lib/densing"),
        ("GOOGLE_APPLICATION_CREDENTIALS", __file__, __file__),
        ("DENSING_DATABASE_URL", "postgresql://densing-of-the-cluster@h/d", "densing-of-the-cluster"),
        ("DENSING_LITELLM_URL", "https://somebody@h/list", "somebody"),
        ("DENSING_ALERT_URLS", "json://monitoring.example/hooks/alerts mailto://a:b@mail.example", "hooks/alerts"),
        ("DENSING_ALERT_URLS", "json://monitoring-01.example.org/hook", "monitoring-01.example.org"),
        ("DENSING_HEARTBEAT_URL", "https://hc-ping-of-ours.example/7d1f-s3cr3t", "hc-ping-of-ours.example"),
    ],
)  # fmt: skip
def test_words_users_hosts_and_paths_stay_legible(monkeypatch, name, value, word):
    monkeypatch.setenv(name, value)
    assert redact(f"no answer: {word}.") == f"no answer: {word}."


@pytest.mark.parametrize("secret", ['p@ss/w"or\\d é', "two\nlines", "a+b c&d"])
@pytest.mark.parametrize(
    "written",
    [quote, quote_plus, lambda secret: json.dumps(secret)[1:-1], lambda secret: repr(secret)[1:-1],
     lambda secret: repr(secret.encode())[2:-1]],
)  # fmt: skip
def test_a_secret_is_hidden_as_others_write_it(monkeypatch, secret, written):
    monkeypatch.setenv("PGPASSWORD", secret)
    assert redact(f"refused {written(secret)}.") == "refused ***."


def test_a_secret_with_bytes_that_are_no_text_is_hidden_as_well(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "s3cr3t\udcff")
    for written in ("s3cr3t\udcff", "s3cr3t%FF", "s3cr3t\\xff"):
        assert redact(f"refused {written}.") == "refused ***."


def test_an_error_that_nothing_catches_is_told_without_secrets():
    code = (
        "import os, threading\n"
        "from densing_pipeline.addresses import redact_traces\n"
        "redact_traces()\n"
        "def fail(): raise ValueError('asked with ' + os.environ['HF_TOKEN'])\n"
        "thread = threading.Thread(target=fail)\n"
        "thread.start(), thread.join()\n"
        "fail()\n"
    )
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", code], env=os.environ | {"HF_TOKEN": "s3cr3t"}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("ValueError: asked with ***") == 2
    assert "s3cr3t" not in done.stderr
