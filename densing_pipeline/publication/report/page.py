"""The page of a release as HTML: one file that opens from disk and sends no request.

Third-party text (names of models and sellers, messages of sources) reaches the page in two ways: through the
template, which escapes it, and as JSON, whose `<` are written as their Unicode escapes. The page's own rules of content
(Content-Security-Policy) forbid every request and the evaluation of text as code.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from densing_pipeline.headline import HEADLINE_BLEND, QUOTED_GROWTH
from densing_pipeline.publication.answers import (
    CURRENT_BASES,
    GROWTH,
    PRICE,
    Answer,
    Estimate,
    answers,
)
from densing_pipeline.publication.charts.rendering import javascript, javascript_key
from densing_pipeline.publication.charts.style import ON_DARK, Figure
from densing_pipeline.publication.croissant import json_ld
from densing_pipeline.publication.price_news import week
from densing_pipeline.publication.report import glyphs
from densing_pipeline.publication.report.model_cards import model_cards
from densing_pipeline.publication.report.sections import (
    Section,
    dictionary,
    sections,
    sources,
    waiting,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables import contract

FOLDER = Path(__file__).parent
"""Templates, style and script of the page."""

PAGE_FILE = "report/index.html"
"""Path of the page in a release."""

CHART_FILE = "report/charts/{}.html"
"""Path of the page of one chart, which other pages embed."""

LIBRARY_FILE = f"report/charts/vega-{javascript_key()}.js"
"""Path of the library that draws the charts, for their own pages; another library has another path."""

WEEK_AFTER = "index"
"""Section after which the price changes of the week stand."""

GLOSSARY = (
    ("Effective size", "Parameters that a model of the reference family would need for the same score."),
    ("Density", "Effective size over the number of parameters: 2 is twice as capable per parameter as the reference."),
    ("Doubling time", "Months in which density doubles along the trend; halving time the same of a price."),
    ("Active parameters", "Those that a mixture of experts uses for one token; of other models all of them."),
    ("95 % interval", "Made so that it holds the truth in 95 of 100 cases if its assumptions hold."),
    ("Reported, measured", "A score that the maker or another publisher states; a score that this pipeline computed."),
    ("Record low", "A price at which a level had never been on offer before."),
    ("Provisional", "Found by one look at a list and not yet confirmed by another."),
)  # fmt: skip
"""Terms of the page and their meanings."""

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
        series: series of the number in large type, as in the tables; empty without a number.
        glyph: a small drawing of it as SVG; empty without numbers.
        held: how often such intervals hold the truth in simulations; empty where that was not counted.
    """

    topic: str
    figure: str
    interval: str
    others: tuple[tuple[str, str], ...]
    text: str
    section: str
    series: str = ""
    glyph: str = ""
    held: str = ""


def pages(
    tables: Tables,
    figures: Mapping[str, Figure],
    release_id: str,
    sources_of_release: list[dict[str, str]],
    homepage: str = "",
    library: str | None = None,
) -> dict[str, str]:
    """Every file of the report by its path in the release: the page, a page for each chart, and the library.

    Args:
        tables: every published table by name.
        figures: the charts of these tables by name.
        release_id: name of the release.
        sources_of_release: title, path, version and license of every source, as a data package lists them.
        homepage: address at which readers find the releases; empty if there is none.
        library: content of `LIBRARY_FILE` of an earlier release; made anew if left out.
    """
    library = javascript() if library is None else library
    drawn = [section for section in sections(figures) if section.figure.chart is not None]
    return {
        PAGE_FILE: page(tables, figures, release_id, sources_of_release, homepage, library),
        LIBRARY_FILE: library,
        **{
            CHART_FILE.format(section.figure.name): chart_page(section, release_id, homepage)
            for section in drawn
        },
    }


def chart_page(section: Section, release_id: str, homepage: str = "") -> str:
    """The page of one chart, small enough to be embedded; it loads the library that lies beside it.

    Args:
        section: the chart with its texts.
        release_id: name of the release.
        homepage: address at which readers find the releases; empty if there is none.
    """
    return _rendered(
        "chart.html.j2",
        figure=section.figure,
        release=release_id,
        library=Path(LIBRARY_FILE).name,
        data=embedded([section]),
        picture=_picture(section.figure.name, homepage),
    )


def page(
    tables: Tables,
    figures: Mapping[str, Figure],
    release_id: str,
    sources_of_release: list[dict[str, str]],
    homepage: str = "",
    library: str = "",
) -> str:
    """The page of a release.

    Args:
        tables: every published table by name.
        figures: the charts of these tables by name.
        release_id: name of the release.
        sources_of_release: title, path, version and license of every source, as a data package lists them.
        homepage: address at which readers find the releases; empty if there is none.
        library: the script that draws the charts.
    """
    made = sections(figures)
    given = answers(tables)
    description = given[0].sentence if given else ""
    known = model_cards(tables)
    return _rendered(
        "page.html.j2",
        release=release_id,
        contract=contract.NAME,
        homepage=homepage,
        cards=cards(given, tables),
        charts={
            one.figure.name: CHART_FILE.format(one.figure.name).removeprefix("report/")
            for one in made
        },
        week_after=WEEK_AFTER,
        glossary=GLOSSARY,
        first_model=next(iter(known["models"]), ""),
        json_ld=_script_json(json_ld(release_id, description, homepage)),
        picture=_picture("density", homepage),
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
        library=library,
        data=embedded(made, known),
        description=description,
    )


