"""Each problem is told once, again when it lasts, and when it is mended; messages reach a real server."""

import contextlib
import errno
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from densing_pipeline import files
from densing_pipeline.__main__ import main
from densing_pipeline.alerts import sending
from densing_pipeline.alerts.memory import (
    FILE,
    MOST_TOLD,
    Memory,
    Problem,
    Told,
    due,
    headline_moved,
)
from densing_pipeline.alerts.sending import AlertError, fitting, send
from densing_pipeline.alerts.telling import LONGEST_WAIT, tell
from densing_pipeline.settings import Settings
from tests.servers.loopback import LoopbackServer

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WEEK = timedelta(days=7)

# One of apprise's services uses it where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes messages as apprise posts them, and heartbeats; answers with the status of the server."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.messages.append(json.loads(self.rfile.read(length)))  # type: ignore[attr-defined]
        self._answer()

    def do_GET(self) -> None:
        self.server.beats.append(self.path)  # type: ignore[attr-defined]
        self._answer()

    def _answer(self) -> None:
        self.server.may_answer.wait()  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        if self.server.status == 302 and self.path != "/page":  # type: ignore[attr-defined]
            self.send_header("Location", "/page")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Server(LoopbackServer):
    """A service for messages on loopback."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(Receiver)
        self.messages: list[dict[str, str]] = []
        self.beats: list[str] = []
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()

    def alerts_url(self) -> str:
        """Where messages go, with a secret in it."""
        return f"json://user:secret@127.0.0.1:{self.server_address[1]}/alerts"


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.may_answer.set()


@pytest.fixture
def service(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serving() as server:
        yield server


@pytest.fixture
def settings(service, tmp_path):
    port = service.server_address[1]
    return Settings(
        state_dir=tmp_path / "state",
        publish_url=str(tmp_path / "published"),
        alert_urls=service.alerts_url(),
        heartbeat_url=f"http://127.0.0.1:{port}/ping/secret-id",
    )


def problem(key: str = "run:nightly", what: str = "the last run of nightly failed") -> Problem:
    return Problem(key, what, NOW - timedelta(hours=1), "Read its message", "run 1")


def test_a_problem_is_told_once_and_when_it_is_mended():
    memory = Told()
    first = due(memory, [problem()], NOW, WEEK)
    assert first == [
        "the last run of nightly failed (since 2026-11-29T11:00:00+00:00). Read its message. See run 1."
    ]
    assert due(memory, [problem(what="now in other words")], NOW + WEEK / 2, WEEK) == []
    assert due(memory, [], NOW + WEEK / 2, WEEK) == ["Mended: the last run of nightly failed."]
    assert due(memory, [], NOW + WEEK, WEEK) == []


@pytest.mark.parametrize(("after", "is_told"), [(-1, False), (0, True)])
def test_a_problem_that_lasts_is_told_again_after_a_week_with_its_first_day(after, is_told):
    memory = Told()
    due(memory, [problem()], NOW, WEEK)
    later = Problem("run:nightly", "it failed again", NOW + WEEK, "Read its message")
    again = due(memory, [later], NOW + WEEK + timedelta(seconds=after), WEEK)
    assert again == (
        ["Still: it failed again (since 2026-11-29T11:00:00+00:00). Read its message."]
        if is_told
        else []
    )


def test_a_flood_of_problems_is_one_message_of_twenty_and_each_counts_as_told():
    memory, many = Told(), [problem(f"check:{n}") for n in range(MOST_TOLD + 5)]
    told = due(memory, many, NOW, WEEK)
    assert len(told) == MOST_TOLD + 1
    assert told[-1] == "and 5 problems more: `densing alerts` lists them."
    assert due(memory, many, NOW, WEEK) == []


def test_messages_reach_the_service_and_are_remembered_by_the_next_process(service, settings):
    assert tell(settings, [], NOW) == ""
    assert tell(settings, [problem()], NOW) != ""
    assert tell(settings, [problem()], NOW + timedelta(minutes=5)) == ""
    tell(settings, [], NOW + timedelta(minutes=10))
    titles = [message["title"].rpartition(": ")[2] for message in service.messages]
    assert titles == ["1 problem", "all is well"]
    assert "Mended" in service.messages[1]["message"]


def test_a_message_that_is_not_taken_is_sent_again_and_no_secret_is_told(service, settings):
    service.status = 500
    with pytest.raises(AlertError) as failed:
        tell(settings, [problem()], NOW)
    assert (
        str(failed.value) == "address 1 of DENSING_ALERT_URLS (json://...) did not take the message"
    )
    service.status = 200
    assert tell(settings, [problem()], NOW + timedelta(minutes=5)) != ""
    assert tell(settings, [problem()], NOW + timedelta(minutes=10)) == ""
    assert "secret" not in (settings.state_dir / FILE).read_text()
    assert "secret" not in repr(settings)


def test_a_service_that_fails_for_a_day_costs_the_other_nothing_and_is_left_alone_longer_and_longer(
    service, settings
):
    """With one memory for all, the other would get the same message every five minutes."""
    day = [NOW + timedelta(minutes=5 * tick) for tick in range(24 * 12)]
    with serving() as failing:
        failing.status = 500
        both = settings.model_copy(
            update={"alert_urls": f"{failing.alerts_url()} {service.alerts_url()}"}
        )
        for now in day:
            with pytest.raises(AlertError, match=r"^address 1 of .*\(json://\.\.\.\)"):
                tell(both, [problem()], now)
        assert len(service.messages) == 1
        assert len(failing.messages) in range(10, 15)
        failing.status = 200
        tell(both, [problem()], day[-1] + LONGEST_WAIT)
        assert tell(both, [problem()], day[-1] + 2 * LONGEST_WAIT) == ""
    assert len(service.messages) == 1


def test_a_service_that_fails_for_weeks_goes_on_being_tried(service, settings):
    service.status = 500
    for attempt in range(80):
        with pytest.raises(AlertError, match="address 1"):
            tell(settings, [problem()], NOW + attempt * LONGEST_WAIT)
    assert len(service.messages) == 80
    service.status = 200
    assert tell(settings, [problem()], NOW + 80 * LONGEST_WAIT) != ""


def test_a_clock_that_was_ahead_keeps_no_message_back(service, settings):
    ahead = NOW + timedelta(days=400)
    tell(settings, [problem()], ahead)
    assert tell(settings, [problem()], NOW) != ""
    service.status = 500
    with pytest.raises(AlertError):
        tell(settings, [problem("check:a")], ahead)
    service.status = 200
    assert tell(settings, [problem("check:a")], NOW) != ""


def test_an_address_that_is_new_is_told_everything_and_the_others_nothing_again(service, settings):
    tell(settings, [problem()], NOW)
    with serving() as new:
        both = settings.model_copy(
            update={"alert_urls": f"{new.alerts_url()} {service.alerts_url()}"}
        )
        tell(both, [problem()], NOW + timedelta(minutes=5))
        assert (len(new.messages), len(service.messages)) == (1, 1)


def test_a_redirected_message_is_not_taken_for_a_message_that_arrived(service, settings):
    """The POST would become a GET of some page, which is there."""
    service.status = 302
    with pytest.raises(AlertError, match="did not take the message"):
        send(settings.alert_urls, "title", "body")
    assert service.beats == []


def test_a_service_that_does_not_answer_holds_nobody_up(service, settings, monkeypatch):
    monkeypatch.setattr(sending, "MESSAGES_S", 0.2)
    with serving() as silent:
        silent.may_answer.clear()
        both = settings.model_copy(
            update={"alert_urls": f"{silent.alerts_url()} {service.alerts_url()}"}
        )
        with pytest.raises(
            AlertError, match=r"address 1 .* did not take the message within 0\.2 s"
        ):
            tell(both, [problem()], NOW, "one")
    assert (len(service.messages), len(service.beats)) == (1, 1)


def test_an_address_that_is_none_is_told(settings):
    wrong = settings.model_copy(update={"alert_urls": "nonsense://token-in-it"})
    with pytest.raises(
        AlertError, match=r"does not understand address 1 .*\(nonsense://\.\.\.\)"
    ) as told:
        tell(wrong, [problem()], NOW)
    assert "token" not in str(told.value)


def test_a_damaged_memory_tells_again_rather_than_nothing(settings):
    tell(settings, [problem()], NOW)
    (settings.state_dir / FILE).write_text('{"problems": 3')
    assert tell(settings, [problem()], NOW) != ""


@pytest.mark.parametrize(
    "damage",
    [{"told_at": "yesterday"}, {"told_at": "2026-11-29T12:00:00"}, {"told_at": 5}, {"not_before": "soon", "failures": 1}],
    ids=["no instant", "no time zone", "a number", "no end of a wait"],
)  # fmt: skip
def test_an_instant_in_the_memory_that_is_none_tells_again(settings, damage):
    tell(settings, [problem()], NOW)
    path = settings.state_dir / FILE
    kept = json.loads(path.read_bytes())
    (told,) = kept["addresses"].values()
    for name, value in damage.items():
        (told["problems"]["run:nightly"] if name == "told_at" else told)[name] = value
    path.write_text(json.dumps(kept))
    assert tell(settings, [problem()], NOW) != ""


@pytest.mark.parametrize("n_problems", [1, 6, 20])
def test_a_service_gets_no_message_that_is_longer_than_it_takes(service, settings, n_problems):
    settings = settings.model_copy(
        update={"alert_urls": service.alerts_url().replace("json://user:secret@", "mmost://")}
    )
    problems = [problem(f"check:{n}", f"check {n} failed: {'word ' * 100}") for n in range(n_problems)]  # fmt: skip
    assert tell(settings, problems, NOW)
    texts = [message["text"] for message in service.messages]
    assert max(map(len, texts)) <= 4000, "Mattermost refuses longer ones"
    assert len(texts) == {1: 1, 6: 1, 20: 3}[n_problems]
    assert ("check 5 failed" in "".join(texts)) == (n_problems > 1)
    assert ("more: `densing alerts` lists" in texts[-1]) == (n_problems == 20)


@pytest.mark.parametrize(
    ("room", "written"),
    [
        (200, "one\n\ntwo\n\n" + "x" * 90),
        (99, "one\n\ntwo\n\nand 1 more: `densing alerts` lists what is wrong."),
        (55, "one\n\nand 2 more: `densing alerts` lists what is wrong."),
        (40, "one"),
    ],
)
def test_of_a_long_message_whole_paragraphs_are_sent(room, written):
    assert fitting("one\n\ntwo\n\n" + "x" * 90, room) == written
    assert fitting("x" * 50, 40) == "x" * 37 + "..."


@pytest.mark.parametrize(
    ("quoted", "sent"),
    [
        ("@everyone", "@\u200beveryone"),
        ("<!here> <@U12>", "<\u200b!here> <\u200b@\u200bU12>"),
        ("[the report](https://evil.example)", "[the report]\u200b(https://evil.example)"),
        ("list[0] (of 3) at @ < 5, a<b", "list[0] (of 3) at @ < 5, a<b"),
    ],
)
def test_what_others_wrote_calls_nobody_and_hides_no_address(service, settings, quoted, sent):
    tell(settings, [problem(what=f"refused: {quoted}")], NOW)
    assert f"refused: {sent} (since" in service.messages[0]["message"]


def test_addresses_that_only_a_comma_parts_both_get_the_message(service, settings):
    settings = settings.model_copy(
        update={"alert_urls": f"{service.alerts_url()},{service.alerts_url()}s"}
    )
    assert tell(settings, [problem()], NOW)
    assert len(service.messages) == 2


def test_a_disk_that_takes_no_memory_has_each_problem_told_once(service, settings, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as on_a_full_disk:
        on_a_full_disk.setattr(files, "write", full)
        for minutes in (0, 5, 10):
            tell(settings, [problem()], NOW + timedelta(minutes=minutes), "one")
    assert (len(service.messages), len(service.beats)) == (1, 1)
    assert tell(settings, [problem()], NOW + timedelta(minutes=15), "one") == ""
    assert Memory.read(settings.state_dir / FILE).heartbeat == "one"


def test_the_heartbeat_follows_each_night_that_succeeded(service, settings):
    for run, hours in (("one", 0), ("one", 1), ("two", 24), (None, 48)):
        tell(settings, [], NOW + timedelta(hours=hours), run)
    assert service.beats == ["/ping/secret-id", "/ping/secret-id"]
    service.status = 503
    with pytest.raises(AlertError, match=r"no heartbeat to 127\.0\.0\.1: .*503") as failed:
        tell(settings, [], NOW + timedelta(hours=72), "three")
    assert "secret-id" not in str(failed.value)
    service.status = 200
    tell(settings, [], NOW + timedelta(hours=72), "three")
    assert len(service.beats) == 4


def test_a_message_and_a_heartbeat_do_not_wait_for_one_another(service, settings):
    lost = settings.model_copy(update={"alert_urls": "json://127.0.0.1:1/"})
    with pytest.raises(AlertError, match="did not take"):
        tell(lost, [problem()], NOW, "one")
    assert len(service.beats) == 1
    lost = settings.model_copy(update={"heartbeat_url": "http://127.0.0.1:1/"})
    with pytest.raises(AlertError, match="no heartbeat"):
        tell(lost, [problem()], NOW, "two")
    assert len(service.messages) == 1
    assert tell(settings, [problem()], NOW, "two") == ""
    assert (len(service.messages), len(service.beats)) == (1, 2)


def headline(path: Path, months: float | None, low: float = 4.0, high: float = 9.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    estimate = {"series": "skills", "months": months, "low": low, "high": high}
    path.write_text(json.dumps({"answers": [{"topic": "density", "estimates": [estimate]}]}))


@pytest.mark.parametrize(
    ("months", "is_told"), [(4.0, False), (3.9, True), (9.0, False), (9.1, True), (None, False)]
)
def test_a_headline_number_outside_its_last_interval_is_told_once(tmp_path, months, is_told):
    memory, path = Told(), tmp_path / "latest" / "headline.json"
    assert headline_moved(memory, path) == []
    headline(path, 6.0)
    assert headline_moved(memory, path) == []
    headline(path, months, 1.0, 20.0)
    told = headline_moved(memory, path)
    assert bool(told) is is_told
    assert "was 6.0 (4.0 to 9.0)" in told[0] if is_told else told == []
    assert headline_moved(memory, path) == []


def test_the_command_sends_a_test_message(service, settings, monkeypatch, capsys):
    monkeypatch.setenv("DENSING_ALERT_URLS", settings.alert_urls)
    assert main(["alerts", "--test"]) == 0
    assert service.messages[0]["message"] == "Messages arrive here."
    monkeypatch.delenv("DENSING_ALERT_URLS")
    assert main(["alerts", "--test"]) == 1
    assert "DENSING_ALERT_URLS is not set" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["DENSING_ALERT_URLS", "DENSING_HEARTBEAT_URL"])
def test_no_part_of_these_addresses_is_ever_shown(name, monkeypatch, capsys):
    monkeypatch.setenv(name, "https://token-in-it.example/token-in-it?token-in-it")
    assert main(["settings", name]) == 0
    shown = capsys.readouterr().out
    assert "***" in shown
    assert "token-in-it" not in shown
