"""The page of a release as HTML: one file that opens from disk and sends no request.

Third-party text (names of models and sellers, messages of sources) reaches the page in two ways: through the
template, which escapes it, and as JSON, whose `<` are written as their Unicode escapes. The page's own rules of content
(Content-Security-Policy) forbid every request and the evaluation of text as code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from densing_pipeline.publication.answers import Answer, answers
from densing_pipeline.publication.charts.rendering import javascript
from densing_pipeline.publication.charts.style import ON_DARK, Figure
from densing_pipeline.publication.report.sections import (
    Section,
    dictionary,
    sections,
    sources,
    waiting,
)

PAGE_FILE = "report/index.html"
"""Path of the page in a release."""

MODELS_OLD_DAYS, PRICES_OLD_DAYS = 120, 14
"""Ages in days above which the page marks the newest model and the newest price as old."""

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Card:
    """One answer on the first screen.

    Attributes:
        topic: what it is about.
        figure: the number in large type; why there is none if it could not be estimated.
        interval: its interval in words; empty without one.
        others: further numbers, name and value.
        text: the answer and what it rests on.
        section: section of the page that shows it.
    """

    topic: str
    figure: str
    interval: str
    others: tuple[tuple[str, str], ...]
    text: str
    section: str


def page(
    tables: Tables,
    figures: Mapping[str, Figure],
    release_id: str,
    sources_of_release: list[dict[str, str]],
) -> str:
    """The page of a release.

    Args:
        tables: every published table by name.
        figures: the charts of these tables by name.
        release_id: name of the release.
        sources_of_release: title, path, version and license of every source, as a data package lists them.
    """
    folder = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made = sections(figures)
    given = answers(tables)
    return environment.get_template("page.html.j2").render(
        release=release_id,
        cards=[card(answer) for answer in given],
        sections=made,
        models_until=_newest(tables["densities"], "release_date"),
        prices_until=_newest(tables["price_halving"], "as_of"),
        models_old=MODELS_OLD_DAYS,
        prices_old=PRICES_OLD_DAYS,
        waiting=waiting(tables["evaluation_queue"]).to_dicts(),
        sources=sources(tables["source_health"]).to_dicts(),
        revisions=tables["revisions"].to_dicts(),
        licences=sources_of_release,
        dictionary=dictionary(),
        style=_inline(folder / "style.css"),
        script=_inline(folder / "report.js"),
        library=javascript(),
        data=embedded(made),
        description=given[0].sentence if given else "",
    )


def card(answer: Answer) -> Card:
    """The card of an answer."""
    told = [one for one in answer.estimates if one.months is not None]
    verb = "halves" if answer.topic == "price" else "doubles"
    first = told[0] if told else None
    return Card(
        topic=answer.topic,
        figure=f"{verb} every {first.months:.1f} months" if first else "cannot be told",
        interval="" if first is None else first.text.partition(" (")[2].rstrip(")"),
        others=tuple((one.series, one.text) for one in told[:4]),
        text=answer.sentence,
        section="price" if answer.topic == "price" else "density",
    )


def embedded(made: list[Section]) -> str:
    """Specifications and data of every chart as JSON that may stand inside a script element."""
    content = {
        section.figure.name: {
            "spec": section.figure.specification(),
            "data": {
                name: frame.to_dict(as_series=False)
                for name, frame in section.figure.datasets().items()
            },
            "columns": section.figure.columns,
            "controls": [
                {"param": one.param, "column": one.column} for one in section.figure.controls
            ],
        }
        for section in made
        if section.figure.chart is not None
    }
    whole: dict[str, Any] = {"charts": content, "onDark": ON_DARK}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _newest(table: pl.DataFrame, column: str) -> date | None:
    day = table[column].max()
    return day if isinstance(day, date) else None


def _inline(file: Path) -> str:
    return file.read_text(encoding="utf-8")
