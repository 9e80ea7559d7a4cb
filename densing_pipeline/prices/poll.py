"""Poll all price lists at once, land the responses, and report the result for each list.

Not here: polling itself (`polling`), the formats (`prices.sources`), and prices over time
(`prices.book`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from densing_pipeline import fetch
from densing_pipeline.clock import now
from densing_pipeline.polling import poll as polling
from densing_pipeline.polling.landed import Held, PollResult
from densing_pipeline.prices.snapshots import REPORTS
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot
from densing_pipeline.prices.sources.source import Source, WantedModels
from densing_pipeline.settings import Settings


def poll(
    settings: Settings,
    *,
    models: Mapping[str, Sequence[str]] | None = None,
    clock: Callable[[], datetime] | None = None,
    client: polling.Opened = fetch.client,
) -> list[PollResult]:
    """Ask every price list, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        models: by source, the models to ask for, in place of the source's own choice
            (`Source.wanted_models`).
        clock: gives the time of the poll; `clock.now` if not given.
        client: opens the client that asks.

    Returns:
        One result per polled source, in the order of `SOURCES`; also landed as a report.
    """
    given = models or {}
    choose = {
        name: _chooser(source.wanted_models, settings, given.get(name))
        for name, source in SOURCES.items()
        if source.wanted_models
    }
    sources: Mapping[str, Source] = SOURCES
    return polling.poll(settings, sources, REPORTS, (clock or now)(), choose, client)


def _chooser(
    wanted: WantedModels, settings: Settings, given: Sequence[str] | None
) -> polling.Choose[ParsedSnapshot]:
    """Chooses the models to ask a list for: those given, else its own choice, None for none."""

    def choose(held: Mapping[str, Held[ParsedSnapshot] | None]) -> Sequence[str] | None:
        newest = {name: known.parsed.quotes for name, known in held.items() if known}
        return given or wanted(settings, newest) or None

    return choose
