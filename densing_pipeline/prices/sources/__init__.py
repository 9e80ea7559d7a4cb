"""The polled price lists: one module per list, which reads it and declares it as `SOURCE`.

A new list is such a module, and a field of `Settings` with its address. Not here: asking for the lists
(`prices.poll`), and prices over time (`prices.book`).
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from densing_pipeline.prices.sources.source import Source


def declared(folders: Iterable[str]) -> dict[str, Source]:
    """The sources that modules of this package declare, by name and in order of names.

    Args:
        folders: where the modules are, as a package's `__path__`.

    Raises:
        ValueError: two modules declare a source of one name.
    """
    found: dict[str, Source] = {}
    for module in iter_modules(folders):
        source = getattr(import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if isinstance(source, Source):
            if source.name in found:
                raise ValueError(f"two modules of {__name__} declare the source {source.name!r}")
            found[source.name] = source
    return dict(sorted(found.items()))


SOURCES = declared(__path__)
"""Every polled price list, by its name in the landing zone and in `prices`."""


def own_lists() -> frozenset[str]:
    """Names of the lists that the sellers' own systems write."""
    return frozenset(source.name for source in SOURCES.values() if source.is_own)


def partial_lists() -> frozenset[str]:
    """Names of the lists that cover other models every night."""
    return frozenset(source.name for source in SOURCES.values() if source.is_partial)
