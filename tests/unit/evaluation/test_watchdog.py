"""A silence is noticed, a beat prevents it."""

import threading

from densing_pipeline.evaluation.watchdog import Watchdog


def test_a_silence_is_noticed_once():
    noticed, calls = threading.Event(), []

    def hang(seconds):
        calls.append(seconds)
        noticed.set()

    with Watchdog(0.02, hang):
        assert noticed.wait(10)
    assert calls == [0.02]


def test_beats_keep_it_quiet():
    calls = []
    waiting = threading.Event()
    with Watchdog(1.0, calls.append) as dog:
        for _ in range(30):
            dog.beat()
            waiting.wait(0.05)
    assert calls == []
