"""The sections of the page: a question, its chart, how to read it, and what it does not say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from densing_pipeline.publication.charts.style import Figure
from densing_pipeline.publication.report.listings import Listing
from densing_pipeline.publication.short_tables import FINISHED
from densing_pipeline.publication.summary import newest_polls
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.published import PUBLISHED


@dataclass(frozen=True)
class Text:
    """What stands beside the chart of a section.

    Attributes:
        question: the question, for the list of contents.
        reading: how to read the chart.
        limits: what it does not say.
        method: page of the documentation that has the method.
        tables: published tables that it is drawn from.
    """

    question: str
    reading: str
    limits: str
    method: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One section of the page: a chart with its texts and, of some, a short table below it."""

    figure: Figure
    text: Text
    listing: Listing | None = None


TEXTS: dict[str, Text] = {
    "density": Text(
        "How fast do models get denser?",
        "A model of density 2 scores as a reference model of twice its size would. The line is the 90 % "
        "quantile of all models; the band is the 95 % interval of its slope, turned about the middle model. "
        "Names: models that were the densest when they appeared.",
        "Scores are mostly those that makers report, on benchmarks that may have been trained on. Above a "
        "score of .90 MMLU hardly tells models apart, so the densest are known worst.",
        "statistics.md",
        ("densities", "densing_law"),
    ),
    "rulers": Text(
        "Does every ruler agree?",
        "Each bar is the 95 % interval of the growth of density by one ruler: benchmarks, the compression of fresh text, or "
        "questions of fact. A score becomes a size by the sizes of model families, or by the paper's reference models where "
        "that is said. A bar that reaches zero shows no growth.",
        "The rulers have different models: those with published results, not a sample of all.",
        "statistics.md",
        ("density_growth",),
    ),
    "choices": Text(
        "How much hangs on our choices?",
        "Each bar spans the middle 90 % of all combinations that make this choice, each distinct choice counting alike; the dot "
        "is their median. "
        "A choice that moves the bar matters; the line is the estimate quoted for the paper's models.",
        "The combinations are those that we hold defensible, not a sample of anything; their range is no "
        "interval of probability.",
        "statistics.md",
        ("sensitivity",),
    ),
    "paces": Text(
        "Has it slowed?",
        "Each bar is the 95 % interval of the pace by one curve; the dot is the estimate. Bars that overlap "
        "do not tell the paces apart.",
        "Two years of models are few: a change of pace by half would often go unnoticed.",
        "statistics.md",
        ("density_paces", "pace_skill"),
    ),
    "price": Text(
        "What does a capability cost?",
        "Each line is the cheapest price at which a model at least as capable has been on offer so far; "
        "choose “on offer that day” to see prices that were withdrawn. Where nobody looked the line is dotted: in the "
        "grey hatching no price list at all, in the hatching beside a line not the one on which the next price was "
        "found, which may have been offered by then. Hollow dots are such finds. A name at a long step is the model that brought "
        "the price down, with the part that was left of it.",
        "Prices per token, not per task: newer models write more tokens. A date is the first day on which "
        "a list showed the price, unless the seller announced it.",
        "prices.md",
        ("price_frontier", "price_halving"),
    ),
    "causes": Text(
        "Who makes it cheaper: new models or price cuts?",
        "One halving is a fall by half. New models and new sellers undercut what is on offer; price changes "
        "are made by a seller who already offers the cheapest model. The hatching under a bar is the part of it that "
        "was found only after a list had not been looked at for over 30 days.",
        "A seller who cuts because of a new model elsewhere counts as a price change.",
        "prices.md",
        ("price_decomposition",),
    ),
    "index": Text(
        "And over all models, at equal quality?",
        "The index compares the prices of all models on offer after taking out differences of quality; the "
        "first month is 100.",
        "It is the price of the whole market, where the chart above follows its cheapest offer.",
        "prices.md",
        ("price_index",),
    ),
    "smallest": Text(
        "What is the smallest model that reaches a level?",
        "Each line is the size of the smallest open base model so far that scores at least as much; it "
        "steps down when a smaller one appears.",
        "Scores are reported under the paper's protocol; a chat model made of the same base may score "
        "differently. Memory depends on the number format.",
        "statistics.md",
        ("densities", "models"),
    ),
    "fresh": Text(
        "Are models dense on tests only?",
        "Each dot is a model: to the right, denser by how well it compresses text written after it was trained; upwards, "
        "denser by a benchmark. Above the dashed line it does better on the benchmark than such models usually do.",
        "A model may be denser on tests because it was trained on them, or for the skills that tests ask for and plain "
        "text does not. Few models have both measurements.",
        "statistics.md",
        ("benchmark_gap",),
    ),
    "compression": Text(
        "What do pruning, distillation and quantisation do?",
        "Left of the line a compressed model has less capability per parameter than its original, at the "
        "number of bits it runs with.",
        "Few pairs have scores under one protocol, and those that makers publish are not a sample.",
        "statistics.md",
        ("compression",),
    ),
    "forecasts": Text(
        "How dense will models be, and how good were the forecasts?",
        "The black line is what came. Each fan was made where it begins, from what was known that day: the blue line is "
        "its middle, the bands should hold what comes in 80 and 95 of 100 cases. Dashed: the paper's pace, and no change.",
        "Neighbouring forecasts share most of their data, so their hits are no independent trials.",
        "forecasts.md",
        ("forecasts", "forecast_scores"),
    ),
    "price_forecasts": Text(
        "What will a capability cost?",
        "As above, of the cheapest price so far of a model at least as capable. A fan is flat on top because the lowest price so far "
        "cannot rise.",
        "A forecast knows nothing of announced models or price lists. Fans of neighbouring levels share most of their data.",
        "forecasts.md",
        ("forecasts", "forecast_scores"),
    ),
}
"""What stands beside each chart, in the order of the page."""


