"""Which estimate of the density trend is the headline. Not here: how it is estimated (`trends`)."""

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
"""Fixed without looking at any result (docs/statistics.md says why)."""

HEADLINE_BLEND = 0.75
"""Share of input tokens in the blended price that is quoted and forecast."""