def _rendered(template: str, **values: object) -> str:
    """A page of a template of this folder, with its style and its script."""
    style, script = (_inline(FOLDER / name) for name in ("style.css", "report.js"))
    return _templates().get_template(template).render(style=style, script=script, **values).lstrip()


@cache
def _templates() -> jinja2.Environment:
    """The templates of this folder; each is compiled once."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _picture(name: str, homepage: str) -> str:
    """Address of the picture of a chart for previews, which need a full one; empty without a homepage."""
    return f"{homepage.rstrip('/')}/latest/{name}.svg" if homepage else ""


def cards(given: Sequence[Answer], tables: Tables | None = None) -> list[Card]:
    """The cards of the first screen: one for every ruler of density, the price, and every other answer.

    Args:
        given: the answers.
        tables: the published tables, for the curve of the price and for how often intervals hold.
    """
    by_ruler = [made for answer in given if answer.topic == GROWTH for made in ruler_cards(answer)]
    others = sorted(
        (one for one in given if one.topic != GROWTH), key=lambda one: one.topic != PRICE
    )
    made = [*by_ruler, *map(card, others)]
    return made if tables is None else [with_evidence(one, tables) for one in made]


def with_evidence(made: Card, tables: Tables) -> Card:
    """A card with how often its intervals hold in simulations, and that of the price with its curve."""
    if made.section == "price":
        shown = tables["price_halving"].filter(
            pl.col("is_headline"),
            pl.col("level") == made.series,
            pl.col("blend_input_share") == HEADLINE_BLEND,
        )
        curve = (
            tables["price_frontier"]
            .filter(
                pl.col("level") == made.series,
                pl.col("blend_input_share") == HEADLINE_BLEND,
                pl.col("curve") == "cheapest_ever",
            )
            .drop_nulls("usd_per_mtok")
            .sort("date")
        )
        if curve.height:
            days = [day.toordinal() for day in curve["date"].to_list()]
            end = max(days[-1], *(day.toordinal() for day in shown["as_of"].to_list()), days[0])
            made = replace(made, glyph=glyphs.steps(days, curve["usd_per_mtok"].to_list(), end))
    elif made.series == QUOTED_GROWTH[0].name:
        shown = tables["density_growth"].filter("is_headline")
    else:
        return made
    held = shown["simulated_coverage"].drop_nulls()
    if held.is_empty():
        return made
    return replace(
        made, held=f"Such intervals held the truth in {held[0] * 100:.0f} % of simulated worlds."
    )


def ruler_cards(answer: Answer) -> list[Card]:
    """A card for every ruler of the answer to what gets denser, by all and by active parameters."""
    made = []
    ends = axis_of(answer.estimates)
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
                glyph=ruler_glyph(estimates[0], ends),
                series=name,
            )
        )
    return made


def axis_of(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Ends of an axis of doublings a year that has room for the intervals of all estimates."""
    known = [
        value / math.log(2)
        for one in estimates
        for value in (one.growth_low, one.growth_high)
        if value is not None
    ]
    return min([-1.0, *known]) - 0.2, max([1.0, *known]) + 0.2


def ruler_glyph(estimate: Estimate, ends: tuple[float, float]) -> str:
    """The interval of an estimate, with its middle where a pace is quoted; empty without an interval."""
    low, high = estimate.growth_low, estimate.growth_high
    if low is None or high is None or estimate.growth is None:
        return ""
    told = low > 0 or high < 0
    middle = estimate.growth / math.log(2) if told else None
    return glyphs.interval(low / math.log(2), middle, high / math.log(2), ends)


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
    told = [
        one
        for one in answer.estimates
        # An interval without an upper end says nothing of the pace of a price.
        if one.months is not None and not (answer.topic == PRICE and one.high is None)
    ]
    verb = "halves" if answer.topic == PRICE else "doubles"
    first = told[0] if told else None
    interval = "" if first is None else first.text.partition(" (")[2].rstrip(")")
    return Card(
        topic=answer.topic,
        figure=f"{verb} every {first.months:.1f} months" if first else "cannot be told",
        interval=f"{interval} months" if interval else "",
        others=tuple((one.series.replace("mmlu", "MMLU"), one.text) for one in told)
        if len(told) > 1
        else (),
        text=answer.sentence,
        section="price" if answer.topic == PRICE else "density",
        series=first.series if first else "",
    )


def embedded(made: Sequence[Section], known: Mapping[str, Any] | None = None) -> str:
    """Specifications and data of charts, and cards of models, as JSON that may stand inside a script element."""
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
    return _script_json({"charts": content, "onDark": ON_DARK, **(known or {})})


def _script_json(whole: Mapping[str, Any]) -> str:
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _newest(table: pl.DataFrame, column: str) -> date | None:
    day = table[column].max()
    return day if isinstance(day, date) else None


def _inline(file: Path) -> str:
    return file.read_text(encoding="utf-8")
