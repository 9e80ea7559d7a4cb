"""Which estimates of the growth of density are quoted. Not here: how they are estimated (`trends`)."""

from typing import NamedTuple

from densing_pipeline.paper import NMI, NMI_AVERAGE


class Headline(NamedTuple):
    """The row of `densing_law` that is quoted; the fields are its columns."""

    reference_id: str
    score_set: str
    params_basis: str
    window: str
    estimator: str


HEADLINE = Headline(NMI, NMI_AVERAGE, "nonembedding", "all", "quantile-0.9")
"""The estimate by the paper's own law that is quoted beside the headline; fixed without looking at any result."""


class GrowthHeadline(NamedTuple):
    """The row of `density_growth` that is the headline; the fields are its columns."""

    ruler: str
    group: str
    population: str
    params_basis: str
    estimator: str
    window: str


GROWTH_HEADLINE = GrowthHeadline(
    "size-lines-bent", "all-benchmarks", "base", "total", "pooled-quantile-0.9", "all"
)
"""The headline, chosen by a rule that was written down before its results (docs/statistics.md)."""

HEADLINE_BLEND = 0.75
"""Share of input tokens in the blended price that is quoted and forecast."""


class QuotedGrowth(NamedTuple):
    """The rows of `density_growth`, one per parameter basis, that the first answer quotes for one ruler.

    Attributes:
        name: in one word, for `headline.json`.
        words: what gets denser, after "density", in words.
        models: which models were measured, in words.
        ruler, group, population, estimator, window: columns of `density_growth`.
    """

    name: str
    words: str
    models: str
    ruler: str
    group: str
    population: str
    estimator: str
    window: str


QUOTED_GROWTH = (
    QuotedGrowth(
        "skills", "of skills on five benchmarks", "base models", GROWTH_HEADLINE.ruler,
        GROWTH_HEADLINE.group, GROWTH_HEADLINE.population, GROWTH_HEADLINE.estimator,
        GROWTH_HEADLINE.window,
    ),
    QuotedGrowth(
        "knowledge", "of knowledge of obscure facts", "instruct models",
        "incompressible-knowledge-probes", "knowledge", "instruct-and-thinking", "quantile-0.9", "all",
    ),
    QuotedGrowth(
        "compression", "by compression of fresh text", "base models", "fresh-text-qwen2.5",
        "fresh-text", "base", "quantile-0.9", "all",
    ),
)  # fmt: skip
"""What gets denser, each by the same quantile of the frontier. Skills are the headline, by both parameter bases."""