UNASKED = ("embedded", "disabled")
"""Outcomes of sources that no poll has asked."""

FAILED = ("failed", "rejected")
"""Outcomes of polls that brought nothing that is used."""


def sections(
    figures: Mapping[str, Figure], listings: Mapping[str, Listing] | None = None
) -> list[Section]:
    """Every section of the page, in its order.

    Args:
        figures: the charts of a release by name; those that are not given have no section.
        listings: short tables by name of the section; none if left out.
    """
    below = listings or {}
    return [
        Section(figures[name], text, below.get(name))
        for name, text in TEXTS.items()
        if name in figures
    ]


def waiting(queue: pl.DataFrame) -> pl.DataFrame:
    """Models that are not evaluated, counted by state and kind of reason.

    Args:
        queue: an `evaluation_queue` frame.
    """
    kind = pl.col("reason").str.replace(
        r"^needs [\d.,]+ GiB.*", "needs more memory than this installation has"
    )
    return (
        queue.filter(~pl.col("state").is_in(FINISHED))
        .group_by("state", kind.alias("reason"))
        .agg(
            models=pl.len().cast(pl.Int64),
            hours=pl.col("estimated_gpu_hours").sum().round(1),
            example=pl.col("model_id").sort().first(),
        )
        .sort("models", "reason", descending=[True, False])
    )


def waiting_title(groups: pl.DataFrame) -> str:
    """How many models are not evaluated and the state of most, a sentence without its full stop.

    Args:
        groups: a frame of `waiting`.
    """
    if groups.is_empty():
        return "Every known model is evaluated"
    states = groups.group_by("state").agg(pl.col("models").sum()).sort("state").iter_rows()
    said = ", ".join(f"{count:,} {state}" for state, count in states)
    return f"{counted(int(groups['models'].sum()), 'model')} not evaluated here: {said}"


def sources_title(polls: pl.DataFrame) -> str:
    """Whether the sources answered and how old their data are, a sentence without its full stop.

    Args:
        polls: a frame of `sources`.
    """
    days: list[date] = polls["day"].drop_nulls().to_list()
    if not days:
        return "No source has data yet"
    first, last = min(days), max(days)
    span = f"data of {first}" if first == last else f"data of {first} to {last}"
    asked = polls.filter(~pl.col("outcome").is_in(UNASKED))
    if asked.is_empty():
        return f"No source was asked; the package brings {span}"
    failed = asked.filter(pl.col("outcome").is_in(FAILED)).height
    answered = (
        f"{asked.height - failed} of {counted(asked.height, 'source')} answered when last asked"
    )
    return f"{answered}; {span}"


def revisions_title(count: int) -> str:
    """How many published numbers moved, a sentence without its full stop."""
    if not count:
        return "No published number moved since the release before"
    return f"{counted(count, 'published number')} moved since the release before"


def sources(health: pl.DataFrame) -> pl.DataFrame:
    """The newest state of every source, the oldest data last.

    Args:
        health: a `source_health` frame.
    """
    return (
        newest_polls(health)
        .sort("polled_at", "source", descending=[True, False])
        .select(
            "source",
            "version",
            day=pl.when(pl.col("outcome") != "disabled").then(pl.col("polled_at").dt.date()),
            outcome="outcome",
            message="message",
        )
    )


def dictionary() -> list[dict[str, object]]:
    """Name, grain and columns of every published table, for the data dictionary of the page."""
    return [
        {"name": name, "grain": table.grain, "columns": ", ".join(table.names)}
        for name, table in PUBLISHED.items()
    ]
