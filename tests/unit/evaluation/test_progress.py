"""A person sees how far it is; a log is not flooded."""

import io

from rich.console import Console

from densing_pipeline.evaluation import progress
from densing_pipeline.evaluation.progress import Bar, Lines


def test_a_log_gets_the_last_line_and_one_each_half_minute(monkeypatch):
    clock = iter(float(second) for second in range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    lines: list[str] = []
    published: list[dict] = []
    reporter = Lines(lines.append, published.append)
    reporter.begin(100)
    for _ in range(100):
        reporter.advance(50)
    reporter.end({"score MMLU": 0.5})
    assert len(lines) == 4
    assert lines[0].startswith("30 of 100 items, 48 tokens/s, 1.")
    assert lines[-1] == "100 of 100 items, 50 tokens/s, 0.0 min left"
    assert published == [{"score MMLU": 0.5}]


def test_a_terminal_gets_a_bar():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    bar = Bar(console)
    bar.begin(3)
    for _ in range(3):
        bar.advance(10)
    bar.end({"score MMLU": 0.5})
    shown = screen.getvalue()
    assert "3/3" in shown
    assert "score MMLU: 0.5" in shown


def test_outside_of_a_terminal_and_of_dagster_there_are_lines(monkeypatch, capsys):
    monkeypatch.delenv("DAGSTER_PIPES_CONTEXT", raising=False)
    with progress.reporting() as reporter:
        reporter.say("a line of more than eighty characters " * 4)
        reporter.end({"items": 3})
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 2
    assert shown[1] == "items: 3"
