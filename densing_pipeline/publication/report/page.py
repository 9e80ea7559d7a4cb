"""The page of a release as HTML: one file that opens from disk and sends no request.

Third-party text (names of models and sellers, messages of sources) reaches the page in two ways: through the
template, which escapes it, and as JSON, whose `<` are written as their Unicode escapes. The page's own rules of content
(Content-Security-Policy) forbid every request and the evaluation of text as code.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from densing_pipeline.publication.answers import (
    CURRENT_BASES,
    GROWTH,
    PRICE,
    Answer,
    Estimate,
    answers,
)
from densing_pipeline.publication.charts.rendering import javascript
from densing_pipeline.publication.charts.style import ON_DARK, Figure
from densing_pipeline.publication.price_news import week
from densing_pipeline.publication.report.sections import (
    Section,
    dictionary,
    sections,
    sources,
    waiting,
)
from densing_pipeline.publication.wording import counted

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
        interval: its 95 % interval with its unit; empty without one.
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
        cards=cards(given),
        summary=next((answer.sentence for answer in given if answer.topic == GROWTH), ""),
        sections=made,
        models_until=_newest(tables["densities"], "release_date"),
        prices_until=_newest(tables["price_halving"], "as_of"),
        models_old=MODELS_OLD_DAYS,
        prices_old=PRICES_OLD_DAYS,
        week=week(tables["prices"], tables["price_changes"]),
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


def cards(given: Sequence[Answer]) -> list[Card]:
    """The cards of the first screen: one for every ruler of density, the price, and every other answer."""
    by_ruler = [made for answer in given if answer.topic == GROWTH for made in ruler_cards(answer)]
    others = sorted(
        (one for one in given if one.topic != GROWTH), key=lambda one: one.topic != PRICE
    )
    return [*by_ruler, *map(card, others)]


def ruler_cards(answer: Answer) -> list[Card]:
    """A card for every ruler of the answer to what gets denser, by all and by active parameters."""
    made = []
    for name, of_ruler in groupby(answer.estimates, lambda one: one.series.rpartition(", ")[0]):
        # By all parameters first, as in every other answer.
        estimates = sorted(of_ruler, key=lambda one: list(CURRENT_BASES).index(basis_of(one)))
        made.append(
            Card(
                topic=f"Density: {name}",
                figure=pace(estimates[0]),
                interval=f"by {basis_of(estimates[0])} parameters, {yearly(estimates[0])}",
                others=tuple(
                    (
                        f"by {one.series.rpartition(', ')[2]} parameters",
                        f"{pace(one)}, {yearly(one)}",
                    )
                    for one in estimates[1:]
                ),
                text=f"It rests on {counted(estimates[0].n, 'model')} to {estimates[0].until}."
                if estimates[0].until
                else "",
                section="rulers",
            )
        )
    return made


def basis_of(estimate: Estimate) -> str:
    """The parameters that an estimate of the growth of density counts: `total` or `active`."""
    return estimate.series.rpartition(", ")[2]


def pace(estimate: Estimate) -> str:
    """How fast density grows in a few words: `doubles every 6.6 months`, `no growth shown`."""
    if estimate.growth is None:
        return "cannot be told"
    low, high = estimate.growth_low, estimate.growth_high
    if low is None or high is None or low <= 0 <= high:
        return "no growth shown"
    months = 12 * math.log(2) / estimate.growth
    return f"doubles every {months:.1f} months" if low > 0 else "falls"


def yearly(estimate: Estimate) -> str:
    """The 95 % interval of the growth in doublings a year; empty without one."""
    low, high = estimate.growth_low, estimate.growth_high
    if low is None or high is None:
        return ""
    return f"{low / math.log(2):.1f} to {high / math.log(2):.1f} doublings a year"


def card(answer: Answer) -> Card:
    """The card of an answer with one estimate, or several of the same kind."""
    told = [one for one in answer.estimates if one.months is not None]
    verb = "halves" if answer.topic == PRICE else "doubles"
    first = told[0] if told else None
    interval = "" if first is None else first.text.partition(" (")[2].rstrip(")")
    return Card(
        topic=answer.topic,
        figure=f"{verb} every {first.months:.1f} months" if first else "cannot be told",
        interval=f"{interval} months" if interval else "",
        others=tuple((one.series, one.text) for one in told) if len(told) > 1 else (),
        text=answer.sentence,
        section="price" if answer.topic == PRICE else "density",
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
