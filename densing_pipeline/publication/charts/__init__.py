"""The charts of a release, by file stem. They are drawn from published tables only."""

from collections.abc import Callable, Mapping

import polars as pl

from densing_pipeline.publication.charts import (
    choices,
    density,
    forecasts,
    fresh_text,
    models,
    price,
    rates,
)
from densing_pipeline.publication.charts.style import Figure

CHARTS: dict[str, Callable[[Mapping[str, pl.DataFrame]], Figure]] = {
    "density": density.density_today,
    "rulers": rates.rulers,
    "choices": choices.choices,
    "paces": rates.paces,
    "price": price.price,
    "causes": price.causes,
    "index": price.index,
    "smallest": models.smallest,
    "fresh": fresh_text.fresh,
    "compression": models.compression,
    "forecasts": forecasts.forecasts,
    "price_forecasts": forecasts.price_forecasts,
}
"""Every chart by name, in the order of the page."""
