"""The polled price lists: one module per list, which reads it and declares it as `SOURCE`.

A new list is such a module, and a field of `Settings` with its address. Not here: asking for the lists
(`prices.poll`), and prices over time (`prices.book`).
"""

from densing_pipeline.polling.declaration import declared
from densing_pipeline.prices.sources.source import Source

SOURCES = declared(__name__, __path__, Source)
"""Every polled price list, by its name in the landing zone and in `prices`."""


def own_lists() -> frozenset[str]:
    """Names of the lists that the sellers' own systems write."""
    return frozenset(source.name for source in SOURCES.values() if source.is_own)


def partial_lists() -> frozenset[str]:
    """Names of the lists that cover other models every night."""
    return frozenset(source.name for source in SOURCES.values() if source.is_partial)
