"""Inputs of the price of a capability: offers, the models they sell, and the scores of these.

Not here: which offers count (`admission`), and the curves (`frontier`).
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from densing_pipeline.cost import admission, index_levels, levels
from densing_pipeline.paper import NMI
from densing_pipeline.prices.as_of import last_day
from densing_pipeline.prices.names import seller_behind
from densing_pipeline.score_sources.index_values import INDEX_SCORES


@dataclass(frozen=True, eq=False)
class Market:
    """Prices, links, levels and scores as known on a day; values derived from them are computed once.

    Attributes:
        prices: rows of `prices`.
        links: rows of `model_links`: the model each offer sells.
        levels: rows of `capability_levels`.
        scores: scores of the models sold (the facts `capability_scores`).
        polls: rows of `price_polls`, needed for a past `as_of` (`prices.as_of.known`).
        as_of: last day of the curves; the newest observation if not given.
        index: values of an index of capability (`index_values.INDEX_SCORES`), for levels on it, of the vintage that
            the levels are from; also the days of release of the models sold, before which no offer counts.
    """

    prices: pl.DataFrame
    links: pl.DataFrame
    levels: pl.DataFrame
    scores: pl.DataFrame
    polls: pl.DataFrame | None = None
    as_of: date | None = None
    index: pl.DataFrame | None = None

    @classmethod
    def of(
        cls,
        prices: pl.DataFrame,
        links: pl.DataFrame,
        levels: pl.DataFrame,
        scores: pl.DataFrame,
        index: pl.DataFrame | None = None,
    ) -> "Market":
        """The market as known now. Several tables of a night rest on the same one, so the last two are kept.

        Args:
            prices: rows of `prices`.
            links: rows of `model_links`.
            levels: rows of `capability_levels`.
            scores: scores of the models sold.
            index: values of an index of capability.
        """
        made = cls(prices, links, levels, scores, index=index)
        for kept in _KEPT:
            if all(
                _is_equal(getattr(kept, name), getattr(made, name))
                for name in ("prices", "links", "levels", "scores", "index")
            ):
                return kept
        _KEPT[:] = [made, *_KEPT[:1]]
        return made

    @property
    def is_empty(self) -> bool:
        """Whether there is no price at all."""
        return self.prices.is_empty()

    @cached_property
    def last(self) -> date:
        """Last day of the curves.

        Raises:
            TableError: there are no prices, and no day is given.
        """
        return self.as_of or last_day(self.prices)

    @cached_property
    def on_sale(self) -> pl.DataFrame:
        """The offers that count, each over the days it is known to have held (`admission.on_sale`)."""
        return admission.on_sale(self.prices, self.last, self.polls)

    @cached_property
    def linked(self) -> pl.DataFrame:
        """The offers on sale with the model each sells, `canonical_id`; without the paper's plotted prices.

        An offer counts from the day on which its model was released, where that day is known: a name may
        have sold an earlier model before. `deepseek-chat` was DeepSeek-V2 until V3 was out.
        """
        sure = self.links.filter(pl.col("confidence") >= admission.MIN_LINK_CONFIDENCE)
        offers = self.on_sale.filter(pl.col("source") != NMI).join(
            sure.select(*admission.OFFER, "canonical_id"), on=admission.OFFER
        )
        released = (INDEX_SCORES.to_frame() if self.index is None else self.index).select(
            "canonical_id", released=pl.col("release_date").to_physical()
        )
        return self._with_sellers(
            offers.join(released, on="canonical_id", how="left", maintain_order="left")
            .with_columns(
                start=pl.max_horizontal("start", "released"),
                earliest=pl.max_horizontal("earliest", "released"),
            )
            .filter(pl.col("start") < pl.col("end"))
            .drop("released")
        )

    def _with_sellers(self, offers: pl.DataFrame) -> pl.DataFrame:
        """The offers with `seller`, the company that asks the price; null where a router's list does not say.

        The weights of a model are open if any list names a Hub repository for an offer of it.
        """
        on_hub = self.prices.filter(pl.col("hub_id").is_not_null()).select(admission.OFFER).unique()
        open_models = set(offers.join(on_hub, on=admission.OFFER, how="semi")["canonical_id"])
        sold = ("provider", "model", "canonical_id")
        sellers = [
            (*found, seller_behind(found[0], found[1], is_open=found[2] in open_models))
            for found in offers.select(sold).unique().rows()
        ]
        named = pl.DataFrame(
            sellers, schema=dict.fromkeys((*sold, "seller"), pl.String), orient="row"
        )
        return offers.join(named, on=sold, how="left", maintain_order="left")

    @cached_property
    def scored_links(self) -> pl.DataFrame:
        """Rows of `links` whose model has a score; only these say anything about a level on a benchmark."""
        return self.links.join(self.scores, on="canonical_id", how="semi", maintain_order="left")

    @cached_property
    def memberships(self) -> pl.DataFrame:
        """Probability that each model reaches each level of the scale it is judged on."""
        scored = levels.memberships(levels.on_benchmarks(self.levels), self.scores)
        if self.index is None:
            return scored
        return pl.concat([scored, index_levels.memberships(self.levels, self.index)])


_KEPT: list[Market] = []
"""The two markets made last: that of all levels, and one without."""


def _is_equal(one: pl.DataFrame | None, other: pl.DataFrame | None) -> bool:
    return one is other or (one is not None and other is not None and one.equals(other))
