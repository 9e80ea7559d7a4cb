"""The page of a release as HTML: one file that opens from disk and sends no request.

Third-party text (names of models and sellers, messages of sources) reaches the page in two ways: through the
template, which escapes it, and as JSON, whose `<` are written as their Unicode escapes. The page's own rules of content
(Content-Security-Policy) forbid every request and the evaluation of text as code.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from densing_pipeline.publication.answers import answers
from densing_pipeline.publication.charts.rendering import javascript, javascript_key
from densing_pipeline.publication.charts.style import ON_DARK, Figure
from densing_pipeline.publication.croissant import json_ld
from densing_pipeline.publication.price_news import week
from densing_pipeline.publication.report.cards import cards
from densing_pipeline.publication.report.listings import listings
from densing_pipeline.publication.report.model_cards import model_cards
from densing_pipeline.publication.report.sections import (
    Section,
    dictionary,
    revisions_title,
    sections,
    sources,
    sources_title,
    waiting,
    waiting_title,
)
from densing_pipeline.publication.stored_tables import scan
from densing_pipeline.tables import contract
from densing_pipeline.tables.schemas import Tables

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

UNBROKEN = re.compile(r"(\b\d{4}-\d{2}(?:-\d{2})?\b|\b\d[\d.,]* (?:%|c\b))")
"""Days and months such as 2026-11-29, and numbers with a unit such as 95 % and 1.8 c."""


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
    made = sections(figures, listings(tables))
    queue, polls = waiting(tables["evaluation_queue"]), sources(tables["source_health"])
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
        quotes=[answer.sentence for answer in given],
        sections=made,
        models_until=_newest(tables["densities"], "release_date"),
        prices_until=_newest(tables["price_halving"], "as_of"),
        models_old=MODELS_OLD_DAYS,
        prices_old=PRICES_OLD_DAYS,
        week=week(scan(tables, "prices"), tables["price_changes"]),
        waiting=queue.to_dicts(),
        waiting_title=waiting_title(queue),
        sources=polls.to_dicts(),
        sources_title=sources_title(polls),
        revisions=tables["revisions"].to_dicts(),
        revisions_title=revisions_title(tables["revisions"].height),
        licences=sources_of_release,
        dictionary=dictionary(),
        library=library,
        data=embedded(made, known),
        description=description,
    )


def _rendered(template: str, **values: object) -> str:
    """A page of a template of this folder, with its style and its script."""
    style, script = (_inline(FOLDER / name) for name in ("style.css", "report.js"))
    return templates().get_template(template).render(style=style, script=script, **values).lstrip()


@cache
def templates() -> jinja2.Environment:
    """The templates of this folder; each is compiled once."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["pieces"] = pieces
    made.tests["web_address"] = re.compile("https?://").match
    return made


def pieces(text: str) -> list[tuple[str, bool]]:
    """A text in parts, each with whether a line may not break inside it (`UNBROKEN`)."""
    return [(part, place % 2 == 1) for place, part in enumerate(UNBROKEN.split(text))]


def _picture(name: str, homepage: str) -> str:
    """Address of the picture of a chart for previews, which need a full one; empty without a homepage."""
    return f"{homepage.rstrip('/')}/latest/{name}.svg" if homepage else ""


def embedded(made: Sequence[Section], known: Mapping[str, Any] | None = None) -> str:
    """Specifications and data of charts, and cards of models, as JSON that may stand inside a script element."""
    content = {
        section.figure.name: {
            "spec": section.figure.specification(),
            "data": {
                name: {column.name: compact(column) for column in frame}
                for name, frame in section.figure.datasets().items()
            },
            "columns": section.figure.columns,
            "controls": [
                {"param": one.param, "column": one.column} for one in section.figure.controls
            ],
            "search": None
            if section.figure.search is None
            else {"param": section.figure.search.param, "columns": section.figure.search.columns},
        }
        for section in made
        if section.figure.chart is not None
    }
    return _script_json({"charts": content, "onDark": ON_DARK, **(known or {})})


def compact(column: pl.Series) -> list[Any] | dict[str, list[Any]]:
    """The values of a column; of text that repeats, each value once (`of`) and the place of each row's (`at`)."""
    if column.dtype != pl.String or 2 * column.n_unique() > len(column):
        return column.to_list()
    of = column.unique(maintain_order=True).to_list()
    place = {value: at for at, value in enumerate(of)}
    return {"of": of, "at": [place[value] for value in column]}


def _script_json(whole: Mapping[str, Any]) -> str:
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _newest(table: pl.DataFrame, column: str) -> date | None:
    day = table[column].max()
    return day if isinstance(day, date) else None


def _inline(file: Path) -> str:
    return file.read_text(encoding="utf-8")
