"""Uncheatable Eval: how well base models compress text that was written after they were released.

The leaderboard is a Gradio app, which gives the value of every component at `/config` as JSON. The table is the
one with a column of names and a column for each kind of text, either a data frame (`headers`, `data`) or HTML. Its
numbers are compression rates: percent of the text's size, 100 / 8 times bits per byte. Here a rate is a share of
the text's size, so lower is better; none of them is a score of `scores`. The page does not say of which month the
texts are, and replaces all numbers when they change. Source: Jellyfish042, Uncheatable Eval, MIT.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, load_json, shown
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.tables.published import BENCHMARK_REPORTS

NAME = "uncheatable-eval"
LICENCE = "MIT"
URL = "https://huggingface.co/spaces/Jellyfish042/UncheatableEval"
BENCHMARK = "Uncheatable Eval, "
"""Beginning of `benchmark_name`; the kind of text follows."""

PROTOCOL = "compression rate, share of the text's size; lower is better"
PERCENT = Decimal("0.01")

NAMES = ("name", "model")
"""Columns that may hold the model, in small letters."""

TEXT = re.compile(r"(github|arxiv|biorxiv|wikipedia|bbc|ao3)\b.*")
"""Columns that are kinds of text, in small letters with spaces."""

FEWEST_TEXTS = 3
"""Fewest kinds of text that make a table the leaderboard."""

Table = tuple[list[str], list[list[str]]]


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The compression rate of every model on every kind of text.

    Args:
        content: the app's `/config`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: no table in it has names of models and rates of texts.
    """
    reports = Reports(NAME, BENCHMARK_REPORTS, LICENCE)
    found = [table for table in _tables(load_json(content)) if _columns(table[0])]
    if not found:
        raise SnapshotError(
            f"no table with a column of names and {FEWEST_TEXTS} kinds of text or more; has the page changed?"
        )
    headers, rows = max(found, key=lambda table: len(table[1]))
    of_name, texts = _columns(headers) or (0, {})
    for position, row in enumerate(rows):
        name = row[of_name].strip() if len(row) > of_name else ""
        with reports.entry(WHOLE, name or f"row {position}"):
            if len(row) != len(headers) or not name:
                raise UnreadableError(
                    "model", shown(row), "a row without a model, or of another width"
                )
            for at, text in texts.items():
                with reports.entry(WHOLE, f"{name}, {text}"):
                    _add(reports, name, text, row[at])
    return reports.parsed()


def _add(reports: Reports, model: str, text: str, cell: str) -> None:
    """The rate of one model on one kind of text; nothing for an empty cell.

    Raises:
        UnreadableError: it is no share of the text's size.
    """
    rate = number(text, cell, PERCENT)
    if rate is None:
        return
    if not 0 < rate < 1:
        raise UnreadableError(text, cell, "no percentage of the text's size")
    reports.add(
        benchmark_name=f"{BENCHMARK}{text}",
        model=model,
        entry="board",
        score=rate,
        protocol=PROTOCOL,
        source_url=URL,
    )


def _columns(headers: list[str]) -> tuple[int, dict[int, str]] | None:
    """Position of the names and of each kind of text; None if the table is not the leaderboard."""
    plain = [re.sub(r"[\s_]+", " ", header).strip().lower() for header in headers]
    names = [at for at, header in enumerate(plain) if header in NAMES]
    texts = {at: header for at, header in enumerate(plain) if TEXT.fullmatch(header)}
    return (names[0], texts) if names and len(set(texts.values())) >= FEWEST_TEXTS else None


def _tables(value: Any) -> Iterator[Table]:
    """Every table in a JSON document: data frames, and tables in HTML."""
    if isinstance(value, dict):
        headers, data = value.get("headers"), value.get("data")
        if isinstance(headers, list) and isinstance(data, list):
            rows = [[_cell(cell) for cell in row] for row in data if isinstance(row, list)]
            yield [_cell(header) for header in headers], rows
        else:
            for each in value.values():
                yield from _tables(each)
    elif isinstance(value, list):
        for each in value:
            yield from _tables(each)
    elif isinstance(value, str) and "<table" in value:
        reader = _Reader()
        reader.feed(value)
        yield from ((rows[0], rows[1:]) for rows in reader.tables if rows)


def _cell(value: Any) -> str:
    """A cell as text, without markup."""
    return "" if value is None else re.sub(r"<[^>]*>", "", str(value)).strip()


class _Reader(HTMLParser):
    """Collects the rows of every table of an HTML text."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False
            if self.tables and self.tables[-1] and self.tables[-1][-1]:
                self.tables[-1][-1][-1] = self.tables[-1][-1][-1].strip()

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


SOURCE = ScoreSource(
    NAME,
    address_setting="uncheatable_eval_url",
    table=BENCHMARK_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Jellyfish042, Uncheatable Eval",
)
