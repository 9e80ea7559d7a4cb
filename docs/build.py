"""Regenerate the generated documentation: the data dictionary, pictures, tables and numbers.

Run by `make docs`; pictures, tables and numbers are those of the latest release. `make dictionary` writes
the data dictionary alone and adds new columns to the contract, and `make docs-check` writes nothing: it says which pages differ from the release.
"""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import polars as pl

from benchmarks import performance
from benchmarks.quarter import report as quarter
from benchmarks.year import report as year
from densing_pipeline.cost.task_costs import halving_rows
from densing_pipeline.evaluation import recognition
from densing_pipeline.forecasts.backtest import claims_rows, skill_rows
from densing_pipeline.publication.answers import growth_answer, growth_sentences, price_answer
from densing_pipeline.publication.charts import CHARTS
from densing_pipeline.publication.charts.rendering import svg
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables import contract, dictionary, markdown
from densing_pipeline.tables.published import DESCRIBED
from densing_pipeline.tables.schemas import TableError
from docs import quoting, values
from docs.statements import PAGES
from docs.tables import (
    break_rows,
    choice_rows,
    context_rows,
    coverage_rows,
    growth_rows,
    law_draw_rows,
    level_rows,
    method_rows,
    minima_rows,
    pace_rows,
    pooled_rows,
    source_rows,
    trend_rows,
)

ROOT = Path(__file__).parents[1]

CONTRACT = ROOT / "docs" / f"contract_{contract.NAME}.csv"
"""What readers of the tables rely on."""

NEAR = 1e-6
"""Relative difference that another processor may make of a number of a release."""

IDENTIFYING = ("blend_input_share", "reference_tokens", "level_score")
"""Numbers that identify a series where they are no key."""

LINE = 120
"""Longest line of the written pages, in characters."""

COMPOSED = ROOT / "tests" / "unit" / "hub" / "composed.csv"
"""The models whose records are composed to measure how base models are recognised."""


def main(arguments: Sequence[str]) -> int:
    """Write the generated files, or with `dictionary` only those that need no release; returns the exit status.

    With `check` nothing is written, and the status is 1 if a page differs from the latest release.
    """
    if arguments == ["check"]:
        return _checked()
    try:
        promised = contract.extended(CONTRACT.read_text(encoding="utf-8"))
    except TableError as error:
        print(error, file=sys.stderr)
        return 1
    CONTRACT.write_text(promised, encoding="utf-8")
    (ROOT / "docs/data_dictionary.md").write_text(dictionary.markdown(), encoding="utf-8")
    if arguments == ["dictionary"]:
        return 0
    try:
        tables = read_latest(Settings().publish_dir)
        built = pages(tables)
    except (TableError, quoting.QuoteError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, chart in CHARTS.items():
        if (figure := chart(tables)).chart is not None:
            (ROOT / "docs" / f"{name}.svg").write_bytes(svg(figure))
    for name, text in built.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


def problems(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """What README and docs say that a release does not bear out, a sentence each; empty if all is right.

    A number that lies on the edge between two printed ones may be either (`quoting.agrees`).

    Raises:
        QuoteError: as `pages`.
    """
    found, of_release = [], values.released(tables)
    built = [pages(tables), *(pages(scaled(tables, 1 + part)) for part in (-NEAR, NEAR))]
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        lines = zip_longest(
            *map(str.splitlines, (text, *(each[name] for each in built))), fillvalue=""
        )
        if changed := next((line for line in lines if not quoting.agrees(*line)), None):
            found.append(f"{name}: run `make docs`: {changed[0]!r} should be {changed[1]!r}")
        found += [f"{name}: {said}" for said in quoting.contradicted(text, PAGES[name], of_release)]
    return found


def scaled(tables: Mapping[str, pl.DataFrame], factor: float) -> dict[str, pl.DataFrame]:
    """The tables with their numbers times a factor, but for counts and the columns that identify a row."""
    return {
        name: frame.with_columns(
            (
                pl.selectors.float()
                - pl.selectors.by_name(*IDENTIFYING, *DESCRIBED[name].key, require_all=False)
            )
            * factor
        )
        for name, frame in tables.items()
    }


def _checked() -> int:
    try:
        found = problems(read_latest(Settings().publish_dir))
    except (TableError, quoting.QuoteError) as error:
        found = [str(error)]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


def pages(tables: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """The text of every written page with the tables and numbers of a release.

    Raises:
        QuoteError: a page does not have a statement that is listed for it.
    """
    of_release = values.released(tables)
    places = _places(tables)
    built = {}
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for place, generated in places.get(name, {}).items():
            text = markdown.filled(text, place, generated)
        try:
            built[name] = quoting.filled(text, page.statements, of_release)
        except quoting.QuoteError as error:
            raise quoting.QuoteError(f"{name}: {error}") from error
    return built


def _places(tables: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, str]]:
    """The generated text by page and place: the answers, and tables."""
    composed = recognition.outcomes(recognition.read(COMPOSED))
    generated: dict[str, dict[str, list[list[str]]]] = {
        "docs/hub.md": {
            f"recognition_{name}": rows for name, rows in recognition.tables(composed).items()
        },
        "docs/statistics.md": {
            "loss_minima": minima_rows(tables["reference_laws"], tables["reference_points"]),
            "law_draws": law_draw_rows(tables["reference_law_draws"]),
            "source_effects": source_rows(tables["source_effects"]),
            "densing_law": trend_rows(tables["densing_law"]),
            "pooled_growth": pooled_rows(tables["density_growth"]),
            "interval_coverage": coverage_rows(tables["interval_coverage"]),
            "trend_breaks": break_rows(tables["trend_breaks"]),
            "density_paces": pace_rows(tables["density_paces"], tables["pace_skill"]),
            "density_growth": growth_rows(tables["density_growth"]),
            "sensitivity": choice_rows(tables["sensitivity"]),
        },
        "docs/prices.md": {
            "price_levels": level_rows(tables["price_halving"], tables["price_records"]),
            "price_comparisons": method_rows(tables["price_comparisons"]),
            "task_costs": halving_rows(tables["task_cost_halving"]),
        },
        "docs/forecasts.md": {
            "context_rates": context_rows(tables["context_rates"]),
            "forecast_skill": skill_rows(tables["forecast_skill"]),
            "paper_claims": claims_rows(tables["paper_claims"]),
        },
    }
    written = {
        "README.md": {"answers": answer_list(tables)},
        "docs/reliability.md": quarter.places(quarter.stored()),
        "docs/operations.md": year.places(year.stored()),
        "docs/performance.md": performance.places(),
    }
    return written | {
        page: {place: markdown.table(rows) for place, rows in places.items()}
        for page, places in generated.items()
    }


def answer_list(tables: Mapping[str, pl.DataFrame]) -> str:
    """What gets denser and cheaper as a list in Markdown, a sentence each, as `densing show` says it.

    Args:
        tables: those of a release.
    """
    growth, price = growth_answer(tables["density_growth"]), price_answer(tables)
    said = [*growth_sentences(tables["density_growth"]), growth.basis, price.sentence]
    return "\n".join(
        textwrap.fill(
            one, LINE, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
        )
        for one in said
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
