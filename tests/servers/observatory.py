"""Nights at a simulated Hub, and what the tables say after them."""

from datetime import timedelta

import polars as pl

from densing_pipeline import facts
from densing_pipeline.hub import bundled, models, observations, poll, repositories
from densing_pipeline.hub.client import Hub
from densing_pipeline.landing import LandingZone
from tests.servers.hub import FIRST_DAY

LIMITS = poll.Limits(
    overlap_days=2, first_days=30, page_size=100, configs=50, revisits=20, headers=0
)
"""No headers of weights are asked for: tests/unit/hub/test_header_nights.py has nights that do."""
NIGHT = timedelta(hours=23)
"""Nights begin an hour before midnight of the simulated days."""


class Observatory:
    """A landing zone that polls a simulated Hub night after night."""

    def __init__(self, folder, simulated, endpoint, limits=LIMITS, token=None):
        """Land in a folder what the simulated Hub answers at an endpoint."""
        self.zone = LandingZone(folder / "landing")
        self.cache = folder / "cache"
        self.world, self.endpoint, self.limits, self.token = simulated, endpoint, limits, token
        self.known: set[str] = set()
        self.publishers: set[str] = set()

    def night(self, day, hub=None):
        """Poll on the night of a day; days count from zero."""
        self.world.today = FIRST_DAY + timedelta(days=day) + NIGHT
        ticks = iter(range(10**6))
        return poll.poll(
            self.zone,
            self.cache,
            hub or Hub(self.endpoint, self.token),
            self.limits,
            self.known,
            lambda: self.world.today + timedelta(milliseconds=next(ticks)),
            self.publishers,
        )

    def tables(self):
        """The `models` and `model_quarantine` tables of what has landed."""
        seen = observations.observations(self.zone, self.cache)
        found = repositories.repositories(seen, self.known)
        return models.models(
            bundled.models(facts.load("base_models"), facts.load("nmi_models")),
            models.with_configs(found, observations.configs(self.zone), self.zone, self.cache),
            models.refused(seen),
        )

    def found(self, table=None):
        """Base models of the Hub that the facts do not know, and the day each was first seen.

        Args:
            table: a `models` frame; by default that of what has landed.
        """
        table = (self.tables()[0] if table is None else table).filter(
            pl.col("is_base"), pl.col("source") == models.SOURCE, ~pl.col("is_doubtful")
        )
        assert table["model_id"].is_unique().all() or "replaced" in table["hub_state"]
        return {
            model_id: (seen - FIRST_DAY).days
            for model_id, seen in table.select("model_id", "first_seen_at").iter_rows()
        }
