"""The polled score sources: one module per source, which reads it and declares it as `SOURCE`.

Not here: asking for them (`score_sources.poll`), and scores over time (`score_sources.history`).
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from densing_pipeline.score_sources.source import ScoreSource


def declared(folders: Iterable[str]) -> dict[str, ScoreSource]:
    """The sources that modules of this package declare, by name and in order of names.

    Args:
        folders: where the modules are, as a package's `__path__`.

    Raises:
        ValueError: two modules declare a source of one name.
    """
    found: dict[str, ScoreSource] = {}
    for module in iter_modules(folders):
        source = getattr(import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if isinstance(source, ScoreSource):
            if source.name in found:
                raise ValueError(f"two modules of {__name__} declare the source {source.name!r}")
            found[source.name] = source
    return dict(sorted(found.items()))


SOURCES = declared(__path__)
"""Every polled score source, by its name in the landing zone and in its table."""
