"""A silence is noticed, a beat prevents it."""

import threading
from typing import Any

from densing_pipeline.evaluation.watchdog import Watchdog


def test_a_silence_is_noticed_once():
    noticed, calls = threading.Event(), []

    def hang(seconds):
        calls.append(seconds)
        noticed.set()

    with Watchdog(0.02, hang) as dog:
        assert noticed.wait()
        dog._thread.join()
    assert calls == [0.02]


class Intervals:
    """In place of the event the watchdog waits for: what happens in each interval, then the end."""

    def __init__(self, *happenings):
        """Take the callables, in order."""
        self._happenings = iter(happenings)

    def wait(self, seconds):
        happening = next(self._happenings, None)
        if happening:
            happening()
        return happening is None


def nothing():
    """An interval in which nothing happens."""


def calls_in(*happenings):
    """What a watchdog calls when its intervals go by like this."""
    calls: list[float] = []
    dog: Any = Watchdog(1.0, calls.append)
    dog._ended = Intervals(
        *(dog.report_progress if each == "beat" else nothing for each in happenings)
    )
    dog._watch()
    return calls


def test_a_beat_in_every_interval_keeps_it_quiet():
    assert calls_in(*["beat"] * 30) == []


def test_the_first_interval_without_a_beat_is_noticed():
    assert calls_in("beat", "beat", "silence") == [1.0]
    assert calls_in("silence", "beat", "silence", "beat") == [1.0]


def test_the_start_counts_as_a_beat():
    assert calls_in("silence") == []
    assert calls_in("silence", "silence") == [1.0]
