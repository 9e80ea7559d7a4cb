"""The charts of a release, by file stem: one module a chart. They are drawn from published tables only."""

from collections.abc import Callable, Mapping

import polars as pl

from densing_pipeline.publication.charts import (
    causes,
    choices,
    compression,
    density,
    forecasts,
    fresh_text,
    index,
    paces,
    price,
    rulers,
    smallest,
)
from densing_pipeline.publication.charts.style import Figure

CHARTS: dict[str, Callable[[Mapping[str, pl.DataFrame]], Figure]] = {
    "density": density.density_today,
    "rulers": rulers.rulers,
    "choices": choices.choices,
    "paces": paces.paces,
    "price": price.price,
    "causes": causes.causes,
    "index": index.index,
    "smallest": smallest.smallest,
    "fresh": fresh_text.fresh,
    "compression": compression.compression,
    "forecasts": forecasts.forecasts,
    "price_forecasts": forecasts.price_forecasts,
}
"""Every chart by name, in the order of the page."""
